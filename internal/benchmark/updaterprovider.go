package main

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"cardbatch/internal/pgp"
)

// answerTally is what the role answer prints: how many cards it answered about, and of how
// many it told newer data or the end.
type answerTally struct{ Cards, Renewed, Ended int }

// answer is the role of the provider: it acknowledges each request and answers it with two
// responses, one for each scheme. It keeps nothing of what it has read: the simulated provider
// (gateway/simulator/updater) holds every card in memory.
func answer(dir string) error {
	key := func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(dir, "keys", name)) }
	private, err := key("provider-private.asc")
	if err != nil {
		return err
	}
	public, err := key("updater.asc")
	if err != nil {
		return err
	}
	p := provider{dir: dir}
	if p.with, err = pgp.ReadPrivateKey(strings.NewReader(string(private)), nil); err != nil {
		return err
	}
	if p.to, err = pgp.ReadPublicKey(strings.NewReader(string(public))); err != nil {
		return err
	}
	uploads, err := filepath.Glob(filepath.Join(dir, "Incoming", "upd_*.csv.gpg"))
	if err != nil {
		return err
	}
	for _, path := range uploads {
		if err := errors.Join(p.answer(path), os.Remove(path)); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(path), err)
		}
	}
	return json.NewEncoder(os.Stdout).Encode(p.tally)
}

type provider struct {
	dir   string
	with  *pgp.PrivateKey
	to    *pgp.PublicKey
	tally answerTally
}

// answer reads one request (Paysafe account updater, section 2.4) and writes what is said of it.
func (p *provider) answer(path string) (err error) {
	sealed, err := os.Open(path)
	if err != nil {
		return err
	}
	defer sealed.Close()
	clear, err := pgp.Decrypt(sealed, p.with, moment(askedAt))
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(path), ".csv.gpg")
	ack, err := p.create(name+".csv_"+moment(askedAt).Format("20060102_150405")+"_1.ack", false)
	if err != nil {
		return err
	}
	responses := map[string]*outgoing{}
	for i, scheme := range []string{"VI", "MC"} {
		if responses[scheme], err = p.create(fmt.Sprintf("%s_resp_%02d.csv.gpg", name, i+1), true); err != nil {
			return err
		}
	}
	requests := csv.NewReader(clear)
	requests.ReuseRecord = true
	for position := 1; ; position++ {
		r, err := requests.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		fmt.Fprintf(ack, "%d,RECORD ACCEPTED\n", position)
		code, newNumber, newExpiry := p.verdict(position, r[4], r[5], r[6])
		fmt.Fprintf(responses[r[4]], "%s,%s,%s,%s,%s,%s,%s,%s\n", r[2], r[3], r[4], r[5], r[5][len(r[5])-4:], code, newNumber, newExpiry)
	}
	return errors.Join(ack.Close(), responses["VI"].Close(), responses["MC"].Close())
}

// verdict mixes the answers about as a real month does: of a hundred cards 60 have nothing new,
// 25 a new number or a new expiry, 5 have ended, and 10 get the other codes, unknown ones among them.
func (p *provider) verdict(position int, scheme, number, expiry string) (code, newNumber, newExpiry string) {
	p.tally.Cards++
	year, _ := strconv.Atoi(expiry[2:])
	later := expiry[:2] + strconv.Itoa(year+3)
	of := func(visa, mastercard string) string {
		if scheme == "VI" {
			return visa
		}
		return mastercard
	}
	switch n := position * 37 % 100; {
	case n < 45:
		return of("V", "VALID"), "", ""
	case n < 60:
		return of("P", "UNKNWN"), "", ""
	case n < 72:
		p.tally.Renewed++
		i, _ := strconv.Atoi(number[6:15])
		return of("A", "UPDATE"), numberAt(of("424242", "510510"), i), later
	case n < 85:
		p.tally.Renewed++
		return of("E", "EXPIRY"), "", later
	case n < 87:
		p.tally.Ended++
		return of("C", "CONTACT"), "", ""
	case n < 89:
		p.tally.Ended++
		return of("Q", "CONTACH"), "", ""
	case n < 90:
		p.tally.Ended++
		return of("O", "34"), "", ""
	case n < 95:
		return of("N", "MC_N"), "", ""
	case n < 98:
		return of("G", "43"), "", ""
	}
	return "NEW CODE", "", ""
}

// outgoing is a file for the merchant, which gets its name once it is complete.
type outgoing struct {
	io.Writer
	close []func() error
}

func (o *outgoing) Close() (err error) {
	for _, c := range o.close {
		err = errors.Join(err, c())
	}
	return err
}

func (p *provider) create(name string, encrypted bool) (*outgoing, error) {
	path := filepath.Join(p.dir, "Outgoing", name)
	f, err := os.Create(filepath.Join(p.dir, "Outgoing", "."+name))
	if err != nil {
		return nil, err
	}
	buffer := bufio.NewWriterSize(f, 64<<10)
	o := &outgoing{buffer, []func() error{buffer.Flush, f.Close, func() error { return os.Rename(f.Name(), path) }}}
	if !encrypted {
		return o, nil
	}
	message, err := pgp.Encrypt(buffer, p.to, moment(askedAt))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	o.Writer, o.close = message, append([]func() error{message.Close}, o.close...)
	return o, nil
}
