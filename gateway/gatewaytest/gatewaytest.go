// Package gatewaytest is the conformance suite of the connectors: it plays every
// phase of failure for every operation of a profile and checks what the connector
// promised (design, section 7).
//
//   - NotSent is said only when nothing was carried out;
//   - whatever is not a complete answer to this very key is in doubt;
//   - doubt ends by a look-up that tells the truth, or by a replay, and the key has charged
//     once at most; where the gateway offers neither, it stays;
//   - an answer by look-up reads like that of an undisturbed call;
//   - no error text holds a card number.
package gatewaytest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
)

// Card is the number that a Bench's requests carry, where they carry one.
const Card = "5123450000000008"

// NobodysEndpoint is where nobody listens: a port that only a system's own service may take.
const NobodysEndpoint = "http://127.0.0.1:1"

// Bench is a connector and the simulator that it speaks to, made fresh for each use.
type Bench struct {
	Connector gateway.Connector
	// Nobody is the same connector configured for an address where nobody listens.
	Nobody    gateway.Connector
	Simulator *simulator.Simulator
	// Request makes a request that the gateway approves. Every name makes another
	// key; the original of a follow-up has been made, and no other follow-up acts on it.
	Request func(t *testing.T, command batch.Command, name string) gateway.Request
}

// Factory makes a Bench; it cleans up with the test.
type Factory func(t *testing.T) Bench

// promise is what a connector must say to a phase.
type promise string

const (
	promiseNotSent  promise = "not sent"
	promiseInDoubt  promise = "in doubt"
	promiseAnswered promise = "answered"
	promisePending  promise = "pending"
	promiseDeclined promise = "declined"
)

// promises; phases that are not here are in doubt.
var promises = map[stage.Phase]promise{
	stage.TooMany429:      promiseNotSent,
	stage.Unauthorized:    promiseNotSent,
	stage.DuplicateAnswer: promiseAnswered,
	stage.SlowDrip:        promiseAnswered,
	stage.Pending:         promisePending,
	stage.UnknownCode:     promiseDeclined,
}

// delays keep the suite short where a phase's own delay is meant for people.
var delays = map[stage.Phase]time.Duration{
	stage.SlowDrip:   50 * time.Microsecond,
	stage.LateCommit: 20 * time.Millisecond,
}

// Run plays the suite and returns what it saw. Of a gateway.Batcher every request
// travels in a batch of its own.
func Run(t *testing.T, factory Factory) *Table {
	factory = oneByOne(factory)
	profile := factory(t).Connector.Profile()
	table := &Table{cells: map[cell]string{}}
	for command, operation := range profile.Commands {
		if !operation.Local {
			table.commands = append(table.commands, command)
		}
	}
	slices.Sort(table.commands)

	t.Run("phases", func(t *testing.T) {
		for _, command := range table.commands {
			t.Run(string(command), func(t *testing.T) {
				t.Parallel()
				b := factory(t)
				plain := playUndisturbed(t, b, command)
				for _, info := range stage.Phases() {
					t.Run(string(info.Phase), func(t *testing.T) {
						table.set(info.Phase, command, playPhase(t, b, command, info, plain))
					})
				}
				t.Run("nobody listens", func(t *testing.T) { playNobody(t, b, command) })
				t.Run("given up before it is sent", func(t *testing.T) { playGivenUp(t, b, command) })
				t.Run("the same request again", func(t *testing.T) { playReplay(t, b, command) })
				t.Run("concurrent", func(t *testing.T) { playConcurrent(t, b, command) })
			})
		}
	})
	t.Run("what is not there", func(t *testing.T) { playUnsupported(t, factory(t)) })
	t.Run("check", func(t *testing.T) { playCheck(t, factory(t)) })
	return table
}

