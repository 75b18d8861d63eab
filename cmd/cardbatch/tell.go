package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"cardbatch/batch"
	"cardbatch/money"
)

// table is a tabwriter as every table of the program is set.
func table(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// row writes one row of a table; empty cells show as a dash.
func row(t io.Writer, cells ...any) {
	for i, c := range cells {
		text := fmt.Sprint(c)
		if text == "" {
			text = "-"
		}
		if i > 0 {
			io.WriteString(t, "\t")
		}
		io.WriteString(t, text)
	}
	io.WriteString(t, "\n")
}

// moment shows a time in the installation's time zone, empty for none.
func (in *installation) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(in.cfg.Clock()).Format("2006-01-02 15:04:05 MST")
}

// count says how many there are: "1 file", "2 files".
func count[N int | int64](n N, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// note says something to a person, beside the data.
func (a *app) note(format string, args ...any) { fmt.Fprintf(a.stderr, format+"\n", args...) }

// printJSONLine writes one object of a stream of objects.
func (a *app) printJSONLine(v any) error { return json.NewEncoder(a.stdout).Encode(v) }

// reasonLen is the longest reason that the journal takes.
const reasonLen = 255

// checkReason makes sure that a decision says why, in a form that may be kept for ever.
func checkReason(reason string) error {
	if reason == "" {
		return usageError("--reason is mandatory: say why, for those who read the journal")
	}
	if wrong := batch.CheckIdentifier(reason, reasonLen); wrong != "" {
		return usageError("--reason: %s", wrong)
	}
	return nil
}

// confirm asks a person to go on. Where nobody can be asked, only --yes goes on.
func (a *app) confirm(question string, yes bool) error {
	if yes {
		return nil
	}
	if in, ok := a.stdin.(*os.File); !ok || !term.IsTerminal(int(in.Fd())) {
		return usageError("there is no terminal to ask for confirmation; add --yes if you are sure")
	}
	fmt.Fprintf(a.stderr, "%s\nType yes to go on: ", question)
	line, err := bufio.NewReader(a.stdin).ReadString('\n')
	if err != nil && err != io.EOF {
		return err
	}
	if strings.TrimSpace(line) != "yes" {
		return &codeError{exitFailure, errNotConfirmed, ""}
	}
	return nil
}

var errNotConfirmed = fmt.Errorf("not confirmed; nothing was changed")

// amountJSON is a sum of money in --json output.
type amountJSON struct {
	Minor    int64          `json:"minor"`
	Currency money.Currency `json:"currency"`
	Text     string         `json:"text"`
}

func amountsJSON(all []money.Amount) []amountJSON {
	out := make([]amountJSON, 0, len(all))
	for _, m := range all {
		out = append(out, amountJSON{m.Minor, m.Currency, m.String()})
	}
	return out
}

func amountsText(all []money.Amount) string {
	parts := make([]string, len(all))
	for i, m := range all {
		parts[i] = m.String()
	}
	return strings.Join(parts, ", ")
}

// findingJSON is a finding in --json output.
type findingJSON struct {
	Line    int               `json:"line,omitempty"`
	Ref     batch.LineRef     `json:"line_ref,omitempty"`
	Column  string            `json:"column,omitempty"`
	Code    batch.FindingCode `json:"code"`
	Message string            `json:"message"`
}

func toFindingJSON(f batch.Finding) findingJSON {
	return findingJSON{f.Line, f.Ref, f.Column, f.Code, f.Message}
}

// fileJSON is a file in --json output.
type fileJSON struct {
	ID         batch.FileID      `json:"id"`
	Name       string            `json:"name"`
	Source     string            `json:"source"`
	Merchant   batch.MerchantID  `json:"merchant"`
	Ref        batch.FileRef     `json:"file_ref"`
	Sequence   int64             `json:"sequence,omitempty"`
	Mode       batch.Mode        `json:"mode"`
	State      batch.FileState   `json:"state"`
	Verdict    batch.FindingCode `json:"verdict,omitempty"`
	Lines      int               `json:"lines"`
	BadLines   int               `json:"bad_lines"`
	Totals     []amountJSON      `json:"totals"`
	Size       int64             `json:"size"`
	Digest     string            `json:"digest"`
	ReceivedAt time.Time         `json:"received_at"`
	VerdictAt  time.Time         `json:"verdict_at,omitzero"`
	AnsweredAt time.Time         `json:"answered_at,omitzero"`
}

func toFileJSON(f batch.File) fileJSON {
	return fileJSON{
		ID: f.ID, Name: f.Name, Source: f.Source, Merchant: f.Header.Merchant, Ref: f.Header.Ref, Sequence: f.Header.Sequence,
		Mode: f.Header.Mode, State: f.State, Verdict: f.Verdict, Lines: f.Lines, BadLines: f.BadLines, Totals: amountsJSON(f.Totals),
		Size: f.Size, Digest: f.Digest, ReceivedAt: f.ReceivedAt.UTC(), VerdictAt: f.VerdictAt.UTC(), AnsweredAt: f.AnsweredAt.UTC(),
	}
}
