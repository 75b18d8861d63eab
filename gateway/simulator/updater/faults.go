package updater

import (
	"bytes"
	"slices"
	"strings"
)

// Fault is a way to fail. Each strikes a whole file.
type Fault string

const (
	NoAcknowledgement   Fault = "no_acknowledgement"   // the upload is handled, and nobody says so
	LateAcknowledgement Fault = "late_acknowledgement" // two days after the cut-off, when responses have come already

	NoResponse       Fault = "no_response"       // until Resend
	Truncated        Fault = "truncated"         // a third of the encrypted file is missing
	Tampered         Fault = "tampered"          // a bit of the encrypted file is another
	OtherKey         Fault = "other_key"         // encrypted to a key that is nobody's
	Twice            Fault = "twice"             // the same bytes under two names
	UnknownCode      Fault = "unknown_code"      // the first record has a code that no document lists
	UnknownReference Fault = "unknown_reference" // a further record, about a reference that nobody gave
	OtherAccount     Fault = "other_account"     // a further record, about another merchant's account
)

// What the lies say.
const (
	StrangeCode      = "ZZ9"
	StrangeReference = "NOBODYS0001"
	StrangeAccount   = "99999999"
)

// responseFaults are those of responses, in the order in which they strike.
var responseFaults = []Fault{NoResponse, Truncated, Tampered, OtherKey, Twice, UnknownCode, UnknownReference, OtherAccount}

// unreadable reports whether the merchant cannot read the response.
func (f Fault) unreadable() bool { return f == Truncated || f == Tampered || f == OtherKey }

// Fail has the next files fail: so many acknowledgements of requests that are handled from now
// on, or so many responses that are put from now on. 0 ends it. A response suffers one fault at most.
func (p *Provider) Fail(f Fault, times int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults[f] = times
}

// Resend has the responses that never came, or could not be read, put by the next Work: good
// ones, under new names.
func (p *Provider) Resend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, d := range p.withheld {
		d.at = p.config.Clock()
		p.due = append(p.due, d)
	}
	p.withheld = nil
}

// struck is the first of the faults that strikes now; empty: none.
func (p *Provider) struck(faults []Fault) Fault {
	i := slices.IndexFunc(faults, func(f Fault) bool { return p.faults[f] > 0 })
	if i < 0 {
		return ""
	}
	return faults[i]
}

// spend counts a fault that has struck.
func (p *Provider) spend(f Fault) {
	if p.faults[f] > 0 {
		p.faults[f]--
	}
}

func (p *Provider) strikes(f Fault) bool {
	struck := p.faults[f] > 0
	p.spend(f)
	return struck
}

// lie changes the first record of a response, or adds one that differs from it. No value that
// passed the checks of a request needs quotes, but for those of scripts, which are not touched here.
func lie(plain []byte, f Fault) []byte {
	first, rest, _ := bytes.Cut(plain, []byte("\n"))
	cells := strings.Split(string(first), ",")
	switch f {
	case UnknownCode:
		cells[5] = StrangeCode
		return append([]byte(strings.Join(cells, ",")+"\n"), rest...)
	case UnknownReference:
		cells[1] = StrangeReference
	case OtherAccount:
		cells[0] = StrangeAccount
	}
	return append(slices.Clone(plain), strings.Join(cells, ",")+"\n"...)
}
