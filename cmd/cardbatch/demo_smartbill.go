package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway/simulator/amex"
)

// demoSmartBillConfig is the configuration of the demo with American Express.
//
//go:embed demo_smartbill.yaml
var demoSmartBillConfig string

// demoSE is the service establishment number of the demo's contract.
const demoSE = "1234567890"

// demoDay is one day of the demo with American Express.
type demoDay struct {
	title string
	puts  []string     // sample files of the merchant
	told  []amex.Event // by American Express, beside what it answers
}

// demoDays are played from demoMorning on, one day after the other.
var demoDays = []demoDay{
	{"three new cards, and payments that wait for their enrolment", []string{"01-wallets.csv", "02-payments.csv"},
		[]amex.Event{{SE: demoSE, Alias: "NOBODY1", Status: "EA"}}},
	{"the enrolments are answered, so the payments go out", nil,
		[]amex.Event{{Alias: "CUST-011", Status: "EDU", NewExpiry: "0641"}, {Alias: "CUST-031", Status: "CC", Code: "C010", Text: "lost"}}},
	{"the payments are answered; one card has a new expiry, one is cancelled", []string{"03-payments.csv"}, nil},
}

// demoMorning is on a Monday: all three days are working days.
var demoMorning = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

// demoSmartBill plays the life of American Express cards. The clock is an argument of each
// run, so that nobody waits for the next day.
func (a *app) demoSmartBill(ctx context.Context, o demoOptions) (err error) {
	if o.serve {
		return usageError("--serve does not go with --gateway smartbill: its days are over when the demo ends")
	}
	if err := clearDemo(o.dir); err != nil {
		return err
	}
	d, err := startSmartBillDemo(o.dir, a.stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	fmt.Fprintf(a.stdout, `SFTP server        %s, its host key pinned in %s
merchant's server  %s
mail catcher       %s
American Express   %s and %s
`, d.sftp.Addr(), d.key("known_hosts"), d.server.url(), d.mail.Addr(), d.path("amex/to"), d.path("amex/from"))
	for i, day := range demoDays {
		d.now = demoMorning.AddDate(0, 0, i)
		fmt.Fprintf(a.stdout, "\nDay %d, %s: %s\n\n", i+1, d.now.Format("Monday 2 January"), day.title)
		if err := a.playDay(ctx, d, day); err != nil {
			return err
		}
	}
	for _, look := range [][]string{{"lines", "--state", "approved,refused"}, {"wallet", "list"}, {"smartbill", "exceptions"}} {
		fmt.Fprintf(a.stdout, "\ncardbatch %s\n\n", strings.Join(look, " "))
		if err := a.selfAt(ctx, d.daysDemo, look...); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.stdout, "\nOver SFTP, the merchant finds:\n\n")
	if err := printTree(a.stdout, d.path("sftp")); err != nil {
		return err
	}
	d.printAccounts()
	fmt.Fprintf(a.stdout, `
Look around:
  cardbatch --config %[1]s files
  cardbatch --config %[1]s smartbill status
  cardbatch --config %[1]s explain PAY-20261123-01 INV-9001
`, d.config)
	return nil
}

// playDay has the merchant put its files, cardbatch run, and American Express answer.
func (a *app) playDay(ctx context.Context, d *smartBillDemo, day demoDay) error {
	if err := d.put(ctx, "demo-smartbill", day.puts); err != nil {
		return err
	}
	if len(day.puts) > 0 {
		fmt.Fprintln(a.stdout)
	}
	fmt.Fprintf(a.stdout, "cardbatch --clock %s run\n\n", d.now.Format(time.RFC3339))
	if err := a.selfAt(ctx, d.daysDemo, "run"); err != nil {
		return err
	}
	d.printTold()
	return d.work(ctx, day.told)
}

// smartBillDemo is a workspace, American Express, and everybody who is told something.
type smartBillDemo struct {
	*daysDemo
	amex   *amex.Amex
	server *merchantServer

	calls, taken int // that were shown
}

func startSmartBillDemo(dir string, out io.Writer) (_ *smartBillDemo, err error) {
	days, err := openDaysDemo(dir, out)
	if err != nil {
		return nil, err
	}
	d := &smartBillDemo{daysDemo: days}
	defer func() {
		if err != nil {
			_ = d.Close()
		}
	}()
	for _, folder := range []string{"amex/to", "amex/from"} {
		if err := os.MkdirAll(d.path(folder), 0o700); err != nil {
			return nil, err
		}
	}
	d.amex = amex.New(d.path("amex/to"), d.path("amex/from"), func() time.Time { return d.now })
	if d.server, err = startMerchantServer(); err != nil {
		return nil, err
	}
	return d, d.writeConfig(demoSmartBillConfig, map[string]any{"SE": demoSE, "URL": d.server.url()})
}

func (d *smartBillDemo) Close() error {
	err := d.daysDemo.Close()
	if d.server != nil {
		err = errors.Join(err, d.server.Close())
	}
	return err
}

// work lets American Express answer, and then tell what it has to tell, and shows both.
func (d *smartBillDemo) work(ctx context.Context, told []amex.Event) error {
	if err := d.amex.Work(ctx); err != nil {
		return err
	}
	for _, e := range told {
		d.amex.Tell(e)
	}
	if err := d.amex.Work(ctx); err != nil {
		return err
	}
	d.printTaken()
	return d.printAnswers()
}

// printTaken shows which files American Express took since the last time.
func (d *smartBillDemo) printTaken() {
	files := d.amex.Files()
	if len(files) > d.taken {
		fmt.Fprintf(d.out, "\nAmerican Express took:\n")
	}
	for _, f := range files[d.taken:] {
		fmt.Fprintf(d.out, "  %s, %s", f.Name, count(f.Details, "record"))
		if f.Refused != "" {
			fmt.Fprintf(d.out, ", refused whole: %s", f.Refused)
		}
		fmt.Fprintln(d.out)
	}
	d.taken = len(files)
}

// printAnswers shows the files that American Express has put. There is no card number in them.
func (d *smartBillDemo) printAnswers() error {
	names, err := filepath.Glob(d.path("amex/from/*.dat"))
	if err != nil {
		return err
	}
	if len(names) > 0 {
		fmt.Fprintf(d.out, "\nIt put, with runs of spaces made one here:\n")
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(d.out, "  %s\n", filepath.Base(name))
		for line := range strings.Lines(string(content)) {
			fmt.Fprintf(d.out, "    %s\n", strings.Join(strings.Fields(line), " "))
		}
	}
	return nil
}

// printTold shows the e-mails and server notifications that came since the last time, in an
// order of their own: they travel side by side.
func (d *smartBillDemo) printTold() {
	d.printMails()
	calls := d.server.received()
	told := calls[d.calls:]
	d.calls = len(calls)
	slices.Sort(told)
	if len(told) > 0 {
		fmt.Fprintf(d.out, "\nThe merchant's server was told:\n")
	}
	for _, call := range told {
		fmt.Fprintf(d.out, "  %s\n", call)
	}
}

// printAccounts shows what American Express and those who were told have counted.
func (d *smartBillDemo) printAccounts() {
	fmt.Fprintf(d.out, "\nAmerican Express counted:\n\n")
	t := table(d.out)
	row(t, "  ALIAS", "ENROLMENTS ASKED", "CHARGES")
	for _, wallet := range []batch.WalletID{"CUST-01", "CUST-02", "CUST-03"} {
		alias := batch.AliasOf(wallet, 1, 0)
		row(t, "  "+alias, len(d.amex.Enrolments(alias)), d.amex.ChargesOf(alias))
	}
	_ = t.Flush()
	fmt.Fprintf(d.out, "\nThe mail catcher has %s, the merchant's server was told %s.\n",
		count(len(d.mail.Messages()), "e-mail"), count(len(d.server.received()), "event"))
}

// merchantServer is the merchant's server: it takes every server notification.
type merchantServer struct {
	http   http.Server
	listen net.Listener
	ended  chan error

	mu    sync.Mutex
	calls []string
}

func startMerchantServer() (*merchantServer, error) {
	listen, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &merchantServer{listen: listen, ended: make(chan error, 1)}
	s.http = http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.calls = append(s.calls, r.Method+" "+r.URL.RequestURI())
	})}
	go func() { s.ended <- s.http.Serve(listen) }()
	return s, nil
}

func (s *merchantServer) url() string { return "http://" + s.listen.Addr().String() + "/notify" }

// received are the requests, in the order they came.
func (s *merchantServer) received() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.calls)
}

func (s *merchantServer) Close() error {
	err := s.http.Close()
	if ended := <-s.ended; !errors.Is(ended, http.ErrServerClosed) {
		err = errors.Join(err, ended)
	}
	return err
}
