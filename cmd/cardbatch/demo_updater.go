package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/ssh"

	"cardbatch/batch"
	"cardbatch/formats/batchfile"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/gateway/simulator/updater"
	"cardbatch/internal/sftpserver"
)

// demoUpdaterConfig is the configuration of the demo with an account updater.
//
//go:embed demo_updater.yaml
var demoUpdaterConfig string

const (
	demoUpdaterKind    = "paysafe"
	demoAccount        = "89987201" // merchant account number at the provider
	demoPassphrase     = "nobody guesses this"
	demoUpdaterSamples = "demo-updater"
)

// updaterDay is one run of the demo with an account updater.
type updaterDay struct {
	at      time.Time
	title   string
	puts    []string    // sample files of the merchant
	broken  stage.Phase // how the gateway fails to take a new number; empty: it does not
	before  []demoCommand
	code    int    // exit code of the run
	results string // an answer to the merchant that is shown
	after   []demoCommand
}

// demoCommand is a command and its exit code.
type demoCommand struct {
	args []string
	code int
}

// updaterDays are played one after the other; between them the provider does its work.
var updaterDays = []updaterDay{
	{
		at: time.Date(2026, 11, 20, 19, 0, 0, 0, time.UTC), puts: []string{"01-wallets.csv", "02-payments.csv"},
		title: "22 customers leave a card, most of them one that expires next month",
	},
	{
		at: time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC), before: []demoCommand{{strings.Fields("updater select --dry-run"), exitDone}},
		title: "the first run of the month asks about the cards that expire in it",
	},
	{
		at:    time.Date(2026, 12, 1, 18, 0, 0, 0, time.UTC),
		title: "one bad record, so nothing was processed; the others are asked again",
		after: []demoCommand{{strings.Fields("updater report"), exitDone}},
	},
	{
		at:    time.Date(2026, 12, 4, 3, 0, 0, 0, time.UTC),
		title: "the answers about Visa cards are there", after: []demoCommand{{strings.Fields("updater status"), exitDone}},
	},
	{
		at: time.Date(2026, 12, 5, 3, 0, 0, 0, time.UTC), puts: []string{"03-payments.csv"}, code: exitConfig,
		title:   "the answers about Mastercard cards, one of them for the operator, and the next payments",
		results: "03-payments.res.csv",
	},
	{
		at:    time.Date(2026, 12, 7, 3, 0, 0, 0, time.UTC),
		title: "four days are over: one card is given up",
	},
	{
		at: time.Date(2026, 12, 29, 18, 0, 0, 0, time.UTC), puts: []string{"04-wallets.csv"},
		title: "one more customer, whose card is asked about on demand",
		after: []demoCommand{{strings.Fields("updater select"), exitDone}},
	},
	{
		at: time.Date(2026, 12, 31, 22, 0, 0, 0, time.UTC), broken: stage.Unavailable503, code: exitNotSent,
		title: "the card has a new number, and the gateway is down",
		after: []demoCommand{{strings.Fields("updater status"), exitNotSent}},
	},
	{
		at:    time.Date(2027, 1, 2, 3, 0, 0, 0, time.UTC),
		title: "the gateway takes the number, and December's report is delivered",
	},
}

// demoVerdicts are what the provider answers, by the number that is asked about. The others
// are rejected: their check digit is wrong, it says.
var demoVerdicts = map[string]updater.Verdict{
	"4111111111111111": {Code: "A", NewNumber: "4012000033330026", NewExpiry: "1229"},
	"4508750015741019": {Code: "E", NewExpiry: "1229"},
	"4970100000000055": {Code: "F", NewExpiry: "0626"},
	"4970100000000113": {Code: "C"},
	"4012888888881881": {Code: "O"},
	"4242424242424242": {Code: "V"},
	"4000056655665556": {Code: "P"},
	"4444333322221111": {Code: "ZZ9"},
	"4917610000000000": {Code: "A", NewNumber: "4917610000000000", NewExpiry: "1226"},
	"4988438843884305": {Never: true},

	"5123450000000008": {Code: "UPDATE", NewNumber: "2223000000000007", NewExpiry: "1230", Day: 2},
	"5111111111111118": {Code: "EXPIRY", NewExpiry: "1229", Day: 2},
	"2223000000000023": {Code: "CONTACT", Day: 2},
	"5105105105105100": {Code: "CONTACH", Day: 2},
	"5454545454545454": {Code: "34", Day: 2},
	"5555444433331111": {Code: "", Day: 2},
	"2222400070000005": {Code: "MC_N", Day: 2},
	"5577000055770004": {Code: "000104", Day: 2},

	"5101180000000007": {Code: "UPDATE", NewNumber: "2222410740360010", NewExpiry: "1229"},
}

