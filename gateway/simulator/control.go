package simulator

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// controlFault is a Fault as /control/faults takes and shows it.
type controlFault struct {
	Operation string      `json:"operation,omitempty"`
	Phase     stage.Phase `json:"phase"`
	Key       string      `json:"key,omitempty"`
	Count     int         `json:"count,omitempty"`
	DelayMS   int64       `json:"delay_ms,omitempty"`
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
		showJSON(w, map[string]int64{"tokens": s.Counts.Tokens.Load()})
	case resource == "stats" && r.Method == http.MethodGet:
		showJSON(w, s.Stats())
	case resource == "smartbill" && r.Method == http.MethodPost:
		s.postCardChange(w, r)
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
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	in.DisallowUnknownFields()
	var f controlFault
	if err := in.Decode(&f); err != nil {
		http.Error(w, "not a fault: want operation, phase, key, count, delay_ms", http.StatusBadRequest)
		return
	}
	err := s.Plan(stage.Fault{Operation: f.Operation, Phase: f.Phase, Key: f.Key, Count: f.Count, Delay: time.Duration(f.DelayMS) * time.Millisecond})
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// CardChange is what American Express changes of a card that Payline has enrolled.
type CardChange struct {
	Wallet string `json:"wallet_id"`
	Index  int    `json:"card_index,omitempty"` // 0: the default card
	Status string `json:"status"`               // EDU, PU or CC
	Expiry string `json:"card_expiry,omitempty"`
}

// ChangeCard lets American Express change a card that Payline has enrolled.
func (s *Simulator) ChangeCard(c CardChange) error {
	return s.payline.Tell(c.Wallet, c.Index, c.Status, c.Expiry)
}

func (s *Simulator) postCardChange(w http.ResponseWriter, r *http.Request) {
	in := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10))
	in.DisallowUnknownFields()
	var c CardChange
	if err := in.Decode(&c); err != nil {
		http.Error(w, "not a change of a card: want wallet_id, card_index, status, card_expiry", http.StatusBadRequest)
		return
	}
	if err := s.ChangeCard(c); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// streamCharges writes one JSON object: key, or order reference, to the
// number of effects. By reference only payments count, so that a payment made
// twice under two keys shows.
func (s *Simulator) streamCharges(w http.ResponseWriter, byReference bool) {
	counts := map[string]int{}
	s.eachCharge(func(c stage.Charge) {
		switch {
		case !byReference:
			counts[c.Key]++
		case c.Payment:
			counts[c.Reference]++
		}
	})
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
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
	c := &s.Counts
	return Stats{
		Requests: c.Requests.Load(), Replays: c.Replays.Load(), Lookups: c.Lookups.Load(), Refusals: c.Refusals.Load(),
		Faults: c.Faults.Load(), Orders: c.Orders.Load(), Tokens: c.Tokens.Load(), Charges: c.Charges.Load(),
	}
}

func showJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	json.NewEncoder(w).Encode(v)
}