// playPhase sends one request into a fault, checks the promise, and settles it. plain is
// what the gateway answers without a fault.
func playPhase(t *testing.T, b Bench, command batch.Command, info stage.PhaseInfo, plain gateway.Answer) string {
	operation := b.Connector.Profile().Commands[command]
	req := b.Request(t, command, "phase "+string(info.Phase))
	faults := b.Simulator.Stats().Faults
	if err := b.Simulator.Plan(stage.Fault{Phase: info.Phase, Delay: delays[info.Phase]}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if info.Phase == stage.StallBeforeCommit || info.Phase == stage.StallAfterCommit {
		// The caller's patience ends once the gateway has the request.
		go func() {
			waitFor(t, "the stall", func() bool { return b.Simulator.Stats().Faults > faults })
			cancel()
		}()
	}
	answer, err := b.Connector.Do(ctx, req)
	checkQuiet(t, answer, err)
	if n := b.Simulator.Stats().Faults - faults; n != 1 {
		t.Fatalf("%d requests met the fault, want 1: it was sent again", n)
	}

	want, ok := promises[info.Phase]
	if !ok {
		want = promiseInDoubt
	}
	if info.Phase == stage.WrongReference && operation.Anonymous {
		want = promiseAnswered // nothing in the answer could tell
	}
	if operation.Batched {
		want = batchedPromise(info.Phase, want)
	}
	got := promiseOf(answer, err)
	// In doubt is the safe side of these two: an answer that has no form for "later" says
	// nothing, and a code that may mean anything by its family means nothing.
	if got == promiseInDoubt && (want == promisePending || want == promiseDeclined) {
		want = promiseInDoubt
	}
	if got != want {
		t.Fatalf("got %s (%v), want %s", got, err, want)
	}
	if info.Phase == stage.TooMany429 {
		var e *gateway.Error
		if !errors.Is(err, gateway.ErrBusy) || !errors.As(err, &e) || e.RetryAfter <= 0 {
			t.Errorf("got %v, want ErrBusy with the time to wait", err)
		}
	}
	if info.Phase == stage.Unauthorized && !errors.Is(err, gateway.ErrCredentials) {
		t.Errorf("got %v, want ErrCredentials", err)
	}
	if want == promiseNotSent && b.Simulator.Charges(string(req.Key)) != 0 {
		t.Errorf("said not sent, and was charged")
	}
	if want == promiseDeclined {
		return string(want)
	}

	how := settle(t, b, req, info, want, plain)
	once := 0
	if command.MovesMoney() && (how != staysInDoubt || info.Commits) {
		once = 1
	}
	if how == staysInDoubt && info.Phase == stage.LateCommit {
		waitFor(t, "the late commit", func() bool { return b.Simulator.Charges(string(req.Key)) == once })
	}
	if n := b.Simulator.Charges(string(req.Key)); n != once {
		t.Errorf("charged %d times, want %d", n, once)
	}
	// The connection may hold a leftover: the next request must get its own answer.
	next := b.Request(t, command, "after "+string(info.Phase))
	following, err := b.Connector.Do(t.Context(), next)
	if err == nil && following.TransactionID != "" && following.TransactionID == answer.TransactionID {
		t.Errorf("the next request was given the answer of another")
	}
	if err != nil && gateway.IsNotSent(err) {
		t.Errorf("the next request: %v", err)
	}
	if want == promiseAnswered {
		return string(want)
	}
	return string(want) + ", " + how
}

// staysInDoubt is how a doubt ends that neither a look-up nor a replay can end.
const staysInDoubt = "stays in doubt"

// settle ends what a phase left open, as the profile allows, and says how.
func settle(t *testing.T, b Bench, req gateway.Request, info stage.PhaseInfo, seen promise, plain gateway.Answer) string {
	operation := b.Connector.Profile().Commands[req.Command]
	switch {
	case operation.Lookup:
		if found := lookUp(t, b, req, info, plain); found != "" {
			return found
		}
	case seen != promiseNotSent && operation.ReplayWindow == 0:
		if info.Phase == stage.LateCommit && req.Command.MovesMoney() {
			waitFor(t, "the late commit", func() bool { return b.Simulator.Charges(string(req.Key)) > 0 })
		}
		return staysInDoubt
	}
	answer, err := b.Connector.Do(t.Context(), req)
	if err != nil || answer.State != batch.Approved {
		t.Errorf("sent again: %s, %v", answer.State, err)
	}
	if !info.Commits {
		return "sent again"
	}
	return "repeated"
}

// lookUp asks what became of a request; it returns "found", or nothing when the gateway
// does not know the key, as it must. What it finds must read like plain.
func lookUp(t *testing.T, b Bench, req gateway.Request, info stage.PhaseInfo, plain gateway.Answer) string {
	answer, err := b.Connector.Lookup(t.Context(), req)
	if info.Phase == stage.LateCommit {
		waitFor(t, "the late commit to be known", func() bool {
			answer, err = b.Connector.Lookup(t.Context(), req)
			return err == nil
		})
	}
	checkQuiet(t, answer, err)
	switch {
	case info.Commits && err == nil && answer.State == batch.Approved:
		if got, want := shapeOf(answer), shapeOf(plain); got != want {
			t.Errorf("by look-up the answer reads\n%+v, without a fault\n%+v", got, want)
		}
		return "found"
	case info.Commits:
		t.Errorf("look-up of what was carried out: %s, %v", answer.State, err)
	case !errors.Is(err, gateway.ErrUnknownKey):
		t.Errorf("look-up of what was not carried out: %s, %v", answer.State, err)
	}
	return ""
}

// playUndisturbed sends one request that meets no fault.
func playUndisturbed(t *testing.T, b Bench, command batch.Command) gateway.Answer {
	answer, err := b.Connector.Do(t.Context(), b.Request(t, command, "undisturbed"))
	checkQuiet(t, answer, err)
	if err != nil || answer.State != batch.Approved {
		t.Fatalf("without a fault: %s, %v", answer.State, err)
	}
	return answer
}

// shape is what answers to requests of one command have in common: codes, and which other
// fields there are.
type shape struct {
	Code, GatewayCode, SchemeCode                          string
	TransactionID, AuthorizationNumber, NetworkTransaction bool
	Card, CardExpiry, CardType, CardIndex, PaymentRecord   bool
}

func shapeOf(a gateway.Answer) shape {
	return shape{
		Code: a.Code, GatewayCode: a.GatewayCode, SchemeCode: a.SchemeCode,
		TransactionID: a.TransactionID != "", AuthorizationNumber: a.AuthorizationNumber != "", NetworkTransaction: a.NetworkTransaction != "",
		Card: a.Card != "", CardExpiry: a.CardExpiry != "", CardType: a.CardType != "", CardIndex: a.CardIndex != "", PaymentRecord: a.PaymentRecord != "",
	}
}

// playNobody: a closed port proves that nothing was sent.
func playNobody(t *testing.T, b Bench, command batch.Command) {
	req := b.Request(t, command, "nobody")
	answer, err := b.Nobody.Do(t.Context(), req)
	checkQuiet(t, answer, err)
	if !gateway.IsNotSent(err) {
		t.Errorf("got %v, want not sent", err)
	}
}

func playGivenUp(t *testing.T, b Bench, command batch.Command) {
	req := b.Request(t, command, "given up")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	answer, err := b.Connector.Do(ctx, req)
	checkQuiet(t, answer, err)
	if !gateway.IsNotSent(err) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want not sent because it was given up", err)
	}
	if n := b.Simulator.Charges(string(req.Key)); n != 0 {
		t.Errorf("charged %d times", n)
	}
}

