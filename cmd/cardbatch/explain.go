package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/store"
)

// explainJSON is what explain prints.
type explainJSON struct {
	Line   lineJSON      `json:"line"`
	Name   string        `json:"file_name"`
	Asks   string        `json:"asks"`
	Events []eventJSON   `json:"events"`
	Next   []string      `json:"next"`
	Found  []findingJSON `json:"findings,omitempty"`
}

// eventJSON is one event in the life of a line.
type eventJSON struct {
	At    time.Time `json:"at"`
	Text  string    `json:"text"`
	Actor string    `json:"actor,omitempty"`
	Entry int64     `json:"entry,omitempty"` // number in the journal
}

func (a *app) newExplain() *cobra.Command {
	return &cobra.Command{
		Use:   "explain FILE LINE",
		Short: "Tell the life of a line, and what may happen next",
		Long: `explain tells what happened to a line and when: how its file came and was judged,
each attempt with its key, what the gateway answered, doubts, lookups and
decisions with who took them and why, and which answer file told the merchant.
It ends with what may happen next and what you can do.

The key is the line's name at the gateway: search for it there.

Everything comes from the journal; 'cardbatch audit verify' proves that nobody
altered it. FILE and LINE as for 'cardbatch show'.` + exitHelp(exitConfig),
		Example: `  cardbatch explain PAY-20261121-01 INV-9005
  cardbatch explain 3 7 --json`,
		GroupID: "look",
		Args:    cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			return a.explain(c.Context(), args[0], args[1])
		},
	}
}

func (a *app) explain(ctx context.Context, fileText, lineText string) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := findFile(ctx, in.store, fileText)
	if err != nil {
		return err
	}
	rec, err := findLine(ctx, in.store, f, lineText)
	if err != nil {
		return err
	}
	t := teller{file: f, rec: rec}
	if err := t.tell(ctx, in.store); err != nil {
		return err
	}
	e := explainJSON{Line: toLineJSON(rec, f.Header.Merchant), Name: f.Name, Asks: t.asks(), Events: t.events, Next: t.next()}
	for finding, err := range in.store.Findings(ctx, f.ID) {
		if err != nil {
			return err
		}
		if finding.Line == rec.Address.No {
			e.Found = append(e.Found, toFindingJSON(finding))
		}
	}
	if a.json {
		return a.printJSON(e)
	}
	return a.printExplain(in, e)
}

