package updater

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// nameForm is what a request is called (Paysafe account updater, section 2.4). Other files are
// not processed.
var nameForm = regexp.MustCompile(`^upd_[A-Za-z0-9_]+\.csv\.gpg$`)

// Upload is a request that was taken out of Incoming.
type Upload struct {
	Name     string    // upd_….csv.gpg
	CutOff   time.Time // that handled it
	Records  int
	Bytes    int    // of the plaintext
	Accepted bool   // every record is looked up; otherwise none is
	Rejected int    // records that the acknowledgement rejects
	Refused  string // why the file was refused whole, without an acknowledgement; empty: it was not

	Acknowledgement string   // name of its file; empty: not there yet
	Responses       []string // names of their files so far
	Answered        int      // records answered so far in responses that can be read, repeated ones included
}

// The columns of a request, in their order. Store id and password may be empty.
const (
	storeID = iota
	storePassword
	account
	reference
	cardType
	cardNumber
	expiry
	requestColumns
)

// Return codes of records: those of Paysafe account updater, section 2.6, and one of our own, as
// the list of "File or record error codes" is not established.
const (
	nonNumeric    = "000101"
	badCheckDigit = "000102"
	badExpiry     = "000103"
	notRegistered = "000104"
	badNumber     = "000105"
	malformed     = "000199"
)

var returnTexts = map[string]string{
	nonNumeric: "Card number has a non-numeric character", badCheckDigit: "Bad check digit", badExpiry: "Invalid expiry date",
	notRegistered: "Merchant is not registered in the program", badNumber: "Invalid account number",
	"000122": "Merchant is not registered in the program", malformed: "Missing or malformed field",
}

// take handles a request.
func (p *Provider) take(name string, now time.Time) error {
	content, err := p.fetch(name)
	if errors.Is(err, os.ErrNotExist) {
		delete(p.seen, name) // whoever put it there took it back
		return nil
	}
	if err != nil {
		return fmt.Errorf("account updater: take a request: %w", err)
	}
	u := &Upload{Name: name, CutOff: p.cutOff(p.seen[name])}
	delete(p.seen, name)
	responses, rejected, refused := p.check(u, content, now)
	p.uploads = append(p.uploads, u)
	if refused != nil {
		u.Refused = refused.Error()
		return nil
	}
	u.Rejected = len(rejected)
	u.Accepted = len(rejected) == 0
	p.acknowledge(u, rejected)
	if !u.Accepted {
		return nil
	}
	for _, r := range responses {
		for _, card := range r.cards {
			t := p.cards[card]
			t.asked++
			p.cards[card] = t
		}
		if !r.at.IsZero() {
			p.due = append(p.due, r)
		}
	}
	return nil
}

