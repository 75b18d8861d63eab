package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/store"
)

// movement is one of the three things that an operator does to a whole file.
type movement struct {
	name, short, long, did string
	from                   []batch.FileState
	to                     batch.FileState
}

var movements = []movement{
	{"hold", "Keep an accepted file from being sent", `hold stops a file of which nothing was sent yet: runs leave it alone until it is
released or recalled.`, "is held; release or recall it when you know more",
		[]batch.FileState{batch.FileAccepted}, batch.FileHeld},
	{"release", "Let a held file be sent", `release accepts a held file after all; the next run sends it and an ACK tells the
merchant. Look first why it is held: 'cardbatch show FILE'.`, "is accepted; the next run sends it",
		[]batch.FileState{batch.FileHeld}, batch.FileAccepted},
	{"recall", "Withdraw a file of which nothing was sent", `recall withdraws a file for good while none of its lines was sent; an ACK tells
the merchant. Its references may then be used again by another file.`, "is recalled; nothing of it is ever sent",
		[]batch.FileState{batch.FileHeld, batch.FileAccepted, batch.FileReceived}, batch.FileRecalled},
}

// movedJSON is what hold, release and recall print.
type movedJSON struct {
	File batch.FileID    `json:"file"`
	Name string          `json:"name"`
	From batch.FileState `json:"from"`
	To   batch.FileState `json:"to"`
}

func (a *app) newMove(m movement) *cobra.Command {
	var reason string
	c := &cobra.Command{
		Use:   m.name + " FILE",
		Short: m.short,
		Long: m.long + `

FILE is the file's number, its reference or its name. The reason goes to the
journal, with your name. It takes the lock, so no run may be under way. Repeating
it changes nothing.` + exitHelp(exitLocked, exitConfig, exitSafety),
		Example: fmt.Sprintf("  cardbatch %s PAY-20261121-01 --reason 'agreed with Ms Smith on the phone'", m.name),
		GroupID: "decide",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.move(c.Context(), m, args[0], reason)
		},
	}
	c.Flags().StringVar(&reason, "reason", "", "why, for the journal (mandatory)")
	return c
}

func (a *app) move(ctx context.Context, m movement, fileText, reason string) error {
	if err := checkReason(reason); err != nil {
		return err
	}
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := findFile(ctx, in.store, fileText)
	if err != nil {
		return err
	}
	switch {
	case f.State == m.to:
		a.note("%s is %s already.", f.Name, f.State)
	case !slices.Contains(m.from, f.State):
		return refuseMove(m, f)
	default:
		if err := in.move(ctx, m, f, reason); err != nil {
			return err
		}
	}
	if a.json {
		return a.printJSON(movedJSON{f.ID, f.Name, f.State, m.to})
	}
	_, err = fmt.Fprintf(a.stdout, "%s %s.\n", f.Name, m.did)
	return err
}

// move makes the movement under the lock.
func (in *installation) move(ctx context.Context, m movement, f batch.File, reason string) (err error) {
	session, err := in.begin(ctx, m.name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.End()) }()
	err = session.Move(ctx, f.ID, f.State, m.to, in.clock(), reason)
	if errors.Is(err, store.ErrStale) {
		return &codeError{exitFailure, err, "A run was faster; look again with `cardbatch show`."}
	}
	return err
}

// refuseMove says why a file is past the point where a movement makes sense.
func refuseMove(m movement, f batch.File) error {
	next := "`cardbatch show` tells more about the file."
	switch f.State {
	case batch.FileRunning, batch.FileAnswered, batch.FileDelivered:
		next = "Lines of it were sent already; a refund or a reset undoes single ones."
	case batch.FileRejected, batch.FileRecalled:
		next = "That is its end; the merchant sends another file."
	case batch.FileReceived, batch.FileChecked:
		next = "It has no verdict yet: `cardbatch run --only check` gives it one."
	}
	return &codeError{exitFailure, fmt.Errorf("%s: %s is %s, and only a file that is %s can be", m.name, f.Name, f.State, joined(m.from)), next}
}