func (a *app) printExplain(in *installation, e explainJSON) error {
	out := func(format string, args ...any) { fmt.Fprintf(a.stdout, format+"\n", args...) }
	out("Line %d of %s (file %d), reference %s: %s.", e.Line.Line, e.Name, e.Line.File, e.Line.Ref, e.Asks)
	if e.Line.Key != "" {
		out("Its key at the gateway is %s.", e.Line.Key)
	}
	if e.Line.Batch != "" {
		out("It travelled in batch %s.", e.Line.Batch)
	}
	out("")
	for _, found := range e.Found {
		out("%s", batch.Finding{Line: found.Line, Column: found.Column, Code: found.Code, Message: found.Message})
	}
	t := table(a.stdout)
	for _, event := range e.Events {
		actor := ""
		if event.Actor != "" {
			actor = " (" + event.Actor + ")"
		}
		fmt.Fprintf(t, "%s\t%s%s\n", in.moment(event.At), event.Text, actor)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	out("\nIt is %s now.", spoken(e.Line.State))
	for _, next := range e.Next {
		out("%s", next)
	}
	return nil
}

// spoken is a state as a sentence has it.
func spoken(s batch.LineState) string {
	if s == batch.InDoubt {
		return "in doubt"
	}
	return string(s)
}

// teller turns what the store knows of a line into sentences.
type teller struct {
	file   batch.File
	rec    batch.LineRecord
	events []eventJSON

	moved        bool            // the journal has a transition of the line itself
	state        batch.LineState // as the journal has it so far
	openInResult bool            // a RESULT was made, and the line was not final in it
	supplement   int             // number of the SUPPLEMENT that holds the line, 0 for none
}

// asks says what the line asks for.
func (t *teller) asks() string {
	l := &t.rec.Line
	s := string(l.Command)
	if s == "" {
		return "no command that could be read"
	}
	if amount, ok := l.Amount(); ok {
		s += " of " + amount.String()
	}
	for _, part := range []struct{ name, value string }{
		{"order", l.OrderRef}, {"wallet", string(l.WalletID)}, {"transaction", string(l.TransactionID)},
		{"contract", string(l.Contract)}, {"gateway", string(t.rec.Gateway)},
	} {
		if part.value != "" {
			s += ", " + part.name + " " + part.value
		}
	}
	return s
}

func (t *teller) add(e entry, text string) {
	t.events = append(t.events, eventJSON{At: e.At.UTC(), Text: text, Actor: e.Actor, Entry: e.Number})
}

// entry is an entry of the journal with its body read.
type entry struct {
	store.Entry
	body store.Body
}

// tell fills in the events. What the journal says of the file concerns the line as well.
func (t *teller) tell(ctx context.Context, r store.Reader) error {
	entries, err := t.history(ctx, r)
	if err != nil {
		return err
	}
	f := t.file
	t.events = append(t.events, eventJSON{At: f.ReceivedAt.UTC(), Text: fmt.Sprintf("%s came in by source %s", f.Name, f.Source)})
	t.state = batch.Queued
	if !t.moved {
		t.state = t.rec.State // it has been so from the start
	}
	for _, e := range entries {
		for _, c := range e.body.Files {
			if c.File == f.ID {
				t.fileEvent(e, c)
			}
		}
		for _, c := range e.body.Lines {
			if t.isMine(c) {
				t.lineEvent(e, c)
				t.state = c.To
			}
		}
		if e.body.Answer != nil {
			t.answerEvent(e, *e.body.Answer)
		}
	}
	return nil
}

// history reads the entries that concern the line.
func (t *teller) history(ctx context.Context, r store.Reader) ([]entry, error) {
	var all []entry
	for e, err := range r.History(ctx, t.rec.Address) {
		if err != nil {
			return nil, err
		}
		var body store.Body
		if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
			return nil, fmt.Errorf("%w: entry %d of the journal", store.ErrDamaged, e.Number)
		}
		t.moved = t.moved || slices.ContainsFunc(body.Lines, t.isMine)
		all = append(all, entry{e, body})
	}
	return all, nil
}

func (t *teller) isMine(c store.LineChange) bool {
	return c.File == t.rec.Address.File && c.At.Contains(t.rec.Address.No)
}

func (t *teller) fileEvent(e entry, c store.FileChange) {
	because := ""
	if c.Code != "" {
		because = ": " + c.Code
	}
	switch {
	case e.Kind == "move":
		words := map[batch.FileState]string{batch.FileAccepted: "released", batch.FileHeld: "held", batch.FileRecalled: "recalled"}
		t.add(e, fmt.Sprintf("the file was %s by an operator: %s", words[c.To], e.body.Text))
	case c.To == batch.FileAccepted || c.To == batch.FileHeld || c.To == batch.FileRejected:
		t.add(e, fmt.Sprintf("the file was read whole and %s%s", c.To, because))
		if !t.moved && t.rec.State.Final() {
			t.add(e, "the line was refused for its findings")
		}
	}
}