// fetch reads a request and removes it. Of one that is far too large it reads enough to tell.
func (p *Provider) fetch(name string) ([]byte, error) {
	path := filepath.Join(p.config.Incoming, name)
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	content, err := io.ReadAll(io.LimitReader(f, p.ciphertextLimit()+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	return content, os.Remove(path)
}

// ciphertextLimit leaves room for armor and packets around the largest plaintext.
func (p *Provider) ciphertextLimit() int64 { return 2*int64(p.config.MaxBytes) + 1<<16 }

// check reads a request. It returns the responses to its records, or the return codes of
// those that are wrong, or why the file is refused whole.
func (p *Provider) check(u *Upload, content []byte, now time.Time) (responses []*delivery, rejected map[int]string, refused error) {
	if slices.ContainsFunc(p.uploads, func(other *Upload) bool { return other.Name == u.Name }) {
		return nil, nil, errors.New("the name was used before")
	}
	if int64(len(content)) > p.ciphertextLimit() {
		return nil, nil, fmt.Errorf("the file is larger than %d bytes", p.config.MaxBytes)
	}
	plain, err := decrypt(content, p.key, p.config.MaxBytes+1, now)
	if err != nil {
		return nil, nil, fmt.Errorf("the file cannot be decrypted: %w", err)
	}
	u.Bytes = len(plain)
	if len(plain) > p.config.MaxBytes {
		return nil, nil, fmt.Errorf("the file is larger than %d bytes", p.config.MaxBytes)
	}
	if i := bytes.IndexFunc(plain, func(r rune) bool { return r != '\n' && r != '\r' && (r < ' ' || r > '~') }); i >= 0 {
		return nil, nil, fmt.Errorf("byte %d is not a character of plain text", i+1)
	}
	answers := p.newAnswers(u)
	rejected = map[int]string{}
	in := csv.NewReader(bytes.NewReader(plain))
	in.FieldsPerRecord = -1
	in.ReuseRecord = true
	for {
		record, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, nil, fmt.Errorf("the file is not CSV: %w", err) // names line and column, no value
		}
		if u.Records++; u.Records > p.config.MaxRecords {
			return nil, nil, fmt.Errorf("the file has more than %d records", p.config.MaxRecords)
		}
		code := p.wrong(record, now)
		if code == "" {
			code = answers.add(Card{
				Upload: u.Name, Position: u.Records, Account: record[account], Reference: record[reference],
				Type: record[cardType], Number: record[cardNumber], Expiry: record[expiry],
			})
		}
		if code != "" {
			rejected[u.Records] = code
		}
	}
	lines := bytes.Count(plain, []byte("\n"))
	if !bytes.HasSuffix(plain, []byte("\n")) {
		lines++
	}
	switch {
	case u.Records == 0:
		return nil, nil, errors.New("the file has no record")
	case lines != u.Records:
		return nil, nil, errors.New("a line is empty, or a value has a line end")
	}
	return answers.finish(), rejected, nil
}

// wrong is the return code of a record that is not as it must be.
func (p *Provider) wrong(record []string, now time.Time) (code string) {
	if len(record) != requestColumns {
		return malformed
	}
	for i, cell := range record {
		if cell == "" && i != storeID && i != storePassword || strings.ContainsRune(cell, ' ') {
			return malformed
		}
	}
	number := record[cardNumber]
	switch {
	case !p.accounts[record[account]]:
		return notRegistered
	case strings.Trim(number, "0123456789") != "":
		return nonNumeric
	case len(number) < 13 || len(number) > 19:
		return badNumber
	case stage.LuhnDigit(number[:len(number)-1]) != number[len(number)-1]:
		return badCheckDigit
	case typeOf(number) == "" || typeOf(number) != record[cardType]:
		return badNumber
	case !plausible(record[expiry], now):
		return badExpiry
	}
	return ""
}

// plausible reports whether MMYY is a month within some years: month and year the wrong way
// round mostly is none.
func plausible(expiry string, now time.Time) bool {
	month, err := time.Parse("0106", expiry)
	return err == nil && month.After(now.AddDate(-10, 0, 0)) && month.Before(now.AddDate(20, 0, 0))
}

// acknowledge plans the acknowledgement, half an hour after the cut-off and a second after that
// of the upload before.
func (p *Provider) acknowledge(u *Upload, rejected map[int]string) {
	after := 30*time.Minute + time.Duration(len(p.uploads)%600)*time.Second + 123*time.Millisecond
	d := &delivery{at: p.at(u.CutOff, 0, p.config.CutOff+after), upload: u, rejected: rejected}
	switch {
	case p.strikes(NoAcknowledgement):
		return
	case p.strikes(LateAcknowledgement):
		d.at = p.at(u.CutOff, 2, p.config.CutOff+after)
	}
	p.due = append(p.due, d)
}

// deliver puts a file into Outgoing.
func (p *Provider) deliver(d *delivery, now time.Time) error {
	if d.plain != nil {
		return p.respond(d, now)
	}
	var lines bytes.Buffer
	for i := 1; i <= d.upload.Records; i++ {
		lines.WriteString(strconv.Itoa(i))
		if code, bad := d.rejected[i]; bad {
			lines.WriteString(",RECORD REJECTED," + strings.TrimSpace(code+" "+returnTexts[code]) + "\n")
		} else {
			lines.WriteString(",RECORD ACCEPTED\n")
		}
	}
	at := d.at.In(p.config.Zone)
	name := fmt.Sprintf("%s_%s_%03d.ack", strings.TrimSuffix(d.upload.Name, ".gpg"), at.Format("20060102_150405"), at.Nanosecond()/int(time.Millisecond))
	if err := p.put(name, lines.Bytes()); err != nil {
		return err
	}
	d.upload.Acknowledgement = name
	return nil
}
