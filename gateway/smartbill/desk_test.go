package smartbill_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/layout"
	files "cardbatch/formats/smartbill"
	"cardbatch/gateway/simulator/amex"
	"cardbatch/gateway/smartbill"
)

// desk is a store and a folder, as far as the connector sees them. It outlives the programs
// that use it, and each of those may die at any step.
type desk struct {
	inbox, outbox string
	clock         func() time.Time
	files         map[string]*deskFile // by batch
	last          map[string]int64

	steps int  // taken in this life
	life  int  // steps until death; negative: for ever
	dead  bool // whoever is dead hears no answer and does nothing more
	// fetched is called as soon as a file has its final name.
	fetched func()
}

type deskFile struct {
	smartbill.File
	digest string
}

var errDied = errors.New("died")

func (d *desk) step() error {
	if d.life >= 0 && d.steps >= d.life {
		d.dead = true
	}
	d.steps++
	if d.dead {
		return errDied
	}
	return nil
}

// rise is the start of the next program.
func (d *desk) rise(life int) { d.steps, d.life, d.dead = 0, life, false }

func (d *desk) Open(_ context.Context, name string, terms batch.ChargeTerms) (smartbill.File, error) {
	if err := d.step(); err != nil {
		return smartbill.File{}, err
	}
	f := d.files[name]
	if f == nil {
		d.last[terms.SE]++
		n := d.last[terms.SE]
		text, err := files.FileName(files.ChargeFile, terms.SE, n)
		if err != nil {
			return smartbill.File{}, err
		}
		f = &deskFile{File: smartbill.File{ID: n, Name: text, Sequence: n, Terms: terms, CreatedAt: d.clock(), State: smartbill.Open}}
		d.files[name] = f
	}
	return f.File, d.step()
}

func (d *desk) Find(_ context.Context, name string) (smartbill.File, error) {
	if err := d.step(); err != nil {
		return smartbill.File{}, err
	}
	if f := d.files[name]; f != nil {
		return f.File, nil
	}
	return smartbill.File{}, fmt.Errorf("find: %w", smartbill.ErrNoFile)
}

func (d *desk) temporary(f smartbill.File) string { return filepath.Join(d.inbox, "."+f.Name+".tmp") }

func (d *desk) Stage(_ context.Context, f smartbill.File, content io.ReadSeeker, size int64, digest string) error {
	text, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	if sum := sha256.Sum256(text); int64(len(text)) != size || hex.EncodeToString(sum[:]) != digest {
		return errors.New("size or digest are not those of the content")
	}
	have := d.find(f.ID)
	if have.State != smartbill.Open {
		return errors.New("a file that was staged is never written again")
	}
	for _, written := range [][]byte{text[:size/2], text} {
		if err := d.step(); err != nil {
			return err
		}
		if err := os.WriteFile(d.temporary(f), written, 0o600); err != nil {
			return err
		}
	}
	if err := d.step(); err != nil {
		return err
	}
	have.State, have.digest = smartbill.Staged, digest
	return d.step()
}

func (d *desk) Send(_ context.Context, f smartbill.File) error {
	if err := d.step(); err != nil {
		return err
	}
	have := d.find(f.ID)
	if have.State == smartbill.Open {
		return errors.New("a file that is not staged is not sent")
	}
	switch err := os.Rename(d.temporary(f), filepath.Join(d.inbox, f.Name)); {
	case err == nil && d.fetched != nil:
		d.fetched()
	case err != nil && !errors.Is(err, os.ErrNotExist):
		return err
	}
	if err := d.step(); err != nil {
		return err
	}
	have.State = smartbill.Sent
	return d.step()
}

func (d *desk) find(id int64) *deskFile {
	for _, f := range d.files {
		if f.ID == id {
			return f
		}
	}
	panic("no such file")
}

