// Package pipeline is the run: what cardbatch does with the files of a night, as
// a list of steps.
//
// Each step can run alone, may be repeated, and leaves the store true: killed
// between any two statements, the next run picks up what the store says. The
// package knows the contracts (store, gateway, drop folders, vault) and no engine
// or vendor; cmd builds those and hands them in.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/batchfile"
	"cardbatch/gateway"
	"cardbatch/sftpio"
	"cardbatch/store"
	"cardbatch/vault"
)

// Step is one thing that a run does.
type Step struct {
	Name string
	Does string // one line, for people
	do   func(ctx context.Context, r *Run) error
}

// Steps is the run. It reads from top to bottom.
var Steps = []Step{
	{"recover", "what was being submitted when a run died is now in doubt", recoverLines},
	{"pull", "take ready files from the inbound folders: claim, copy, hash, archive", pull},
	{"check", "read each file whole, stage its lines, give its verdict", check},
	{"ack", "answer each verdict with an ACK", acknowledge},
	{"ingest", "take what partners and account updaters tell of cards and charges", ingest},
	{"enrol", "submit wallet lines; send enrolments; ask account updaters", enrol},
	{"submit", "submit payments, then what follows up on payments", submit},
	{"resolve", "look up what is in doubt or pending; send again what the gateway does not know", resolve},
	{"respond", "make RESULT and SUPPLEMENT files", respond},
	{"deliver", "put answers into the outbound folders, and prove it; clear the inbound folders", deliver},
	{"report", "make and deliver follow-up files and account-updater reports", reportStep},
	{"notify", "tell cardholders and merchants' servers what is due", notifyDue},
	{"purge", "delete what was kept long enough; re-encrypt what an old key sealed", purge},
}

// Source is one inbound folder with its outbound folder, as configured.
type Source struct {
	Name         string
	Merchants    []batch.MerchantID // whose files may arrive here
	OpenInbound  func(context.Context) (sftpio.Inbound, error)
	OpenOutbound func(context.Context) (sftpio.Outbound, error)
	Format       batchfile.Options // how its files are written
	RejectLines  bool              // line findings refuse lines, not the file
	Sequence     bool              // sequence numbers are checked
	Expected     []Expected
}

// Expected is a file that should arrive every day by a time.
type Expected struct {
	Pattern string                    // of its name, as path.Match
	By      func(time.Time) time.Time // the moment of a day by which it must have come
	Zone    *time.Location            // of By
}

// Merchant holds what is configured for a merchant.
type Merchant struct {
	ID         batch.MerchantID
	MaxLines   int              // lines of a file; 0: no limit
	MaxAmounts map[string]int64 // minor units of a file, by currency
	Lookalike  Lookalike
}

// Lookalike says when a file resembles earlier ones too much (batch interface, section 4).
type Lookalike struct {
	Lines   int // at least so many lines
	Percent int // and at least this share of the file's lines
	Days    int // of files of so many days back
}

// Run is one execution. Cmd fills the exported fields; none changes afterwards.
type Run struct {
	Store     store.Store
	Session   store.Session
	Vault     *vault.Vault
	Archive   *vault.Archive
	Outbox    string // folder where answers are built before they are delivered
	Mode      batch.Mode
	Sources   []Source
	Merchants map[batch.MerchantID]Merchant
	Contracts map[batch.MerchantID]map[batch.ContractID]*batch.Contract
	Gateways  map[batch.GatewayName]Gateway
	Partners  []Partner
	Updaters  []Updater
	FollowUps []FollowUp
	// UpdaterReports are the reports of card updates that merchants want.
	UpdaterReports []UpdaterReport
	// Deliver delivers the notifications that are due and returns how many; nil: none leaves.
	Deliver   func(ctx context.Context) (sent int, err error)
	Retention Retention
	Chunk     int // lines submitted in one transaction
	// ResolveWait is how long the resolve step may wait for settle times to pass.
	ResolveWait time.Duration

	Clock func() time.Time
	Sleep func(ctx context.Context, d time.Duration) error
	Log   *slog.Logger
	// Stop is closed when no more lines may be taken: an interrupt, or --until.
	Stop <-chan struct{}
	// Reached is called at each named transition; the crash test kills the program there.
	Reached func(transition string)

	Progress Progress

	mu          sync.Mutex
	summary     Summary
	stopped     map[batch.GatewayName]error // gateways that take nothing more in this run
	doubted     []standing                  // enrolments of cards that the processor refused to charge
	owners      sync.Map                    // merchant by file
	interrupted atomic.Bool
}

// Gateway is a connector with how many calls may be in flight.
type Gateway struct {
	Connector   gateway.Connector
	Concurrency int
	BatchLines  int // most lines of a batch, where the connector is a gateway.Batcher; 0: Run.Chunk
}

// Retention is how long things are kept.
type Retention struct {
	Archive time.Duration // originals, once answered and delivered
	Lines   time.Duration // lines, wallets' history and answers
}

// ErrUnknownStep: --only named a step that does not exist.
var ErrUnknownStep = errors.New("no such step")

// Execute runs the steps named, all when none is named, in their order.
// Trouble with one source, file or gateway is kept in the Summary and stops
// nothing else; an error means that the run could not go on.
func (r *Run) Execute(ctx context.Context, only ...string) (Summary, error) {
	for _, name := range only {
		if !slices.ContainsFunc(Steps, func(s Step) bool { return s.Name == name }) {
			return Summary{}, fmt.Errorf("%w: %s", ErrUnknownStep, name)
		}
	}
	r.stopped = map[batch.GatewayName]error{}
	for _, step := range Steps {
		if len(only) > 0 && !slices.Contains(only, step.Name) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return r.Summary(), err
		}
		if r.interrupted.Load() {
			break // the next run goes on here
		}
		r.Log.Debug("step", "step", step.Name)
		r.Progress.setStep(step.Name)
		if err := step.do(ctx, r); err != nil {
			return r.Summary(), fmt.Errorf("%s: %w", step.Name, err)
		}
		r.reached("after " + step.Name)
	}
	err := r.countLeft(ctx)
	return r.Summary(), err
}

// Interrupt ends the run after the step it is in. Close Stop as well, so that the
// step takes no more lines. Without Interrupt a closed Stop still lets the later
// steps answer and deliver what there is.
func (r *Run) Interrupt() { r.interrupted.Store(true) }

func (r *Run) reached(transition string) {
	if r.Reached != nil {
		r.Reached(transition)
	}
}

func (r *Run) stopping() bool {
	select {
	case <-r.Stop:
		return true
	default:
		return false
	}
}

func (r *Run) source(name string) (Source, bool) {
	i := slices.IndexFunc(r.Sources, func(s Source) bool { return s.Name == name })
	if i < 0 {
		return Source{}, false
	}
	return r.Sources[i], true
}

func (r *Run) contract(merchant batch.MerchantID, id batch.ContractID) *batch.Contract {
	return r.Contracts[merchant][id]
}

func recoverLines(ctx context.Context, r *Run) error {
	n, err := r.Session.Recover(ctx, r.Clock())
	if n > 0 {
		r.Log.Warn("an earlier run died while lines were being submitted; they are looked up, not resent", "lines", n)
	}
	return err
}