// verdict is the provider's script.
func (d *updaterDemo) verdict(c updater.Card) updater.Verdict {
	d.asked[c.Number]++
	if v, ok := demoVerdicts[c.Number]; ok {
		return v
	}
	return updater.Verdict{Reject: "000102"}
}

// demoUpdater plays six weeks with Paysafe's account updater. The clock is an argument of each
// run, so that nobody waits for the next day.
func (a *app) demoUpdater(ctx context.Context, o demoOptions) (err error) {
	if o.serve {
		return usageError("--serve does not go with --updater: its days are over when the demo ends")
	}
	if err := clearDemo(o.dir); err != nil {
		return err
	}
	d, err := startUpdaterDemo(o.dir, a.stdout)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	fmt.Fprintf(a.stdout, `SFTP server   %s, its host key pinned in %s
simulator     %s
mail catcher  %s
Paysafe       %s, its host key pinned in %s
`, d.sftp.Addr(), d.key("known_hosts"), d.endpoint, d.mail.Addr(), d.paysafe.Addr(), d.key("paysafe_known_hosts"))
	for _, day := range updaterDays {
		if err := d.pass(ctx, day.at); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "\n%s: %s\n", d.now.In(d.zone).Format("Monday 2 January 2006, 15:04"), day.title)
		if err := a.playUpdaterDay(ctx, d, day); err != nil {
			return err
		}
	}
	html := filepath.Join(o.dir, "report.html")
	for _, look := range [][]string{
		{"updater", "report", "--month", "2026-12"},
		{"updater", "report", "--month", "2027-01"},
		{"updater", "report", "--month", "2026-12", "--format", "html", "-o", html},
	} {
		if err := a.perform(ctx, d, demoCommand{look, exitDone}); err != nil {
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
  cardbatch --config %[1]s --clock %[2]s updater report --month 2026-12 --fields extended
  cardbatch --config %[1]s --clock %[2]s updater select --explain CUST-20
  cardbatch --config %[1]s wallet list
  cardbatch --config %[1]s explain PAY-20261205-01 INV-1206
  %[3]s, in a browser
`, d.config, d.now.Format(time.RFC3339), html)
	return nil
}

// playUpdaterDay has the merchant put its files and cardbatch run, and shows what came of it.
func (a *app) playUpdaterDay(ctx context.Context, d *updaterDemo, day updaterDay) error {
	if len(day.puts) > 0 {
		fmt.Fprintln(d.out)
	}
	if err := d.put(ctx, demoUpdaterSamples, day.puts); err != nil {
		return err
	}
	for _, command := range day.before {
		if err := a.perform(ctx, d, command); err != nil {
			return err
		}
	}
	if day.broken != "" {
		if err := d.simulator.Plan(stage.Fault{Operation: "TOKENIZE", Phase: day.broken}); err != nil {
			return err
		}
	}
	if err := a.perform(ctx, d, demoCommand{[]string{"run"}, day.code}); err != nil {
		return err
	}
	d.simulator.Lift()
	d.printTokens()
	d.printMails()
	if err := d.printResults(day.results); err != nil {
		return err
	}
	for _, command := range day.after {
		if err := a.perform(ctx, d, command); err != nil {
			return err
		}
	}
	return d.provider.Work(ctx) // it sees what lies there
}

// perform runs a command at the demo's time. Another exit code than the story has is an error.
func (a *app) perform(ctx context.Context, d *updaterDemo, command demoCommand) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	at := d.now.Format(time.RFC3339)
	fmt.Fprintf(d.out, "\n$ cardbatch --clock %s %s\n\n", at, strings.Join(command.args, " "))
	c := exec.CommandContext(ctx, program, append([]string{"--config", d.config, "--clock", at}, command.args...)...)
	c.Stdout, c.Stderr = a.stdout, a.stderr
	err = c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	if got := c.ProcessState.ExitCode(); got != command.code {
		return fmt.Errorf("cardbatch %s: exit code %d, and the story has %d", strings.Join(command.args, " "), got, command.code)
	}
	if command.code != exitDone {
		fmt.Fprintf(d.out, "\nexit code %d\n", command.code)
	}
	return nil
}

// updaterDemo is a workspace, the gateway, and the account updater with its SFTP server.
type updaterDemo struct {
	*daysDemo
	zone     *time.Location // of what is told
	clock    atomic.Int64   // of the gateway, in Unix seconds
	paysafe  *sftpserver.Server
	provider *updater.Provider

	asked map[string]int // how often the provider was asked about a number, rejected requests included

	uploads int             // that were shown
	files   map[string]bool // of the provider that were shown
	tokens  int             // of the gateway that were shown
}

func startUpdaterDemo(dir string, out io.Writer) (_ *updaterDemo, err error) {
	days, err := openDaysDemo(dir, out)
	if err != nil {
		return nil, err
	}
	d := &updaterDemo{daysDemo: days, asked: map[string]int{}, files: map[string]bool{}}
	defer func() {
		if err != nil {
			_ = d.Close()
		}
	}()
	if d.zone, err = time.LoadLocation("Europe/Paris"); err != nil {
		return nil, err
	}
	d.simulator, err = simulator.New(simulator.Options{
		StateFile: d.path("state/simulator.log"), Clock: func() time.Time { return time.Unix(d.clock.Load(), 0) },
	})
	if err != nil {
		return nil, err
	}
	if d.endpoint, err = d.simulator.Start("127.0.0.1:0"); err != nil {
		return nil, err
	}
	if err := d.startProvider(updaterDays[0].at.AddDate(-1, 0, 0)); err != nil {
		return nil, err
	}
	host, port, err := net.SplitHostPort(d.paysafe.Addr())
	if err != nil {
		return nil, err
	}
	return d, errors.Join(
		os.WriteFile(d.key("gateway-password"), []byte(stage.Password+"\n"), 0o600),
		os.WriteFile(d.key("paysafe_known_hosts"), []byte(d.paysafe.KnownHostsLine()+"\n"), 0o600),
		d.writeConfig(demoUpdaterConfig, map[string]any{
			"Account": demoAccount, "Endpoint": d.endpoint, "MerchantID": kinds[mastercard.Kind].merchantID, "PaysafeHost": host, "PaysafePort": port,
		}))
}

// startProvider makes the keys of both sides, as of the time, and starts the provider with its SFTP server.
func (d *updaterDemo) startProvider(at time.Time) error {
	theirs, err := updater.NewKeys("Paysafe", nil, at)
	if err != nil {
		return err
	}
	ours, err := updater.NewKeys("Acme", []byte(demoPassphrase), at)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{
		"paysafe-public.asc": theirs.Public, "updater-private.asc": ours.Private, "updater-passphrase": []byte(demoPassphrase + "\n"),
	} {
		if err := os.WriteFile(d.key(name), content, 0o600); err != nil {
			return err
		}
	}
	for _, folder := range []string{"paysafe/Incoming", "paysafe/Outgoing"} {
		if err := os.MkdirAll(d.path(folder), 0o700); err != nil {
			return err
		}
	}
	client, err := makeClientKey(d.key("paysafe_id_ed25519"))
	if err != nil {
		return err
	}
	d.paysafe, err = sftpserver.Start(d.path("paysafe"), sftpserver.Options{User: "acme", AuthorizedKeys: []ssh.PublicKey{client}, HostKeyFile: d.key("paysafe_host_key")})
	if err != nil {
		return err
	}
	d.provider, err = updater.New(updater.Config{
		Incoming: d.path("paysafe/Incoming"), Outgoing: d.path("paysafe/Outgoing"), Clock: func() time.Time { return d.now },
		Key: theirs.Private, MerchantKey: ours.Public, Accounts: []string{demoAccount}, Script: d.verdict,
	})
	return err
}

func (d *updaterDemo) Close() error {
	err := d.daysDemo.Close()
	if d.paysafe != nil {
		err = errors.Join(err, d.paysafe.Close())
	}
	return err
}

// pass lets time pass until then, and shows what the provider does meanwhile.
func (d *updaterDemo) pass(ctx context.Context, until time.Time) error {
	for next := d.provider.Due(); !next.IsZero() && !next.After(until); next = d.provider.Due() {
		d.now = next
		if err := d.provider.Work(ctx); err != nil {
			return err
		}
		if err := d.printProvider(); err != nil {
			return err
		}
	}
	d.now = until
	d.clock.Store(until.Unix())
	return nil
}

// printProvider shows which requests the provider took and which files it put since the last time.
func (d *updaterDemo) printProvider() error {
	tell := func(form string, args ...any) {
		fmt.Fprintf(d.out, "\n%s: %s\n", d.now.In(d.zone).Format("Monday 2 January, 15:04"), fmt.Sprintf(form, args...))
	}
	uploads := d.provider.Uploads()
	for _, u := range uploads[d.uploads:] {
		tell("Paysafe takes %s, %s", u.Name, count(u.Records, "card"))
		if u.Refused != "" {
			fmt.Fprintf(d.out, "  it refuses the file: %s\n", u.Refused)
		}
	}
	d.uploads = len(uploads)
	for _, u := range uploads {
		for _, name := range slices.Concat([]string{u.Acknowledgement}, u.Responses) {
			if name == "" || d.files[name] {
				continue
			}
			d.files[name] = true
			if name != u.Acknowledgement {
				tell("Paysafe puts %s, encrypted; %d of %s answered so far", name, u.Answered, count(u.Records, "card"))
				continue
			}
			tell("Paysafe puts %s", name)
			if err := d.printAcknowledgement(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// printAcknowledgement shows what an acknowledgement says, its accepted records counted.
func (d *updaterDemo) printAcknowledgement(name string) error {
	content, err := os.ReadFile(d.path("paysafe/Outgoing/" + name))
	if err != nil {
		return err
	}
	accepted := 0
	for line := range strings.Lines(string(content)) {
		if strings.HasSuffix(line, ",RECORD ACCEPTED\n") {
			accepted++
		} else {
			fmt.Fprintf(d.out, "  %s", line)
		}
	}
	_, err = fmt.Fprintf(d.out, "  RECORD ACCEPTED on %s\n", count(accepted, "line"))
	return err
}

// printResults shows some columns of an answer to the merchant.
func (d *updaterDemo) printResults(name string) error {
	if name == "" {
		return nil
	}
	content, err := os.Open(d.path("sftp/outbound/" + name))
	if err != nil {
		return err
	}
	defer content.Close()
	in, err := batchfile.NewResultReader(content, "")
	if err != nil {
		return err
	}
	fmt.Fprintf(d.out, "\n%s says, among other things:\n", name)
	t := table(d.out)
	row(t, "  LINE", "OUTCOME", "CODE", "WALLET", "CARD", "EXPIRY")
	var r batch.ResultRow
	for err = in.Read(&r); err == nil; err = in.Read(&r) {
		row(t, "  "+string(r.Ref), r.Outcome, r.Code, r.WalletID, r.Card, r.CardExpiry)
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	return t.Flush()
}

// printTokens shows how many cards the gateway has saved since the last time, each under a new token.
func (d *updaterDemo) printTokens() {
	tokens := int(d.simulator.Stats().Tokens)
	if fresh := tokens - d.tokens; fresh > 0 {
		fmt.Fprintf(d.out, "\nThe gateway gave %s.\n", count(fresh, "new token"))
	}
	d.tokens = tokens
}

// printAccounts shows what the provider and the gateway have counted.
func (d *updaterDemo) printAccounts() {
	cards, answers := map[int]int{}, 0
	for number, times := range d.asked {
		cards[times]++
		answers += d.provider.Answered(number)
	}
	fmt.Fprintf(d.out, "\nPaysafe was asked about %s twice, because it processed nothing of the first file, and about %s once. It gave %s.\n",
		count(cards[2], "card"), count(cards[1], "card"), count(answers, "answer"))
	stats := d.simulator.Stats()
	fmt.Fprintf(d.out, "The gateway gave %s and carried out %s.\n", count(int(stats.Tokens), "token"), count(int(stats.Charges), "payment"))
}