// Answers reads all response files, as the run would have done before.
func (d *desk) Answers(_ context.Context, keys []batch.Key) (map[batch.Key]batch.ChargeAnswer, error) {
	if err := d.step(); err != nil {
		return nil, err
	}
	found := map[batch.Key]batch.ChargeAnswer{}
	entries, err := os.ReadDir(d.outbox)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "SBRSP") {
			continue
		}
		responses, err := files.OpenResponse(func() (io.ReadCloser, error) { return os.Open(filepath.Join(d.outbox, e.Name())) }, shipped(files.ResponseTable), nil)
		if err != nil {
			return nil, err
		}
		err = responses.Each(func(r files.Response) error {
			for _, key := range keys {
				if key == r.Key {
					found[key] = batch.ChargeAnswer{
						Key: key, State: batch.LineState(r.Result), AuthorizationNumber: r.Authorization, Code: r.Code, Text: r.Text,
						CardChanged: r.CardUpdate == files.Changed, ValueDate: r.ValueDate.Format(time.DateOnly), File: e.Name(),
					}
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (d *desk) Check(context.Context) error {
	_, err := os.Stat(d.inbox)
	return err
}

var tables = map[string]*layout.Table{}

// shipped reads a table once.
func shipped(name string) *layout.Table {
	if tables[name] == nil {
		table, err := files.Shipped(name)
		if err != nil {
			panic(err)
		}
		tables[name] = table
	}
	return tables[name]
}

// write is the writer that the program has.
func write(w io.Writer, h smartbill.Header, charges []smartbill.Charge) error {
	out, err := files.NewChargeWriter(w, shipped(files.ChargeTable), files.Header{SE: h.SE, Sequence: h.Sequence, CreatedAt: h.CreatedAt, Mode: h.Mode, Currency: h.Currency}, nil)
	if err != nil {
		return err
	}
	for _, c := range charges {
		kind := files.Debit
		if c.Credit {
			kind = files.Credit
		}
		err := out.Write(files.Charge{Kind: kind, Alias: c.Alias, Amount: c.Amount, OrderRef: c.OrderRef, Descriptor: c.Descriptor, Key: c.Key})
		if errors.Is(err, layout.ErrValue) {
			return fmt.Errorf("%w: %w", smartbill.ErrValue, err)
		}
		if err != nil {
			return err
		}
	}
	return out.Close()
}

// world is American Express, with cards enrolled, a desk, and a client.
type world struct {
	*smartbill.Client
	desk *desk
	amex *amex.Amex
	now  time.Time
}

// background serves where the test is a property, which has no context.
var background = context.Background()

const se = "9876543210"

// fatal is a test or a property.
type fatal interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// newWorld uses a folder that is empty.
func newWorld(t fatal, dir string, change func(*smartbill.Config)) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 11, 23, 16, 30, 0, 0, time.UTC)}
	clock := func() time.Time { return w.now }
	w.desk = &desk{
		inbox: filepath.Join(dir, "in"), outbox: filepath.Join(dir, "out"), clock: clock, life: -1,
		files: map[string]*deskFile{}, last: map[string]int64{},
	}
	for _, folder := range []string{w.desk.inbox, w.desk.outbox} {
		if err := os.Mkdir(folder, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	w.amex = amex.New(w.desk.inbox, w.desk.outbox, clock)
	config := smartbill.Config{
		Environment: batch.Test, Desk: w.desk, Write: write,
		Accounts: map[batch.ContractID]smartbill.Account{
			"AMEX":  {SE: se, ValueDate: func(now time.Time) string { return now.Format(time.DateOnly) }},
			"OTHER": {SE: "1234567890", ValueDate: func(now time.Time) string { return now.Format(time.DateOnly) }},
		},
	}
	if change != nil {
		change(&config)
	}
	client, err := smartbill.New(config, clock)
	if err != nil {
		t.Fatal(err)
	}
	w.Client = client
	return w
}

// enrol has American Express take the cards up.
func (w *world) enrol(t fatal, aliases ...string) {
	t.Helper()
	w.desk.last["enrol"]++
	n := w.desk.last["enrol"]
	name, err := files.FileName(files.EnrolmentFile, se, n)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	out, err := files.NewEnrolmentWriter(&text, shipped(files.EnrolmentTable), files.Header{SE: se, Sequence: n, CreatedAt: w.now, Mode: batch.Test}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, alias := range aliases {
		err := out.Write(files.Enrolment{
			Action: files.Add, Alias: alias, Card: batch.NewPAN("371881634498004"), Expiry: "0139", Name: "Zoë", Key: batch.NewKey("acme", batch.LineRef(alias), 1),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(w.desk.inbox, name), []byte(text.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	w.work(t)
	for _, f := range w.amex.Files() {
		if f.Refused != "" {
			t.Fatalf("enrolment: %s", f.Refused)
		}
	}
}

func (w *world) work(t fatal) {
	t.Helper()
	if err := w.amex.Work(background); err != nil {
		t.Fatal(err)
	}
}

// charged lists what American Express got of charge files.
func (w *world) charged() (got []amex.File) {
	for _, f := range w.amex.Files() {
		if strings.HasPrefix(f.Name, "SBCHG") {
			got = append(got, f)
		}
	}
	return got
}
