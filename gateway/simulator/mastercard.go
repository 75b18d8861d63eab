package simulator

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const maxRequestBytes = 64 << 10

// errFull: the simulator holds as many orders or tokens as it may.
var errFull = errors.New("the simulator is full; reset it")

func basicAuth(merchantID, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("merchant."+merchantID+":"+password))
}

// serveMastercard routes {version}/information and {version}/merchant/{id}/….
func (s *Simulator) serveMastercard(w http.ResponseWriter, r *http.Request, path string) {
	version, rest, _ := strings.Cut(path, "/")
	if n, err := strconv.Atoi(version); err != nil || n < 1 || n > 100 {
		s.refuse(w, http.StatusBadRequest, &invalid{"", "", "this version of the API is not known"})
		return
	}
	if rest == "information" && r.Method == http.MethodGet {
		writeJSON(w, http.StatusOK, []byte(`{"gatewayVersion":"simulator","status":"OPERATING"}`))
		return
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 3 || parts[0] != "merchant" {
		s.refuse(w, http.StatusBadRequest, &invalid{"", "", "no such resource"})
		return
	}
	if r.Header.Get("Authorization") != s.auth || parts[1] != s.options.MerchantID {
		s.refuse(w, http.StatusUnauthorized, &invalid{"", "", "invalid credentials"})
		return
	}
	switch resource := parts[2:]; {
	case len(resource) == 4 && resource[0] == "order" && resource[2] == "transaction" && r.Method == http.MethodPut:
		s.putTransaction(w, r, resource[1], resource[3])
	case len(resource) == 4 && resource[0] == "order" && resource[2] == "transaction" && r.Method == http.MethodGet:
		s.getTransaction(w, r, resource[1], resource[3])
	case len(resource) == 1 && resource[0] == "token" && r.Method == http.MethodPost:
		s.putToken(w, r, "")
	case len(resource) == 2 && resource[0] == "token" && r.Method == http.MethodPut:
		s.putToken(w, r, resource[1])
	default:
		s.refuse(w, http.StatusBadRequest, &invalid{"", "", "no such resource"})
	}
}

func (s *Simulator) putTransaction(w http.ResponseWriter, r *http.Request, orderID, id string) {
	in, err := readRequest(r)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err)
		return
	}
	p, err := parsePayment(orderID, id, in)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err)
		return
	}
	s.play(w, r, s.faults.next(p.operation, p.id, p.reference), func(d disguise) (int, []byte) {
		answer, err := s.carryOut(p, d)
		if err != nil {
			return s.refusal(http.StatusBadRequest, err)
		}
		return http.StatusCreated, answer
	})
}

func (s *Simulator) getTransaction(w http.ResponseWriter, r *http.Request, orderID, id string) {
	s.stats.lookups.Add(1)
	s.play(w, r, s.faults.next(opRetrieve, id, ""), func(d disguise) (int, []byte) {
		shard := s.accounts.shard(orderID)
		shard.Lock()
		defer shard.Unlock()
		o := shard.orders[orderID]
		if o == nil {
			return s.refusal(http.StatusBadRequest, &invalid{"", "", "Unable to find order " + orderID})
		}
		t := o.find(id)
		if t == nil || s.hidden(shard, t) {
			return s.refusal(http.StatusBadRequest, &invalid{"", "", "Unable to find transaction " + id})
		}
		return http.StatusOK, s.answer(o, t, d)
	})
}

// hidden reports whether look-ups may not see the transaction yet.
func (s *Simulator) hidden(shard *shard, t *transaction) bool {
	if s.options.HiddenFor > 0 && s.options.Clock().Sub(time.UnixMilli(t.At)) < s.options.HiddenFor {
		return true
	}
	if n := shard.seen[t.ID]; n < s.options.HiddenLookups {
		shard.seen[t.ID] = n + 1
		return true
	}
	return false
}

func (s *Simulator) putToken(w http.ResponseWriter, r *http.Request, id string) {
	in, err := readRequest(r)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err)
		return
	}
	card := &in.SourceOfFunds.Provided.Card
	number := card.Number
	expiry, err := parseExpiry(card.Expiry.Month, card.Expiry.Year)
	if err == nil {
		err = checkNumber(number)
	}
	if err == nil && id != "" && !isID(id) {
		err = &invalid{"token", "INVALID", "a token has 1 to 40 letters and digits"}
	}
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err)
		return
	}
	s.play(w, r, s.faults.next(opTokenize, id, ""), func(d disguise) (int, []byte) {
		id, saved, err := s.save(id, maskedNumber(number), expiry, testCards[number])
		if err != nil {
			return s.refusal(http.StatusBadRequest, err)
		}
		return http.StatusCreated, s.tokenAnswer(id, saved, d)
	})
}

func (s *Simulator) refuse(w http.ResponseWriter, status int, err error) {
	status, body := s.refusal(status, err)
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body) // a caller that left has its answer by look-up
}

var jsonType = []string{"application/json;charset=UTF-8"}
