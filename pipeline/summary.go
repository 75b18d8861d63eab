package pipeline

import (
	"maps"
	"sync/atomic"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
)

// Summary is what a run did and what is left, for people, for --json and for the exit code.
type Summary struct {
	Pulled         int `json:"files_pulled"`
	Accepted       int `json:"files_accepted"`
	Rejected       int `json:"files_rejected"`
	Held           int `json:"files_held"`
	BadLines       int `json:"lines_rejected"` // lines refused by their findings in accepted files
	Sent           int `json:"lines_sent"`
	Approved       int `json:"lines_approved"` // ended in this run, by an answer, a lookup or a rule
	Declined       int `json:"lines_declined"`
	Refused        int `json:"lines_refused"`
	Resolved       int `json:"lines_resolved"` // in doubt or pending before, final now
	Answers        int `json:"answers_made"`
	Delivered      int `json:"answers_delivered"`
	Waiting        int `json:"answers_waiting"`
	NotSent        int `json:"lines_not_sent"`
	Pending        int `json:"lines_pending"`
	InDoubt        int `json:"lines_in_doubt"`
	PartnerFiles   int `json:"partner_files_taken,omitempty"`
	Enrolled       int `json:"enrolments_sent,omitempty"`    // requests and removals
	Exceptions     int `json:"partner_exceptions,omitempty"` // records of partners' files that say what cannot be
	LateEnrolments int `json:"enrolments_late,omitempty"`    // cards that wait longer than their deadline
	FollowUps      int `json:"follow_up_files_delivered,omitempty"`
	UpdatesAsked   int `json:"updates_asked,omitempty"` // cards that an account updater was asked about
	CardsUpdated   int `json:"cards_updated,omitempty"`
	CardsDisabled  int `json:"cards_disabled,omitempty"`
	// UpdateExceptions counts records of account updaters that mean no card of ours, UpdatesRefused
	// cards whose request the provider refused, UpdatesGivenUp those about which no decision came in
	// time, OrdersWaiting what gateways have still to be told.
	UpdateExceptions int `json:"update_exceptions,omitempty"`
	UpdatesRefused   int `json:"updates_refused,omitempty"`
	UpdatesGivenUp   int `json:"updates_given_up,omitempty"`
	OrdersWaiting    int `json:"card_orders_waiting,omitempty"`
	UpdateReports    int `json:"updater_reports_delivered,omitempty"`
	Notified         int `json:"notifications_sent,omitempty"`
	Untold           int `json:"notifications_waiting,omitempty"` // waiting or dead
	// Unlisted counts answers with codes that no document lists, by gateway and code.
	Unlisted    map[string]int `json:"codes_unlisted,omitempty"`
	Missing     []string       `json:"files_missing,omitempty"` // expected files that have not arrived
	Problems    []Problem      `json:"problems,omitempty"`
	Interrupted bool           `json:"interrupted,omitempty"`
}

// Problem is trouble with one source, file or gateway that did not stop the run.
type Problem struct {
	Where string      `json:"where"` // "source acme", "gateway bank", …
	Kind  ProblemKind `json:"kind"`
	Text  string      `json:"text"`
}

// ProblemKind sorts problems by what the operator has to do.
type ProblemKind string

const (
	Unreachable   ProblemKind = "unreachable"   // a remote could not be reached
	Configuration ProblemKind = "configuration" // credentials, keys or settings are wrong
	Safety        ProblemKind = "safety"        // refused for safety: a host key, another world
	Failure       ProblemKind = "failure"       // anything else
)

// Summary returns what was done so far.
func (r *Run) Summary() Summary {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.summary
	s.Unlisted = maps.Clone(s.Unlisted)
	return s
}

// ended counts a line that became final.
func (r *Run) ended(s batch.LineState) {
	r.count(func(sum *Summary) {
		switch s {
		case batch.Approved:
			sum.Approved++
		case batch.Declined:
			sum.Declined++
		case batch.Refused:
			sum.Refused++
		}
	})
}

// noteCode reports a gateway's code that no document lists.
func (r *Run) noteCode(p *prepared, answer gateway.Answer) {
	if !answer.Unlisted {
		return
	}
	r.Log.Warn("the gateway answered with a code that no document lists", "gateway", string(p.rec.Gateway), "code", answer.GatewayCode,
		"file", int64(p.rec.Address.File), "line", p.rec.Address.No, "outcome", string(answer.State.Outcome()))
	r.count(func(s *Summary) {
		if s.Unlisted == nil {
			s.Unlisted = map[string]int{}
		}
		s.Unlisted[string(p.rec.Gateway)+" "+answer.GatewayCode]++
	})
}

func (r *Run) count(add func(*Summary)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add(&r.summary)
}

// Progress tells how far a run is. It may be read at any time.
type Progress struct {
	step     atomic.Pointer[string]
	total    atomic.Int64 // lines queued when submission began
	done     atomic.Int64 // lines with an outcome
	inDoubt  atomic.Int64
	started  atomic.Int64 // Unix nanoseconds when submission began
	checking atomic.Int64 // lines read by the check step
}

// ProgressNow is a moment of Progress.
type ProgressNow struct {
	Step    string
	Checked int64
	Total   int64
	Done    int64
	InDoubt int64
	Since   time.Time // submission began; zero before
}

func (p *Progress) setStep(name string) { p.step.Store(&name) }

// Now returns the progress at this moment.
func (p *Progress) Now() ProgressNow {
	now := ProgressNow{Total: p.total.Load(), Done: p.done.Load(), InDoubt: p.inDoubt.Load(), Checked: p.checking.Load()}
	if s := p.step.Load(); s != nil {
		now.Step = *s
	}
	if ns := p.started.Load(); ns != 0 {
		now.Since = time.Unix(0, ns)
	}
	return now
}

// resolved takes a line out of those in doubt; one that is sent again is not done.
func (p *Progress) resolved(again bool) {
	if p.inDoubt.Add(-1) < 0 {
		p.inDoubt.Store(0) // in doubt since an earlier run, and not counted
		return
	}
	if again {
		p.done.Add(-1)
	}
}

func (p *Progress) outcome(s batch.LineState) {
	if s == batch.Queued {
		return
	}
	p.done.Add(1)
	if s == batch.InDoubt {
		p.inDoubt.Add(1)
	}
}