// playReplay: where the profile has a window, the same request yields the same outcome
// and no second effect.
func playReplay(t *testing.T, b Bench, command batch.Command) {
	if b.Connector.Profile().Commands[command].ReplayWindow == 0 {
		return
	}
	req := b.Request(t, command, "replay")
	first, err := b.Connector.Do(t.Context(), req)
	if err != nil || first.State != batch.Approved {
		t.Fatalf("first: %s, %v", first.State, err)
	}
	charges := b.Simulator.Stats().Charges
	second, err := b.Connector.Do(t.Context(), req)
	if err != nil || second.State != first.State || second.Code != first.Code || second.TransactionID != first.TransactionID {
		t.Errorf("second: %+v, %v; first %+v", second, err, first)
	}
	if n := b.Simulator.Stats().Charges - charges; n != 0 {
		t.Errorf("the replay had %d effects", n)
	}
}

// playConcurrent sends many keys at once, and each of them several times at once where
// the profile has a window.
func playConcurrent(t *testing.T, b Bench, command batch.Command) {
	const keys = 8
	times := 1
	if b.Connector.Profile().Commands[command].ReplayWindow > 0 {
		times = 4
	}
	requests := make([]gateway.Request, keys)
	for i := range requests {
		requests[i] = b.Request(t, command, fmt.Sprintf("concurrent %d", i))
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	owners := map[batch.TransactionID]batch.Key{}
	for _, req := range requests {
		for range times {
			wg.Go(func() {
				answer, err := b.Connector.Do(t.Context(), req)
				if err != nil || answer.State != batch.Approved {
					t.Errorf("got %s, %v", answer.State, err)
				}
				mu.Lock()
				defer mu.Unlock()
				if owner, known := owners[answer.TransactionID]; known && answer.TransactionID != "" && owner != req.Key {
					t.Errorf("two requests got one answer")
				}
				owners[answer.TransactionID] = req.Key
			})
		}
	}
	wg.Wait()
	for _, req := range requests {
		if n := b.Simulator.Charges(string(req.Key)); n > 1 {
			t.Errorf("charged %d times", n)
		}
	}
}

func playUnsupported(t *testing.T, b Bench) {
	for command, operation := range b.Connector.Profile().Commands {
		if operation.Lookup || operation.Local {
			continue
		}
		if _, err := b.Connector.Lookup(t.Context(), gateway.Request{Key: "x", Command: command}); !errors.Is(err, gateway.ErrUnsupported) {
			t.Errorf("look-up of %s: %v, want ErrUnsupported", command, err)
		}
	}
	_, err := b.Connector.Do(t.Context(), gateway.Request{Key: "x", Command: "no such command"})
	if !errors.Is(err, gateway.ErrUnsupported) || !gateway.IsNotSent(err) {
		t.Errorf("got %v, want ErrUnsupported, not sent", err)
	}
}

func playCheck(t *testing.T, b Bench) {
	charges := b.Simulator.Stats().Charges
	if err := b.Connector.Check(t.Context()); err != nil {
		t.Errorf("check: %v", err)
	}
	if b.Simulator.Stats().Charges != charges {
		t.Error("the check moved money")
	}
	if err := b.Nobody.Check(t.Context()); err == nil {
		t.Error("a check where nobody listens passed")
	}
}

func promiseOf(answer gateway.Answer, err error) promise {
	switch {
	case gateway.IsNotSent(err):
		return promiseNotSent
	case err != nil, answer.State == batch.InDoubt:
		return promiseInDoubt
	case answer.State == batch.Pending:
		return promisePending
	case answer.State == batch.Declined:
		return promiseDeclined
	}
	return promiseAnswered
}

// checkQuiet looks for the card number in everything a caller might print, and checks
// the type of the error.
func checkQuiet(t *testing.T, answer gateway.Answer, err error) {
	t.Helper()
	var e *gateway.Error
	if err != nil && !errors.As(err, &e) {
		t.Errorf("the error is no *gateway.Error: %v", err)
	}
	for _, text := range []string{fmt.Sprint(err), fmt.Sprintf("%+v", err), fmt.Sprintf("%#v", err), fmt.Sprintf("%+v", answer)} {
		if strings.Contains(text, Card) {
			t.Errorf("a card number in %q", strings.ReplaceAll(text, Card, "<card number>"))
		}
	}
}

func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Errorf("waited in vain for %s", what)
			return
		}
		time.Sleep(time.Millisecond)
	}
}