func (t *teller) lineEvent(e entry, c store.LineChange) {
	answer := outcomeText(c.To, c.Code)
	switch {
	case c.Reason != "" && c.To == batch.Queued:
		t.add(e, fmt.Sprintf("an operator had it sent again under the same key: %s", c.Reason))
	case c.Reason != "":
		t.add(e, fmt.Sprintf("an operator decided: %s; reason: %s", answer, c.Reason))
	case e.Kind == "answer again":
		t.add(e, "the line was answered before, with the same content: it gets that answer again and nothing is sent")
	case e.Kind == "refuse staged":
		t.add(e, "the line was refused for its findings")
	case c.To == batch.Submitting:
		key := batch.NewKey(t.file.Header.Merchant, t.rec.Line.Ref, c.Attempt)
		t.add(e, fmt.Sprintf("attempt %d at %s under key %s was recorded, then sent", c.Attempt, t.rec.Gateway, key))
	case c.From == batch.Queued && e.Kind == "submit" && c.To == batch.Approved:
		t.add(e, "carried out here, without the gateway: "+answer)
	case c.From == batch.Queued:
		t.add(e, "a rule decided before anything was sent: "+answer)
	case c.From == batch.Submitting && c.To == batch.Queued:
		t.add(e, "provably nothing of it reached the gateway: queued again")
	case c.To == batch.InDoubt && e.Kind == "recover":
		t.add(e, "the run had died before an answer was recorded: in doubt")
	case c.From == batch.Submitting && c.To == batch.InDoubt:
		t.add(e, "it was sent and no trusted answer came: in doubt")
	case c.From == batch.Submitting:
		t.add(e, "the gateway answered: "+answer)
	case c.From == batch.InDoubt && c.To == batch.Queued:
		t.add(e, "the gateway was asked and allows the same key to be sent again: queued")
	default:
		t.add(e, "the gateway was asked what became of the key: "+answer)
	}
}

// outcomeText says a state with its code.
func outcomeText(s batch.LineState, code string) string {
	text := spoken(s)
	if code != "" {
		_, long := batch.CodeText(code)
		text += fmt.Sprintf(", code %s (%s)", code, long)
	}
	return text
}

// answerEvent tells of the answer files that hold the line: the ACK, the RESULT, and
// the first SUPPLEMENT after it became final.
func (t *teller) answerEvent(e entry, a store.AnswerNote) {
	switch {
	case a.Kind == store.Result && e.Kind == "answer":
		t.openInResult = !t.state.Final()
	case a.Kind == store.Supplement && e.Kind == "answer":
		if !t.openInResult || !t.state.Final() || t.supplement > 0 {
			return
		}
		t.supplement = a.Number
	case a.Kind == store.Supplement && a.Number != t.supplement:
		return
	}
	switch e.Kind {
	case "answer":
		t.add(e, fmt.Sprintf("%s was made; it says %s", a.Name, t.state.Outcome()))
	case "delivered":
		t.add(e, a.Name+" was delivered and read back")
	case "delivery failed":
		t.add(e, fmt.Sprintf("%s could not be delivered: %s", a.Name, e.body.Text))
	}
}

// next says what may happen now, and what the operator can do.
func (t *teller) next() []string {
	f, no, key := t.file.ID, t.rec.Address.No, t.rec.Key(t.file.Header.Merchant)
	decide := fmt.Sprintf("If that cannot end it, search for key %s at the processor and decide: `cardbatch resolve %d %d --as approved|declined|refused --reason …`.", key, f, no)
	switch {
	case t.rec.State == batch.InDoubt:
		return []string{"Every run asks the gateway for its key; it is never sent again blindly, and no time ends the doubt.", decide}
	case t.rec.State == batch.Pending:
		return []string{"The gateway answers later; every run asks for its key.", decide}
	case t.rec.State == batch.Submitting:
		return []string{"A run is sending it. If none holds the lock (`cardbatch status`), that run died, and the next one looks it up before anything else."}
	case t.rec.State.Final():
		next := "Nothing changes that any more."
		if at := t.rec.Answer.RetryNotBefore; !at.IsZero() {
			next += fmt.Sprintf(" The issuer asks for no new attempt before %s.", at.UTC().Format(time.RFC3339))
		}
		return []string{next}
	}
	switch t.file.State {
	case batch.FileHeld:
		return []string{fmt.Sprintf("Its file is held: `cardbatch release %d --reason …` lets the next run send it, `cardbatch recall %d --reason …` withdraws it.", f, f)}
	case batch.FileRecalled, batch.FileRejected:
		return []string{"Its file was withdrawn or rejected: it is never sent."}
	case batch.FileReceived, batch.FileChecked:
		return []string{"The next run checks its file."}
	case batch.FileAccepted:
		return []string{fmt.Sprintf("The next run sends it; until then `cardbatch hold %d --reason …` stops its whole file.", f)}
	}
	return []string{"The next run sends it."}
}
