package pipeline_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/batchfile"
	"cardbatch/gateway"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
	"cardbatch/pipeline"
	"cardbatch/sftpio"
	"cardbatch/store"
	"cardbatch/store/sqlite"
	"cardbatch/vault"
)

// TestMain drops what net/http writes to the standard logger about second answers,
// and lets more tests run side by side than there are processors: they wait for the
// disk, not for one another.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	flag.Parse()
	parallel := flag.Lookup("test.parallel")
	if parallel.Value.String() == parallel.DefValue {
		_ = parallel.Value.Set("8")
	}
	os.Exit(m.Run())
}

const (
	acme     = batch.MerchantID("acme")
	contract = batch.ContractID("1")
	bank     = batch.GatewayName("bank")
)

// start is when every test begins.
var start = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

// world is an installation in a folder: a real store, vault, archive and drop
// folders, a real connector, and the simulator on loopback. Only time is not real:
// it stands still, and who sleeps moves it on.
type world struct {
	*testing.T
	dir       string
	simulator *simulator.Simulator
	endpoint  string
	store     store.Store
	session   store.Session
	vault     *vault.Vault
	archive   *vault.Archive

	// What the next run is made of; tests change it.
	source    pipeline.Source
	merchant  pipeline.Merchant
	contracts map[batch.ContractID]*batch.Contract
	gateways  map[batch.GatewayName]pipeline.Gateway
	retention pipeline.Retention
	chunk     int
	wait      time.Duration
	stop      chan struct{}
	reached   func(*pipeline.Run, string)

	mu    sync.Mutex
	now   time.Time
	slept time.Duration
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{T: t, dir: t.TempDir(), now: start, chunk: 10, wait: time.Minute}
	for _, folder := range []string{"in", "out", "outbox"} {
		w.must(os.Mkdir(filepath.Join(w.dir, folder), 0o700))
	}
	var err error
	w.simulator, err = simulator.New(simulator.Options{Clock: w.clock})
	w.must(err)
	w.Cleanup(func() { w.must(w.simulator.Close()) })
	w.endpoint, err = w.simulator.Start("127.0.0.1:0")
	w.must(err)
	w.must(vault.Create(filepath.Join(w.dir, "keys.json")))
	w.vault, err = vault.Open(filepath.Join(w.dir, "keys.json"))
	w.must(err)
	w.archive, err = vault.OpenArchive(w.vault, filepath.Join(w.dir, "archive"))
	w.must(err)
	w.open()

	w.source = pipeline.Source{
		Name: "acme", Merchants: []batch.MerchantID{acme}, Sequence: true,
		OpenInbound: func(ctx context.Context) (sftpio.Inbound, error) {
			return sftpio.OpenInbound(ctx, sftpio.Options{Location: filepath.Join(w.dir, "in"), Readiness: sftpio.Rename})
		},
		OpenOutbound: func(ctx context.Context) (sftpio.Outbound, error) {
			return sftpio.OpenOutbound(ctx, sftpio.Options{Location: filepath.Join(w.dir, "out")})
		},
	}
	w.merchant = pipeline.Merchant{ID: acme}
	w.contracts = map[batch.ContractID]*batch.Contract{contract: {
		ID: contract, Merchant: acme, Gateway: bank, Currencies: []money.Currency{"EUR", "JPY"},
		MerchantSource: true, UnknownSeries: batch.SendUnknownSeries, Zone: time.UTC,
	}}
	w.gateways = map[batch.GatewayName]pipeline.Gateway{bank: {Connector: w.connect(nil), Concurrency: 4}}
	w.retention = pipeline.Retention{Archive: 7 * 24 * time.Hour, Lines: 400 * 24 * time.Hour}
	return w
}

// open opens the store, as a newly started program does.
func (w *world) open() {
	w.Helper()
	s, err := sqlite.Open(w.Context(), filepath.Join(w.dir, "store.db"), sqlite.Options{Environment: batch.Test, Clock: w.clock, Create: true})
	w.must(err)
	w.store = s
	w.Cleanup(func() { w.must(s.Close()) })
}

