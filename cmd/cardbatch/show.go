package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/store"
)

type showOptions struct {
	file, line string
	findings   string
}

// showFileJSON is what show prints of a file.
type showFileJSON struct {
	File     fileJSON              `json:"file"`
	Outcomes map[batch.Outcome]int `json:"outcomes"`
	Approved []amountJSON          `json:"approved"`
	Findings []findingJSON         `json:"findings"`
	More     bool                  `json:"more_findings"`
	Answers  []answerJSON          `json:"answers"`
}

// answerJSON is an answer file in --json output.
type answerJSON struct {
	Answer      string           `json:"answer"`
	Kind        store.AnswerKind `json:"kind"`
	Name        string           `json:"name"`
	CreatedAt   time.Time        `json:"created_at"`
	Size        int64            `json:"size,omitempty"`
	Digest      string           `json:"digest,omitempty"`
	DeliveredAt time.Time        `json:"delivered_at,omitzero"`
	Failures    int              `json:"failures,omitempty"`
	LastError   string           `json:"last_error,omitempty"`
}

func toAnswerJSON(a store.AnswerFile) answerJSON {
	return answerJSON{
		Answer: answerLabel(a), Kind: a.Kind, Name: a.Name, CreatedAt: a.CreatedAt.UTC(), Size: a.Size, Digest: a.Digest,
		DeliveredAt: a.DeliveredAt.UTC(), Failures: a.Failures, LastError: a.LastError,
	}
}

// answerLabel is how rebuild and show call an answer: ack, ack02, res, sup01.
func answerLabel(a store.AnswerFile) string {
	if a.Kind == store.Supplement || a.Kind == store.Ack && a.Number > 1 {
		return fmt.Sprintf("%s%02d", a.Kind, a.Number)
	}
	return string(a.Kind)
}

func (a *app) newShow() *cobra.Command {
	var o showOptions
	c := &cobra.Command{
		Use:   "show FILE [LINE]",
		Short: "Show a file with its findings and answers, or one line",
		Long: `show prints what is known of a file: state, outcomes and sums, findings, answers
and their deliveries; or of one line: what was asked and what became of it.

FILE is the file's number, its reference or its name. When several files fit, those
rejected or recalled give way to the one that stands; otherwise they are listed, and
id:NUMBER names one. LINE is the line's number in the file or its reference. Card numbers
show their first six and last four digits at most. 'cardbatch explain' tells how
a line came to be where it is.` + exitHelp(exitConfig),
		Example: `  cardbatch show PAY-20261121-01
  cardbatch show PAY-20261121-01 INV-9001
  cardbatch show 3 --findings all`,
		GroupID: "look",
		Args:    cobra.RangeArgs(1, 2),
		RunE: func(c *cobra.Command, args []string) error {
			o.file = args[0]
			if len(args) == 2 {
				o.line = args[1]
			}
			return a.show(c.Context(), o)
		},
	}
	c.Flags().StringVar(&o.findings, "findings", "first", "first (20 of them), all or none")
	return c
}

// firstFindings is how many findings show lists unless asked for all.
const firstFindings = 20

func (a *app) show(ctx context.Context, o showOptions) error {
	limits := map[string]int{"first": firstFindings, "all": -1, "none": 0}
	limit, ok := limits[o.findings]
	if !ok {
		return usageError("--findings takes first, all or none")
	}
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := findFile(ctx, in.store, o.file)
	if err != nil {
		return err
	}
	if o.line == "" {
		return a.showFile(ctx, in, f, limit)
	}
	rec, err := findLine(ctx, in.store, f, o.line)
	if err != nil {
		return err
	}
	return a.showLine(in, f, rec)
}

func (a *app) showFile(ctx context.Context, in *installation, f batch.File, limit int) error {
	tally, err := in.store.Tally(ctx, f.ID)
	if err != nil {
		return err
	}
	answers, err := in.store.Answers(ctx, f.ID, false)
	if err != nil {
		return err
	}
	s := showFileJSON{File: toFileJSON(f), Outcomes: map[batch.Outcome]int{}, Approved: amountsJSON(tally.Approved), Findings: []findingJSON{}, Answers: []answerJSON{}}
	for _, o := range batch.Outcomes {
		s.Outcomes[o] = tally.Count(o)
	}
	for _, answer := range answers {
		s.Answers = append(s.Answers, toAnswerJSON(answer))
	}
	if a.json {
		err := eachFinding(ctx, in.store, f.ID, limit, &s.More, func(finding batch.Finding) error {
			s.Findings = append(s.Findings, toFindingJSON(finding))
			return nil
		})
		if err != nil {
			return err
		}
		return a.printJSON(s)
	}
	if err := a.printFile(in, f, tally, answers); err != nil {
		return err
	}
	err = eachFinding(ctx, in.store, f.ID, limit, &s.More, func(finding batch.Finding) error {
		_, err := fmt.Fprintln(a.stdout, finding)
		return err
	})
	if s.More && limit > 0 {
		a.note("There are more findings; see --findings all.")
	}
	return err
}

