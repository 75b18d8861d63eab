package simulator

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// controlFault is a Fault as /control/faults takes and shows it.
type controlFault struct {
	Operation string `json:"operation,omitempty"`
	Phase     Phase  `json:"phase"`
	Key       string `json:"key,omitempty"`
	Count     int    `json:"count,omitempty"`
	DelayMS   int64  `json:"delay_ms,omitempty"`
}

// serveControl answers /control/…; it needs no credentials, because it is reached
// on loopback only.
func (s *Simulator) serveControl(w http.ResponseWriter, r *http.Request, path string) {
	resource, key, _ := strings.Cut(path, "/")
	switch {
	case resource == "faults" && r.Method == http.MethodPost:
		s.postFault(w, r)
	case resource == "faults" && r.Method == http.MethodGet:
		list := []controlFault{}
		for _, f := range s.Planned() {
			list = append(list, controlFault{f.Operation, f.Phase, f.Key, f.Count, f.Delay.Milliseconds()})
		}
		showJSON(w, list)
	case resource == "faults" && r.Method == http.MethodDelete:
		s.Lift()
		w.WriteHeader(http.StatusNoContent)
	case resource == "charges" && r.Method == http.MethodGet && key != "":
		showJSON(w, s.Charges(key))
	case resource == "charges" && r.Method == http.MethodGet:
		s.streamCharges(w, r.URL.Query().Get("by") == "reference")
	case resource == "tokens" && r.Method == http.MethodGet:
		showJSON(w, map[string]int64{"tokens": s.stats.tokens.Load()})
	case resource == "stats" && r.Method == http.MethodGet:
		showJSON(w, s.Stats())
	case resource == "reset" && r.Method == http.MethodPost:
		if err := s.Reset(); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusNoContent)
	default:
		http.NotFound(w, r)
	}
}

func (s *Simulator) postFault(w http.ResponseWriter, r *http.Request) {
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	in.DisallowUnknownFields()
	var f controlFault
	if err := in.Decode(&f); err != nil {
		http.Error(w, "not a fault: want operation, phase, key, count, delay_ms", http.StatusBadRequest)
		return
	}
	err := s.Plan(Fault{Operation: f.Operation, Phase: f.Phase, Key: f.Key, Count: f.Count, Delay: time.Duration(f.DelayMS) * time.Millisecond})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Charges tells how often a request with the transaction id really had an effect:
// a charge, a reservation, a capture, a refund or a void.
func (s *Simulator) Charges(transactionID string) int {
	n := 0
	s.eachCharge(func(_ *order, t *transaction) {
		if t.ID == transactionID {
			n++
		}
	})
	return n
}

// eachCharge visits every transaction that had an effect.
func (s *Simulator) eachCharge(visit func(*order, *transaction)) {
	for i := range s.accounts.shards {
		shard := &s.accounts.shards[i]
		shard.Lock()
		for _, o := range shard.orders {
			for j := range o.transactions {
				if t := &o.transactions[j]; t.moved() {
					visit(o, t)
				}
			}
		}
		shard.Unlock()
	}
}

// streamCharges writes one JSON object: transaction id, or order reference, to the
// number of effects. By reference only payments count, so that a payment made
// twice under two keys shows.
func (s *Simulator) streamCharges(w http.ResponseWriter, byReference bool) {
	counts := map[string]int{}
	s.eachCharge(func(o *order, t *transaction) {
		switch {
		case !byReference:
			counts[t.ID]++
		case t.Operation == opPay || t.Operation == opAuthorize:
			counts[o.reference]++
		}
	})
	w.Header()["Content-Type"] = jsonType
	out := bufio.NewWriter(w)
	defer out.Flush()
	out.WriteByte('{')
	first := true
	for key, n := range counts {
		if !first {
			out.WriteByte(',')
		}
		first = false
		name, _ := json.Marshal(key) // a string always encodes
		out.Write(name)
		out.WriteByte(':')
		out.WriteString(strconv.Itoa(n))
	}
	out.WriteString("}\n")
}

// Stats are counts since the start; orders, tokens and charges include those of the state file.
type Stats struct {
	Requests int64 `json:"requests"`
	Replays  int64 `json:"replays"`  // answered again without effect
	Lookups  int64 `json:"lookups"`  //
	Refusals int64 `json:"refusals"` // answered with an error object
	Faults   int64 `json:"faults"`   // played
	Orders   int64 `json:"orders"`
	Tokens   int64 `json:"tokens"`
	Charges  int64 `json:"charges"` // effects
}

// Stats returns the counts.
func (s *Simulator) Stats() Stats {
	c := &s.stats
	return Stats{
		Requests: c.requests.Load(), Replays: c.replays.Load(), Lookups: c.lookups.Load(), Refusals: c.refusals.Load(),
		Faults: c.faults.Load(), Orders: c.orders.Load(), Tokens: c.tokens.Load(), Charges: c.charges.Load(),
	}
}

// Reset forgets orders, tokens, faults and counts, on disk too.
func (s *Simulator) Reset() error {
	// Every shard is held, so that no event lands between memory and disk.
	for i := range s.accounts.shards {
		s.accounts.shards[i].Lock()
		defer s.accounts.shards[i].Unlock()
	}
	if err := s.log.clear(); err != nil {
		return err
	}
	s.accounts.clear()
	s.faults.reset()
	c := &s.stats
	for _, n := range []interface{ Store(int64) }{&c.requests, &c.replays, &c.lookups, &c.charges, &c.refusals, &c.faults, &c.orders, &c.tokens} {
		n.Store(0)
	}
	return nil
}

func showJSON(w http.ResponseWriter, v any) {
	w.Header()["Content-Type"] = jsonType
	json.NewEncoder(w).Encode(v)
}
