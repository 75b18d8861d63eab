package storetest

import (
	"fmt"

	"pgregory.net/rapid"

	"cardbatch/batch"
	"cardbatch/store"
)

// propertyTests try random lives of files against a model.
var propertyTests = []test{
	{"whatever happens, tallies are lines, answers add up, and the journal explains it", func(w *world) {
		round := 0
		rapid.Check(w.T, func(t *rapid.T) {
			round++
			m := newModel(w, fmt.Sprintf("round-%d-", round), rapid.IntRange(1, 12).Draw(t, "lines"))
			for range rapid.IntRange(0, 12).Draw(t, "steps") {
				m.step(t)
			}
			m.check()
		})
		w.verified()
	}},
}

// model is one file and what is expected of its lines.
type model struct {
	*world
	f      batch.File
	states map[int]batch.LineState
	result []batch.LineRecord // as it was told
}

func newModel(w *world, prefix string, lines int) *model {
	m := &model{world: w, states: map[int]batch.LineState{}}
	m.f = w.accept(refs(payments(lines), prefix))
	for no := 2; no < lines+2; no++ {
		m.states[no] = batch.Queued
	}
	return m
}

func (m *model) step(t *rapid.T) {
	no := rapid.IntRange(2, len(m.states)+1).Draw(t, "line")
	switch rapid.SampledFrom([]string{"submit", "record", "record", "record", "recover", "answer"}).Draw(t, "step") {
	case "submit":
		err := m.s.Submit(m.ctx, store.Submission{At: start, Sending: []store.Sending{{At: at(m.f, no), Attempt: 1}}})
		m.became(no, m.states[no] == batch.Queued, err, batch.Submitting)
	case "record":
		from, to := rapid.SampledFrom(batch.LineStates).Draw(t, "from"), rapid.SampledFrom(batch.LineStates).Draw(t, "to")
		if to == batch.Submitting {
			return // that is Submit's
		}
		o := outcome(m.f, no, to)
		o.Expect = from
		err := m.s.Record(m.ctx, []store.LineOutcome{o})
		m.became(no, m.states[no] == from && from.CanBecome(to), err, to)
	case "recover":
		_, err := m.s.Recover(m.ctx, start)
		m.must(err)
		for no, state := range m.states {
			if state == batch.Submitting {
				m.states[no] = batch.InDoubt
			}
		}
	case "answer":
		made, err := m.s.Answer(m.ctx, m.f.ID, start)
		if err != nil {
			m.is(err, store.ErrNotFound)
		} else if made.Kind == store.Result {
			m.result = m.answerLines(m.f, 0)
		}
	}
}

// became checks that a step was taken if and only if it was possible.
func (m *model) became(no int, possible bool, err error, to batch.LineState) {
	if possible != (err == nil) {
		m.Fatalf("line %d from %s to %s: %v", no, m.states[no], to, err)
	}
	if possible {
		m.states[no] = to
	}
}

func (m *model) check() {
	want := map[batch.LineState]int{}
	for _, state := range m.states {
		want[state]++
	}
	tally, err := m.Tally(m.ctx, m.f.ID)
	m.must(err)
	diff(m.world, "tally", tally.ByState, want)
	equal(m.world, "lines", tally.Lines, len(m.states))
	got := map[int]batch.LineState{}
	for _, r := range m.lines(m.f.ID) {
		got[r.Address.No] = r.State
	}
	diff(m.world, "lines", got, m.states)
	outcomes := 0
	for _, o := range batch.Outcomes {
		outcomes += tally.Count(o)
	}
	equal(m.world, "sum of outcomes", outcomes, len(m.states))
	if m.result != nil {
		diff(m.world, "result", m.answerLines(m.f, 0), m.result)
	}
	for no, state := range m.states {
		waits := false
		for _, r := range m.queued(batch.PhasePayment, batch.LineAddress{File: m.f.ID}, 99) {
			waits = waits || r.Address == at(m.f, no)
		}
		equal(m.world, fmt.Sprintf("line %d being queued", no), waits, state == batch.Queued)
	}
}
