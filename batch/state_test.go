package batch

import (
	"slices"
	"testing"
)

func TestLinesMoveOnlyAsDrawn(t *testing.T) {
	allowed := map[LineState][]LineState{
		Queued:     {Submitting, Approved, Declined, Refused},
		Submitting: {Approved, Declined, Refused, Pending, InDoubt, Queued},
		Pending:    {Approved, Declined, Refused, InDoubt},
		InDoubt:    {Approved, Declined, Refused, Pending, Queued},
	}
	for _, from := range LineStates {
		for _, to := range LineStates {
			if want, got := slices.Contains(allowed[from], to), from.CanBecome(to); got != want {
				t.Errorf("%s to %s: %v, want %v", from, to, got, want)
			}
		}
		if from.Final() != (len(from.Next()) == 0) {
			t.Errorf("%s: final %v, followers %v", from, from.Final(), from.Next())
		}
		if !slices.Contains(Outcomes, from.Outcome()) {
			t.Errorf("%s reads as %q, which is no outcome", from, from.Outcome())
		}
	}
	if Queued.Outcome() != OutcomeNotSent || Submitting.Outcome() != OutcomeInDoubt {
		t.Error("what was not sent reads not_sent, what may have been sent reads in_doubt")
	}
}

func TestAskingForFollowersChangesNothing(t *testing.T) {
	Queued.Next()[0] = Queued
	FileReceived.Next()[0] = FileReceived
	if Queued.CanBecome(Queued) || FileReceived.CanBecome(FileReceived) {
		t.Error("the table was changed from outside")
	}
}

func TestFilesEndRejectedRecalledOrDelivered(t *testing.T) {
	for _, from := range FileStates {
		end := from == FileRejected || from == FileRecalled || from == FileDelivered
		if end != (len(from.Next()) == 0) {
			t.Errorf("%s is followed by %v", from, from.Next())
		}
		for _, to := range from.Next() {
			if !slices.Contains(FileStates, to) {
				t.Errorf("%s is followed by %q, which is no state", from, to)
			}
		}
	}
	if FileRunning.CanBecome(FileRecalled) || FileAnswered.CanBecome(FileRecalled) {
		t.Error("a file cannot be recalled once a line was submitted")
	}
}

func TestEveryCommandHasAPhase(t *testing.T) {
	for _, name := range commandNames() {
		if c := Command(name); !c.Known() || c.Phase() < PhaseWallet || c.Phase() > PhaseFollowUp {
			t.Errorf("%s: phase %d", name, c.Phase())
		}
	}
	if len(commandNames()) != len(commands) || len(commands) != 16 {
		t.Errorf("%d names, %d commands", len(commandNames()), len(commands))
	}
	if Command("doMagic").Known() || Command("").Phase() != 0 {
		t.Error("an unknown command is known")
	}
}