// eachFinding calls do for the first findings of a file, all below limit 0, and says whether there are more.
func eachFinding(ctx context.Context, r store.Reader, file batch.FileID, limit int, more *bool, do func(batch.Finding) error) error {
	n := 0
	for finding, err := range r.Findings(ctx, file) {
		if err != nil {
			return err
		}
		if n == limit {
			*more = true
			return nil
		}
		n++
		if err := do(finding); err != nil {
			return err
		}
	}
	return nil
}

func (a *app) printFile(in *installation, f batch.File, tally batch.Tally, answers []store.AnswerFile) error {
	t := table(a.stdout)
	state := string(f.State)
	if f.Verdict != "" {
		state += " (" + string(f.Verdict) + ")"
	}
	var outcomes []string
	for _, o := range batch.Outcomes {
		if n := tally.Count(o); n > 0 {
			outcomes = append(outcomes, fmt.Sprintf("%d %s", n, o))
		}
	}
	row(t, "file", fmt.Sprintf("%d, %s", f.ID, f.Name))
	row(t, "state", state)
	row(t, "merchant", f.Header.Merchant)
	row(t, "reference", f.Header.Ref)
	if f.Header.Sequence > 0 {
		row(t, "sequence", f.Header.Sequence)
	}
	row(t, "mode", f.Header.Mode)
	row(t, "source", f.Source)
	row(t, "received", fmt.Sprintf("%s, %d bytes", in.moment(f.ReceivedAt), f.Size))
	row(t, "sha-256", f.Digest)
	row(t, "lines", fmt.Sprintf("%d, %d with findings", f.Lines, f.BadLines))
	row(t, "totals", amountsText(f.Totals))
	row(t, "outcomes", strings.Join(outcomes, ", "))
	row(t, "approved", amountsText(tally.Approved))
	for _, answer := range answers {
		delivery := "waits for delivery"
		if !answer.DeliveredAt.IsZero() {
			delivery = "delivered " + in.moment(answer.DeliveredAt)
		} else if answer.Failures > 0 {
			delivery = fmt.Sprintf("could not be delivered, tried %d times: %s", answer.Failures, answer.LastError)
		}
		row(t, answerLabel(answer), answer.Name+", "+delivery)
	}
	return t.Flush()
}

func (a *app) showLine(in *installation, f batch.File, rec batch.LineRecord) error {
	l := toLineJSON(rec, f.Header.Merchant)
	if a.json {
		return a.printJSON(l)
	}
	t := table(a.stdout)
	row(t, "line", fmt.Sprintf("%d of %s (file %d)", l.Line, f.Name, f.ID))
	row(t, "state", l.State)
	amount := ""
	if l.Amount != nil {
		amount = l.Amount.Text
	}
	attempts := ""
	if l.Attempts > 0 {
		attempts = fmt.Sprint(l.Attempts)
	}
	for _, fact := range []struct{ name, value string }{
		{"reference", string(l.Ref)},
		{"command", string(l.Command)},
		{"amount", amount},
		{"order", l.OrderRef},
		{"contract", string(l.Contract)},
		{"wallet", string(l.WalletID)},
		{"agreement", string(l.Agreement)},
		{"card", strings.TrimSpace(l.Card + " " + l.CardExpiry)},
		{"code", strings.TrimSpace(l.Code + " " + l.Message)},
		{"gateway", string(l.Gateway)},
		{"gateway code", l.GatewayCode},
		{"key", string(l.Key)},
		{"batch", l.Batch},
		{"attempts", attempts},
		{"transaction", string(l.TransactionID)},
		{"authorization", l.Authorization},
		{"payment record", l.PaymentRecord},
		{"submitted", in.moment(l.SubmittedAt)},
		{"completed", in.moment(l.CompletedAt)},
		{"retry not before", in.moment(l.RetryNotBefore)},
	} {
		if fact.value != "" {
			row(t, fact.name, fact.value)
		}
	}
	return t.Flush()
}
