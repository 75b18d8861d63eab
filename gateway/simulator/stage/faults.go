package stage

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Fault asks the simulator to fail. Requests that match suffer it, Count times in all.
type Fault struct {
	Phase     Phase
	Operation string        // of a protocol; empty: any but look-ups
	Key       string        // the caller's key; empty: any
	Count     int           // 0 means 1
	Delay     time.Duration // of phases that wait; each has its default
}

// Limits that keep the memory of faults bounded.
const (
	maxRules    = 1000
	maxSuffered = 1_000_000
)

var (
	errPhase     = errors.New("there is no such phase")
	errOperation = errors.New("there is no such operation")
	errRules     = errors.New("too many faults are waiting")
)

// faults decides which request fails.
type faults struct {
	operations map[string]bool // that exist
	armed      atomic.Int64    // rules waiting; 0 spares the lock
	mu         sync.Mutex
	rules      []Fault
	suffered   map[string]bool // keys that had the fault of their reference
}

// Plan makes coming requests fail.
func (s *Stage) Plan(f Fault) error {
	if _, ok := phases[f.Phase]; !ok {
		return errPhase
	}
	if !s.faults.operations[f.Operation] {
		return errOperation
	}
	f.Count = max(f.Count, 1)
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	if len(s.faults.rules) >= maxRules {
		return errRules
	}
	s.faults.rules = append(s.faults.rules, f)
	s.faults.armed.Add(1)
	return nil
}

// Lift forgets every planned fault.
func (s *Stage) Lift() {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	s.faults.rules = nil
	s.faults.armed.Store(0)
}

// Planned lists the faults that wait.
func (s *Stage) Planned() []Fault {
	s.faults.mu.Lock()
	defer s.faults.mu.Unlock()
	return append([]Fault{}, s.faults.rules...)
}

// next takes the fault that a request suffers; its Phase is empty when none. A
// reference FAULT-<PHASE>-… makes the first request of its key suffer, no later one.
func (f *faults) next(c *Call) Fault {
	if f.armed.Load() > 0 {
		if fault := f.take(c); fault.Phase != "" {
			return fault
		}
	}
	if fault := f.suffer(c.Key, c.Reference); fault.Phase != "" {
		return fault
	}
	for i := range c.Riders {
		if fault := f.suffer(c.Riders[i].Key, c.Riders[i].Reference); fault.Phase != "" {
			return fault
		}
	}
	return Fault{}
}

// suffer takes the fault that a reference plans for its key; its Phase is empty when none.
func (f *faults) suffer(key, reference string) Fault {
	rest, ok := strings.CutPrefix(reference, "FAULT-")
	if !ok {
		return Fault{}
	}
	name, _, _ := strings.Cut(rest, "-")
	phase := Phase(strings.ToLower(name))
	if _, ok := phases[phase]; !ok {
		return Fault{}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.suffered[key] || len(f.suffered) >= maxSuffered {
		return Fault{}
	}
	if f.suffered == nil {
		f.suffered = map[string]bool{}
	}
	f.suffered[strings.Clone(key)] = true
	return Fault{Phase: phase}
}

func (f *faults) take(c *Call) Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, rule := range f.rules {
		if rule.Operation != c.Operation && (rule.Operation != "" || c.Lookup) || rule.Key != "" && !c.concerns(rule.Key) {
			continue
		}
		if f.rules[i].Count--; f.rules[i].Count == 0 {
			f.rules = append(f.rules[:i], f.rules[i+1:]...)
			f.armed.Add(-1)
		}
		return rule
	}
	return Fault{}
}

// concerns reports whether a key is the call's, or of one that travels in it.
func (c *Call) concerns(key string) bool {
	return c.Key == key || slices.ContainsFunc(c.Riders, func(r Rider) bool { return r.Key == key })
}

// reset forgets planned and suffered faults.
func (f *faults) reset() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rules, f.suffered = nil, nil
	f.armed.Store(0)
}