// connect makes a connector to the simulator, changed as the test wants.
func (w *world) connect(change func(*mastercard.Config)) gateway.Connector {
	w.Helper()
	c := mastercard.Config{
		Endpoint: w.endpoint, MerchantID: stage.MerchantID, Timeout: 10 * time.Second, MaxConns: 4,
		Password: func() (string, error) { return stage.Password, nil },
	}
	if change != nil {
		change(&c)
	}
	client, err := mastercard.New(c, w.clock)
	w.must(err)
	w.Cleanup(func() { w.must(client.Close()) })
	return client
}

// use replaces the bank's connector.
func (w *world) use(c gateway.Connector) {
	w.gateways[bank] = pipeline.Gateway{Connector: c, Concurrency: w.gateways[bank].Concurrency}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// later moves the clock on.
func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *world) sleep(ctx context.Context, d time.Duration) error {
	w.later(d)
	w.mu.Lock()
	w.slept += d
	w.mu.Unlock()
	return ctx.Err()
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// put lays a file into the inbound folder.
func (w *world) put(name, content string) {
	w.Helper()
	w.must(os.WriteFile(filepath.Join(w.dir, "in", name), []byte(content), 0o600))
}

// read returns a file below the world's folder; empty when there is none.
func (w *world) read(name string) string {
	w.Helper()
	content, err := os.ReadFile(filepath.Join(w.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.Fatal(err)
	}
	return string(content)
}

// names lists a folder of the world.
func (w *world) names(folder string) []string {
	w.Helper()
	entries, err := os.ReadDir(filepath.Join(w.dir, folder))
	w.must(err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// begin takes the store for the run to come.
func (w *world) begin() *pipeline.Run {
	w.Helper()
	session, err := w.store.Begin(w.Context(), store.Actor{Name: "test", Version: "v0", Config: "c0"})
	w.must(err)
	w.session = session
	w.Cleanup(func() { _ = session.End() })
	w.stop = make(chan struct{})
	r := &pipeline.Run{
		Store: w.store, Session: session, Vault: w.vault, Archive: w.archive, Outbox: filepath.Join(w.dir, "outbox"),
		Mode: batch.Test, Sources: []pipeline.Source{w.source},
		Merchants: map[batch.MerchantID]pipeline.Merchant{acme: w.merchant},
		Contracts: map[batch.MerchantID]map[batch.ContractID]*batch.Contract{},
		Gateways:  w.gateways, Retention: w.retention, Chunk: w.chunk, ResolveWait: w.wait,
		Clock: w.clock, Sleep: w.sleep, Log: slog.New(slog.DiscardHandler), Stop: w.stop,
	}
	for _, merchant := range w.source.Merchants {
		r.Contracts[merchant] = w.contracts
	}
	if w.reached != nil {
		hook := w.reached
		r.Reached = func(name string) { hook(r, name) }
	}
	return r
}

// run is one night: it begins, executes and ends.
func (w *world) run(only ...string) pipeline.Summary {
	w.Helper()
	summary, err := w.execute(only...)
	w.must(err)
	return summary
}

func (w *world) execute(only ...string) (pipeline.Summary, error) {
	w.Helper()
	r := w.begin()
	defer w.end()
	return r.Execute(w.Context(), only...)
}

func (w *world) end() {
	w.Helper()
	w.must(w.session.End())
}

// calm is a run that must come to its end without any problem.
func (w *world) calm() pipeline.Summary {
	w.Helper()
	summary := w.run()
	if len(summary.Problems) > 0 {
		w.Fatalf("problems: %+v", summary.Problems)
	}
	return summary
}

// file is the newest file of the name.
func (w *world) file(name string) batch.File {
	w.Helper()
	files, err := w.store.Files(w.Context(), store.FileQuery{Name: name})
	w.must(err)
	if len(files) == 0 {
		w.Fatalf("the store knows no file %s", name)
	}
	return files[0]
}

// lines are the lines of the newest file of the name, by reference.
func (w *world) lines(name string) map[batch.LineRef]batch.LineRecord {
	w.Helper()
	all := map[batch.LineRef]batch.LineRecord{}
	for rec, err := range w.store.Lines(w.Context(), store.LineQuery{File: w.file(name).ID}) {
		w.must(err)
		all[rec.Line.Ref] = rec
	}
	return all
}

func (w *world) state(name string, want batch.FileState, verdict batch.FindingCode) {
	w.Helper()
	if f := w.file(name); f.State != want || f.Verdict != verdict {
		w.Fatalf("%s is %s %s, want %s %s", name, f.State, f.Verdict, want, verdict)
	}
}

// wallet returns a wallet of acme's; nil when there is none.
func (w *world) wallet(id batch.WalletID) *batch.Wallet {
	w.Helper()
	found, err := w.store.Wallets(w.Context(), acme, []batch.WalletID{id})
	w.must(err)
	return found[id]
}

// ack reads an ACK with the reader that merchants have.
func (w *world) ack(name string) (batchfile.AckHeader, []batch.AckRow, batchfile.AckTrailer) {
	w.Helper()
	content := w.read(filepath.Join("out", name))
	if content == "" {
		w.Fatalf("there is no %s; the outbound folder holds %v", name, w.names("out"))
	}
	in, err := batchfile.NewAckReader(strings.NewReader(content), batch.Layout{})
	w.must(err)
	var rows []batch.AckRow
	for {
		row, err := in.Read()
		if err == io.EOF {
			return in.Header(), rows, in.Trailer()
		}
		w.must(err)
		rows = append(rows, row)
	}
}

// result reads a RESULT or a SUPPLEMENT with the reader that merchants have. The
// reader proves that the trailer agrees with the rows.
func (w *world) result(name string) (map[batch.LineRef]batch.ResultRow, batchfile.ResultTrailer) {
	w.Helper()
	content := w.read(filepath.Join("out", name))
	if content == "" {
		w.Fatalf("there is no %s; the outbound folder holds %v", name, w.names("out"))
	}
	in, err := batchfile.NewResultReader(strings.NewReader(content), "")
	w.must(err)
	rows := map[batch.LineRef]batch.ResultRow{}
	for {
		var row batch.ResultRow
		err := in.Read(&row)
		if err == io.EOF {
			return rows, in.Trailer()
		}
		w.must(err)
		rows[row.Ref] = row
	}
}

// outcomes checks the outcome and code of every row of an answer; a want is
// "approved 00000".
func (w *world) outcomes(name string, want map[batch.LineRef]string) map[batch.LineRef]batch.ResultRow {
	w.Helper()
	rows, trailer := w.result(name)
	if len(rows) != len(want) || trailer.Lines != len(want) {
		w.Errorf("%s has %d rows, want %d", name, len(rows), len(want))
	}
	for ref, text := range want {
		row := rows[ref]
		if got := strings.TrimSpace(string(row.Outcome) + " " + row.Code); got != text {
			w.Errorf("%s, %s: %s (%s), want %s", name, ref, got, row.LongMessage, text)
		}
	}
	return rows
}

// charges says how often a line had an effect at the simulator.
func (w *world) charges(ref batch.LineRef) int {
	return w.simulator.Charges(string(batch.NewKey(acme, ref, 1)))
}

func (w *world) charged(want int, refs ...batch.LineRef) {
	w.Helper()
	for _, ref := range refs {
		if n := w.charges(ref); n != want {
			w.Errorf("%s was charged %d times, want %d", ref, n, want)
		}
	}
}

// fail plans a fault that lasts until it is lifted.
func (w *world) fail(f stage.Fault) {
	w.Helper()
	f.Count = 1_000_000
	w.must(w.simulator.Plan(f))
}

// problem returns the only problem of a run, of the kind.
func (w *world) problem(s pipeline.Summary, kind pipeline.ProblemKind, where string) {
	w.Helper()
	if len(s.Problems) != 1 || s.Problems[0].Kind != kind || s.Problems[0].Where != where {
		w.Errorf("problems %+v, want one of kind %s at %s", s.Problems, kind, where)
	}
}

// Columns of the files that the tests write.
const (
	walletColumns  = "line_ref;command;contract;wallet_id;card_number;card_expiry"
	paymentColumns = "line_ref;command;contract;wallet_id;order_ref;amount;currency"
	anyColumns     = "line_ref;command;contract;wallet_id;card_index;order_ref;amount;currency;transaction_id;source;agreement_id;agreement_type;" +
		"agreement_variability;agreement_payments;agreement_min_days;initial_transaction_id;card_number;card_expiry;action;email;echo"
)

// sheet writes a file of the batch interface: trailer and totals follow from the lines.
type sheet struct {
	ref      string
	sequence int
	mode     string // TEST when empty
	merchant string // acme when empty
	columns  string
	lines    []string
}

func (s sheet) String() string {
	sequence := ""
	if s.sequence > 0 {
		sequence = fmt.Sprint(s.sequence)
	}
	if s.mode == "" {
		s.mode = "TEST"
	}
	if s.merchant == "" {
		s.merchant = "acme"
	}
	names := strings.Split(s.columns, ";")
	amount, currency := slices.Index(names, "amount"), slices.Index(names, "currency")
	totals := map[string]int{}
	var b strings.Builder
	fmt.Fprintf(&b, "H;CARDBATCH;1;%s;%s;%s;%s;2026-11-21T20:00:00Z\nC;%s\n", s.merchant, s.ref, sequence, s.mode, s.columns)
	for _, line := range s.lines {
		b.WriteString("D;" + line + "\n")
		if fields := strings.Split(line, ";"); amount >= 0 && amount < len(fields) && fields[amount] != "" {
			var n int
			_, _ = fmt.Sscan(fields[amount], &n) // a line that is wrong on purpose adds nothing
			totals[fields[currency]] += n
		}
	}
	fmt.Fprintf(&b, "T;%d", len(s.lines))
	for _, c := range slices.Sorted(func(yield func(string) bool) {
		for c := range totals {
			if !yield(c) {
				return
			}
		}
	}) {
		fmt.Fprintf(&b, ";%s:%d", c, totals[c])
	}
	return b.String() + "\n"
}

// row writes a line with any columns, given as "name=value name=value".
func row(ref, command, fields string) string {
	names := strings.Split(anyColumns, ";")
	values := make([]string, len(names))
	values[0], values[1] = ref, command
	for _, field := range strings.Fields(fields) {
		name, value, _ := strings.Cut(field, "=")
		i := slices.Index(names, name)
		if i < 0 {
			panic("no column " + name)
		}
		values[i] = value
	}
	return strings.Join(values, ";")
}

// Published test cards; the expiry decides what the simulator answers.
const (
	mastercardNumber = "5123450000000008"
	visaNumber       = "4508750015741019"
	amexNumber       = "371881634498004"
	approvedExpiry   = "0139"
	declinedExpiry   = "0539"
)

// walletLines are createWallet lines for CUST-1 … CUST-n.
func walletLines(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("W-%d;createWallet;1;CUST-%d;%s;%s", i+1, i+1, mastercardNumber, approvedExpiry))
	}
	return lines
}

// paymentLines are payments P-1 … P-n on CUST-1 … in turn.
func paymentLines(n, wallets int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("P-%d;doImmediateWalletPayment;1;CUST-%d;ORDER-%d;%d;EUR", i+1, i%wallets+1, i+1, 100+i))
	}
	return lines
}

func refs(prefix string, n int) (all []batch.LineRef) {
	for i := range n {
		all = append(all, batch.LineRef(fmt.Sprintf("%s-%d", prefix, i+1)))
	}
	return all
}

// withWallets makes a world whose wallets CUST-1 … CUST-n exist already.
func withWallets(t *testing.T, n int) *world {
	t.Helper()
	w := newWorld(t)
	w.put("wallets.csv", sheet{ref: "WALLETS", columns: walletColumns, lines: walletLines(n)}.String())
	w.calm()
	w.state("wallets.csv", batch.FileDelivered, "")
	for _, rec := range w.lines("wallets.csv") {
		if rec.State != batch.Approved {
			t.Fatalf("%s is %s", rec.Line.Ref, rec.State)
		}
	}
	w.later(time.Hour)
	return w
}

func digestOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// plan makes the line's next request fail once.
func (w *world) plan(phase stage.Phase, ref batch.LineRef) {
	w.Helper()
	w.must(w.simulator.Plan(stage.Fault{Phase: phase, Key: string(batch.NewKey(acme, ref, 1))}))
}
