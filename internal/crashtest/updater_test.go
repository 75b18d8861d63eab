package crashtest

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/gateway/simulator/updater"
	"cardbatch/internal/killable"
	"cardbatch/internal/mailcatcher"
	"cardbatch/store"
	"cardbatch/vault"
)

// Some nights with an account updater by files, killed at every transition: no card is asked
// about twice, each answer changes its card once, gateways that keep cards hear of it under one
// key, and the reports say the same.

// Two merchants, one at a gateway that gives tokens for numbers, one at a gateway that keeps
// wallets. Small requests make many files.
const updaterConfig = `environment: TEST
time_zone: Europe/Paris
merchants:
  - {id: acme, lookalike: {lines: 0}, updater_report: {every: monthly, mail: [billing@acme.example]}}
  - {id: beta, lookalike: {lines: 0}, updater_report: {every: daily, fields: extended}}
contracts:
  - {id: "1", merchant: acme, gateway: bank, currencies: [EUR], unknown_series: send, merchant_source: true, updater: {name: paysafe, account: "` + acmeAccount + `"}}
  - {id: "2", merchant: beta, gateway: platform, currencies: [EUR], unknown_series: send, merchant_source: true, updater: {name: paysafe, account: "` + betaAccount + `"}}
gateways:
  - {name: bank, kind: mastercard, endpoint: %[1]s, merchant_id: %[2]s, password: "file:keys/password", tokens: supplied, settle: 0s, concurrency: 4}
  - {name: platform, kind: payline, endpoint: %[1]s, merchant_id: %[2]s, password: "file:keys/password", settle: 0s, concurrency: 4}
updaters:
  - name: paysafe
    kind: paysafe
    outbound: {folder: updater/Incoming}
    inbound: {folder: updater/Outgoing, ready: rename}
    store_id: acme-store
    store_password: file:keys/store-password
    encrypt_to: keys/provider.asc
    decrypt_with: keys/ours.asc
    passphrase: file:keys/passphrase
    max_records: 9
sources:
  - {name: both, merchants: [acme, beta], inbound: {folder: in, ready: rename}, outbound: {folder: out}, on_line_error: reject-lines}
notify:
  mail: {host: %[3]s, port: %[4]s, tls: none, from: cardbatch@acme.example}
run: {chunk: 7}
log: {level: warn, format: text}
`

const acmeAccount, betaAccount = "89987201", "89987202"

// subject is a stored card that expires in December 2026, and what the provider answers about it.
type subject struct {
	wallet  byte
	number  string
	verdict updater.Verdict
}

// subjects are the cards of a merchant.
var subjects = map[batch.MerchantID][]subject{
	"acme": {
		{'a', "4970100000000055", updater.Verdict{Code: "A", NewNumber: "4111111111111111", NewExpiry: "1229"}},
		{'b', "4970100000000113", updater.Verdict{Code: "A", NewNumber: "4012888888881881"}},
		{'c', "4970101000001002", updater.Verdict{Code: "E", NewExpiry: "1229"}},
		{'d', "4508750015741019", updater.Verdict{Code: "C"}},
		{'e', "4012000033330026", updater.Verdict{Code: "Q"}},
		{'f', "4444333322221111", updater.Verdict{Code: "O"}},
		{'g', "4917610000000000", updater.Verdict{Code: "V"}},
		{'h', "5123450000000008", updater.Verdict{Code: "UPDATE", NewNumber: "5555444433331111", NewExpiry: "1129", Day: 2}},
		{'i', "2223000000000007", updater.Verdict{Code: "EXPIRY", NewExpiry: "1129"}},
		{'j', "5111111111111118", updater.Verdict{Never: true}},
		{'k', "2223000000000023", updater.Verdict{Reject: "000103"}},
		{'l', "5970100300000067", updater.Verdict{Code: updater.StrangeCode}},
	},
	"beta": {
		{'m', "4988438843884305", updater.Verdict{Code: "A", NewNumber: "4242424242424242", NewExpiry: "1229"}},
		{'n', "4012000033330026", updater.Verdict{Code: "E", NewExpiry: "1229"}}, // as e, of the other merchant
		{'o', "4917610000000000", updater.Verdict{Code: "F", NewExpiry: "1125"}},
		{'p', "5200828282828210", updater.Verdict{Code: "UPDATE", NewNumber: "5105105105105100", NewExpiry: "1129", Day: 2}},
		{'q', "5577000055770004", updater.Verdict{Code: "CONTACT"}},
		{'r', "2222400070000005", updater.Verdict{Code: "CONTACH"}},
		{'s', "2222410740360010", updater.Verdict{Code: "34"}},
		{'t', "2223003122003222", updater.Verdict{}},
		{'u', "4970100000000055", updater.Verdict{Code: "A", NewNumber: "4111111111111111", NewExpiry: "1229"}},
	},
}

// answered is the provider's script: verdicts by account and number.
func answered(c updater.Card) updater.Verdict {
	merchant := batch.MerchantID("acme")
	if c.Account == betaAccount {
		merchant = "beta"
	}
	for _, s := range subjects[merchant] {
		if s.number == c.Number {
			return s.verdict
		}
	}
	return updater.Verdict{Code: "a card that nobody should ask about"}
}

var contractsOf = map[batch.MerchantID]string{"acme": "1", "beta": "2"}

// fileOf is a file of one of the merchants.
func fileOf(merchant batch.MerchantID, ref string, sequence int, columns string, total int, lines ...string) string {
	return strings.Replace(file(ref, sequence, columns, total, lines...), ";acme;", ";"+string(merchant)+";", 1)
}

// storedCards opens the wallets of a merchant: its subjects, and one more card that is not asked about.
func storedCards(merchant batch.MerchantID, other string) string {
	var lines []string
	for _, s := range subjects[merchant] {
		lines = append(lines, fmt.Sprintf("W-%c;createWallet;%s;CARD-%c;%s;1226;%c@example.com", s.wallet, contractsOf[merchant], s.wallet, s.number, s.wallet))
	}
	lines = append(lines, fmt.Sprintf("W-%[1]s;createWallet;%[2]s;CARD-%[1]s;%[3]s;other@example.com", merchant, contractsOf[merchant], other))
	return fileOf(merchant, "WAL", 1, "line_ref;command;contract;wallet_id;card_number;card_expiry;email", 0, lines...)
}

const seriesColumns = "line_ref;command;contract;wallet_id;order_ref;amount;currency;source;agreement_id;agreement_type"

// begun begins a series on each of the wallets, and gone on with charges it.
func begun(merchant batch.MerchantID, sequence int, wallets string) string {
	return series(merchant, "FIRST", sequence, wallets, "INTERNET", "UNSCHEDULED")
}

func goneOn(merchant batch.MerchantID, sequence int, wallets string) string {
	return series(merchant, "NEXT", sequence, wallets, "MERCHANT", "")
}

func series(merchant batch.MerchantID, ref string, sequence int, wallets, source, kind string) string {
	var lines []string
	for _, w := range []byte(wallets) {
		lines = append(lines, fmt.Sprintf("%s-%c;doImmediateWalletPayment;%s;CARD-%c;%s-%c;1000;EUR;%s;AGR-%c;%s", ref, w, contractsOf[merchant], w, ref, w, source, w, kind))
	}
	return fileOf(merchant, ref, sequence, seriesColumns, 1000*len(lines), lines...)
}

// scheduled is a payment later in the month on the wallets, that their gateway keeps.
func scheduled(sequence int, wallets string) string {
	var lines []string
	for _, w := range []byte(wallets) {
		lines = append(lines, fmt.Sprintf("SCH-%c;doScheduledWalletPayment;2;CARD-%c;SCH-%c;1000;EUR;2026-12-20", w, w, w))
	}
	return fileOf("beta", "SCH", sequence, "line_ref;command;contract;wallet_id;order_ref;amount;currency;scheduled_date", 1000*len(lines), lines...)
}

// updaterNight is one night: when it is, and what the merchants have sent by then.
type updaterNight struct {
	at    string
	files map[string]string
}

// The provider collects at 10:30 UTC, acknowledges at eleven, and answers from 17:00 on.
var updaterNights = []updaterNight{
	{"2026-11-30T18:00:00Z", map[string]string{
		"acme-1.csv": storedCards("acme", "5454545454545454;0139"), "acme-2.csv": begun("acme", 2, "abdeh"),
		"beta-1.csv": storedCards("beta", "371881634498004;1226"), "beta-2.csv": begun("beta", 2, "mpq"), "beta-3.csv": scheduled(3, "mqr"),
	}},
	{"2026-12-01T03:00:00Z", nil}, // the month begins: the cards are asked about
	{"2026-12-01T18:00:00Z", nil}, // acknowledged, one request rejected: it is repaired
	{"2026-12-02T18:00:00Z", nil}, // most are answered, and the repair is acknowledged
	{"2026-12-03T18:00:00Z", nil}, // so are the others, but one
	{"2026-12-08T18:00:00Z", map[string]string{ // which is given up
		"acme-3.csv": goneOn("acme", 3, "abcdefghijkl"), "beta-4.csv": goneOn("beta", 4, "mnopqrstu"),
	}},
	{"2027-01-01T05:00:00Z", nil}, // the month is over: reports
}

// pgpKeys are pairs of keys, made once for all lives: making them is slow.
var pgpKeys = sync.OnceValues(func() (pair [2]updater.Keys, err error) {
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if pair[0], err = updater.NewKeys("Provider", nil, created); err == nil {
		pair[1], err = updater.NewKeys("Merchant", []byte("passphrase"), created)
	}
	return pair, err
})

// asking is a workspace with a provider behind two folders, two gateways and a mail server.
type asking struct {
	*exchange
	provider *updater.Provider
	gateways *listener
	mails    *mailcatcher.Catcher
}

func newAsking(t *testing.T) *asking {
	t.Helper()
	x := &asking{exchange: &exchange{world: &world{t: t, dir: t.TempDir()}, told: map[string][]byte{}}, gateways: &listener{told: map[string]map[string]bool{}}}
	for _, folder := range []string{"in", "out", "keys", "updater/Incoming", "updater/Outgoing"} {
		if err := os.MkdirAll(filepath.Join(x.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	if x.gateways.Simulator, err = simulator.New(simulator.Options{}); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(x.gateways)
	t.Cleanup(func() { server.Close(); _ = x.gateways.Close() })
	if x.mails, err = mailcatcher.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = x.mails.Close() })
	if err := vault.Create(filepath.Join(x.dir, "keys", "vault.json")); err != nil {
		t.Fatal(err)
	}
	keys, err := pgpKeys()
	if err != nil {
		t.Fatal(err)
	}
	x.provider, err = updater.New(updater.Config{
		Incoming: filepath.Join(x.dir, "updater/Incoming"), Outgoing: filepath.Join(x.dir, "updater/Outgoing"), Clock: func() time.Time { return x.now },
		Key: keys[0].Private, MerchantKey: keys[1].Public, Accounts: []string{acmeAccount, betaAccount}, Script: answered,
	})
	if err != nil {
		t.Fatal(err)
	}
	x.provider.Fail(updater.LateAcknowledgement, 1) // responses come before it
	x.provider.Fail(updater.Tampered, 1)
	x.provider.Fail(updater.Twice, 1)
	host, port, err := net.SplitHostPort(x.mails.Addr())
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"keys/password": stage.Password, "keys/store-password": "store-password", "keys/passphrase": "passphrase",
		"keys/provider.asc": string(keys[0].Public), "keys/ours.asc": string(keys[1].Private),
		"cardbatch.yaml": fmt.Sprintf(updaterConfig, server.URL, stage.MerchantID, host, port),
	} {
		x.write(name, content)
	}
	return x
}

// listener is a simulator that notes what it is told of stored cards.
type listener struct {
	*simulator.Simulator
	mu   sync.Mutex
	told map[string]map[string]bool // keys by what was told under them
}

var (
	tokenPath = regexp.MustCompile(`/token/([0-9A-Za-z]{26})$`)
	newNumber = regexp.MustCompile(`"number":"([0-9]+)"`)
	newExpiry = regexp.MustCompile(`"month":"?([0-9]+)"?,"year":"?([0-9]+)"?`)
	soapKey   = regexp.MustCompile(`>cardbatch<[^>]*><[^>]*>([0-9A-Za-z]{26})<`)
	soapField = regexp.MustCompile(`<(?:\w+:)?(walletId|number|expirationDate)>([^<]+)<`)
)

func (l *listener) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	r.Body = io.NopCloser(bytes.NewReader(body))
	switch key := tokenPath.FindStringSubmatch(r.URL.Path); {
	case r.Method == http.MethodPut && key != nil:
		number, expiry := newNumber.FindSubmatch(body), newExpiry.FindSubmatch(body)
		if number == nil || expiry == nil {
			l.note(fmt.Sprintf("no card in %s", body), key[1])
			break
		}
		l.note(fmt.Sprintf("%s %s%s", number[1], expiry[1], expiry[2]), key[1])
	case bytes.Contains(body, []byte("updateWalletRequest>")):
		var what []string
		for _, f := range soapField.FindAllSubmatch(body, -1) {
			what = append(what, string(f[2]))
		}
		key := soapKey.FindSubmatch(body)
		if key == nil {
			key = [][]byte{nil, nil}
		}
		l.note(strings.Join(what, " "), string(key[1]))
	}
	l.Simulator.ServeHTTP(w, r)
}

func (l *listener) note(what, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told[what] == nil {
		l.told[what] = map[string]bool{}
	}
	l.told[what][key] = true
}

// heard is what was told so far, with its keys.
func (l *listener) heard() map[string]map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.told)
}

// work is a round of the provider. What it makes is remembered.
func (x *asking) work() {
	x.t.Helper()
	if err := x.provider.Work(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
	maps.Copy(x.told, x.folder("updater/Outgoing"))
}

// live plays all nights. During each, at makes the program's runs; the last night is over when
// a run ends by itself with nothing left.
func (x *asking) live(at func(night int)) {
	x.t.Helper()
	for night, n := range updaterNights {
		x.now = moment(x.t, n.at)
		if night >= 4 {
			x.provider.Resend() // what was tampered with on its way
		}
		x.work()
		x.receive(n.files)
		at(night)
		x.work()
	}
	for range restarts {
		if killed, code := x.run(); !killed && code == 0 {
			return
		}
	}
	out, _ := exec.CommandContext(x.t.Context(), killable.Program, "--config", filepath.Join(x.dir, "cardbatch.yaml"), "--clock", x.clock, "run").CombinedOutput()
	x.t.Fatalf("not done after %d runs; the next one says:\n%s", restarts, out)
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// end is how everything ended: what must be the same however often the program died.
func (x *asking) end() (facts []string) {
	x.t.Helper()
	note := func(format string, args ...any) { facts = append(facts, fmt.Sprintf(format, args...)) }
	for ref, row := range x.outcomes() {
		note("line %s: %s %s", ref, row[4], row[5])
	}
	s := x.open()
	defer s.Close()
	for _, merchant := range []batch.MerchantID{"acme", "beta"} {
		x.cardFacts(s, merchant, note)
		for u, err := range s.CardUpdates(x.t.Context(), store.UpdateQuery{Merchant: merchant}) {
			if err != nil {
				x.t.Fatal(err)
			}
			note("update of %s %d by %s, account %s: %s %q, %s %s, %s; …%s %s became …%s %s", u.Wallet, u.CardIndex, u.Source, u.Account, u.Scheme, u.Code, u.Outcome, u.Effect, u.Status,
				u.Old.LastFour, u.Old.Expiry, u.New.LastFour, u.New.Expiry)
		}
		for _, subject := range subjects[merchant] {
			note("the provider was asked about …%s %d times", subject.number[12:], x.provider.Asked(subject.number))
		}
	}
	requests, err := s.UpdateRequests(x.t.Context(), store.RequestQuery{})
	if err != nil {
		x.t.Fatal(err)
	}
	for _, r := range requests {
		note("request %d of %s: %s, %d records, %d undecided, repairs %d", r.Number, r.Month, r.State, r.Records, r.Undecided, r.Repairs)
		for record, err := range s.RequestRecords(x.t.Context(), r.ID) {
			if err != nil {
				x.t.Fatal(err)
			}
			note("request %d asks in record %d about %s %d under %s: %s", r.Number, record.Position, record.Wallet, record.CardIndex, record.Account, record.State)
		}
	}
	for what, keys := range x.gateways.heard() {
		note("a gateway was told %s under %d keys", what, len(keys))
	}
	for name, content := range x.answers() {
		if name == "updater.acme.2026-12.csv" || name == "updater-extended.beta.2026-12-31.csv" {
			for _, row := range x.reported(content) {
				note("%s: %s", name, row)
			}
		}
	}
	seen := map[string]bool{}
	for _, m := range x.mails.Messages() {
		if seen[m.ID] {
			continue // it may come twice, under one id
		}
		seen[m.ID] = true
		for _, a := range m.Attachments {
			for _, row := range x.reported(string(a.Content)) {
				note("mail to %s: %s: %s: %s", m.To, m.Subject, a.Name, row)
			}
		}
	}
	slices.Sort(facts)
	return facts
}

func (x *asking) cardFacts(s store.Store, merchant batch.MerchantID, note func(string, ...any)) {
	x.t.Helper()
	for w, err := range s.ListWallets(x.t.Context(), merchant) {
		if err != nil {
			x.t.Fatal(err)
		}
		note("wallet %s: %s, default card %d, open line %v", w.ID, w.Status, w.DefaultCard, w.OpenLine)
		id := batch.AgreementID("AGR-" + strings.TrimPrefix(string(w.ID), "CARD-"))
		agreements, err := s.Agreements(x.t.Context(), merchant, []batch.AgreementID{id})
		if err != nil {
			x.t.Fatal(err)
		}
		for _, c := range w.Cards {
			told := "nothing"
			for what, keys := range x.gateways.heard() {
				if c.Token != "" && keys[c.Token] {
					told = what
				}
			}
			note("wallet %s: card %d %s %s %s, number kept %v, its token is of %s", w.ID, c.Index, c.Status, c.Masked(), c.Expiry, len(c.Sealed) > 0, told)
			if a := agreements[id]; a != nil {
				note("series %s: stopped %v, of the card's number %v, %d payments", id, a.Stopped, a.Fingerprint == c.Fingerprint, a.Payments)
			}
		}
	}
}

// untimely are columns of an extended report that tell when something came, or in which file.
var untimely = []string{"File", "Line", "Event time", "Settled time"}

// reported are the records of a report, without what is timely.
func (x *asking) reported(content string) (rows []string) {
	x.t.Helper()
	records, err := csv.NewReader(strings.NewReader(content)).ReadAll()
	if err != nil {
		x.t.Fatal(err)
	}
	for _, record := range records[1:] {
		for i, column := range records[0] {
			if slices.Contains(untimely, column) {
				record[i] = ""
			}
		}
		rows = append(rows, strings.Join(record, ","))
	}
	return rows
}

// checkOnce checks what must hold of each life by itself.
func (x *asking) checkOnce() {
	x.t.Helper()
	seen := map[string]bool{}
	for _, u := range x.provider.Uploads() {
		if u.Refused != "" || seen[u.Name] {
			x.t.Errorf("the provider got %s (before %v) and refused it: %q", u.Name, seen[u.Name], u.Refused)
		}
		seen[u.Name] = true
	}
	if names := x.provider.Misnamed(); len(names) > 0 {
		x.t.Errorf("the provider cannot take %s", names)
	}
	for _, folder := range []string{"in", "in/processing", "updater/Incoming", "updater/Outgoing", "state/outbox", "state/updater-paysafe"} {
		entries, err := os.ReadDir(filepath.Join(x.dir, folder))
		if err != nil && !os.IsNotExist(err) {
			x.t.Error(err)
		}
		for _, e := range entries {
			if !e.IsDir() {
				x.t.Errorf("%s is left in %s", e.Name(), folder)
			}
		}
	}
	x.checkDelivered()
	if said, err := x.ask("audit", "verify"); err != nil {
		x.t.Errorf("audit verify: %v\n%s", err, said)
	}
}

// ask has the program tell something.
func (x *asking) ask(args ...string) ([]byte, error) {
	x.t.Helper()
	return exec.CommandContext(x.t.Context(), killable.Program, append([]string{"--config", filepath.Join(x.dir, "cardbatch.yaml"), "--clock", x.now.Format(time.RFC3339)}, args...)...).CombinedOutput()
}

// checkDelivered compares the reports in the outbound folder, and those that e-mails carry, with
// what the store says of them.
func (x *asking) checkDelivered() {
	x.t.Helper()
	s := x.open()
	defer s.Close()
	orders, err := s.CardOrders(x.t.Context(), 0, 0)
	if err != nil || len(orders) > 0 {
		x.t.Errorf("gateways have still to be told %v, %v", orders, err)
	}
	reports, err := s.UpdateReports(x.t.Context(), store.ReportQuery{})
	if err != nil {
		x.t.Fatal(err)
	}
	answers, carried := x.answers(), map[string][]byte{}
	for _, m := range x.mails.Messages() {
		for _, a := range m.Attachments {
			if before, ok := carried[a.Name]; ok && !bytes.Equal(before, a.Content) {
				x.t.Errorf("%s was sent with other bytes before", a.Name)
			}
			carried[a.Name] = a.Content
		}
	}
	for _, r := range reports {
		content, there := answers[r.Name]
		if sum := sha256.Sum256([]byte(content)); there == r.Skipped || there && hex.EncodeToString(sum[:]) != r.Digest {
			x.t.Errorf("%s: delivered %v, without records and so not wanted %v, or other bytes than were built", r.Name, there, r.Skipped)
		}
		if len(r.Mail) > 0 && !r.Skipped && string(carried[r.Name]) != content {
			x.t.Errorf("%s did not come by e-mail as it lies in the outbound folder", r.Name)
		}
	}
}

// checkSame compares the end of a life with that of an undisturbed one.
func (x *asking) checkSame(want []string) {
	x.t.Helper()
	x.checkOnce()
	if got := x.end(); !slices.Equal(got, want) {
		x.t.Errorf("it ended otherwise than the undisturbed life:\n%s", missing(want, got))
	}
}

// ofUpdaters reports whether a transition is one of requests, answers, orders or reports, or the
// end of a step that deals with them.
func ofUpdaters(transition string) bool {
	for _, prefix := range []string{"cards selected", "update ", "updates ", "orders ", "order "} {
		if strings.HasPrefix(transition, prefix) {
			return true
		}
	}
	return slices.Contains([]string{"after ingest", "after enrol", "after report"}, transition)
}

// undisturbedAsking lives in peace. It returns the end, and the moments of each night at which
// to kill.
func undisturbedAsking(t *testing.T) (end []string, fatal [][]string) {
	t.Helper()
	x := newAsking(t)
	x.live(func(night int) {
		trace := filepath.Join(x.dir, fmt.Sprint("trace-", night))
		x.run("CARDBATCH_KILL_TRACE=" + trace)
		content, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		passed := map[string]int{}
		for name := range strings.Lines(string(content)) {
			passed[strings.TrimSpace(name)]++
		}
		all := []string{}
		for _, name := range slices.Sorted(maps.Keys(passed)) {
			if ofUpdaters(name) {
				for _, nth := range moments(passed[name]) {
					all = append(all, fmt.Sprintf("%s:%d", name, nth))
				}
			}
		}
		fatal = append(fatal, all)
	})
	x.checkOnce()
	end = x.end()
	all := strings.Join(end, "\n")
	for _, sign := range []string{"changed, Active", "disabled, Disabled", "no_decision", "input_error", "unknown none", "new_but_expired", "SCH-q: approved", "NEXT-d: refused", "stopped true", "asked about …1019 1 times"} {
		if !strings.Contains(all, sign) {
			t.Fatalf("nothing says %q: the life is not what it should be:\n%s", sign, all)
		}
	}
	return end, fatal
}

// Every night of a life dies at one of its moments, and a later run of the same night goes on.
func TestKilledAtEveryTransitionNoCardIsAskedAboutTwice(t *testing.T) {
	want, fatal := undisturbedAsking(t)
	for i := range lives(fatal) {
		var deaths []string
		for _, moments := range fatal {
			deaths = append(deaths, moments[i%len(moments)])
		}
		t.Run(strings.Join(deaths, ", "), func(t *testing.T) {
			t.Parallel()
			x := newAsking(t)
			x.live(func(night int) {
				if killed, _ := x.run("CARDBATCH_KILL_AT=" + deaths[night]); !killed {
					t.Logf("night %d did not come up to %s", night, deaths[night])
					return
				}
				x.work()
				x.run()
			})
			x.checkSame(want)
		})
	}
}

// Some nights die and nobody notices: the provider goes on, and the program the next night. What
// it finds then may be the answer to what it does not know to have sent.
func TestKilledAndStartedTheNextNightNoCardIsAskedAboutTwice(t *testing.T) {
	want, fatal := undisturbedAsking(t)
	for _, dying := range [][]int{{1, 6}, {2, 3}} {
		for i := range lives([][]string{fatal[dying[0]], fatal[dying[1]]}) {
			deaths := map[int]string{}
			for _, night := range dying {
				deaths[night] = fatal[night][i%len(fatal[night])]
			}
			t.Run(fmt.Sprintf("night %d at %s, night %d at %s", dying[0], deaths[dying[0]], dying[1], deaths[dying[1]]), func(t *testing.T) {
				t.Parallel()
				x := newAsking(t)
				x.live(func(night int) {
					if deaths[night] == "" {
						x.run()
					} else if killed, _ := x.run("CARDBATCH_KILL_AT=" + deaths[night]); !killed {
						t.Logf("night %d did not come up to %s", night, deaths[night])
					}
				})
				x.checkSame(want)
			})
		}
	}
}

// lives is how many lives see all moments of all nights.
func lives(fatal [][]string) (n int) {
	for _, moments := range fatal {
		n = max(n, len(moments))
	}
	return n
}

func TestKilledAtRandomMomentsNoCardIsAskedAboutTwice(t *testing.T) {
	kills := killsWanted(t, 12)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	want, fatal := undisturbedAsking(t)
	began := time.Now()
	newAsking(t).run()
	whole := time.Since(began)
	for done := 0; done < kills; {
		x := newAsking(t)
		x.live(func(night int) {
			if night == 3 { // one call is carried out, and nobody hears of it
				if err := x.gateways.Plan(stage.Fault{Phase: stage.ResetAfter}); err != nil {
					t.Fatal(err)
				}
			}
			for range 2 {
				killed, _ := x.run("CARDBATCH_KILL_AT=" + fatal[night][random.IntN(len(fatal[night]))])
				if killed {
					done++
				}
				// Schedules that are being made then would stay in doubt, as they must.
				if night > 0 && x.killAfter(time.Duration(random.Int64N(int64(whole)))) {
					done++
				}
				if random.IntN(2) == 0 {
					x.work()
				}
			}
			x.run()
		})
		x.checkSame(want)
		if t.Failed() {
			t.Fatalf("after %d kills", done)
		}
	}
}

// What has been told comes again after everything is over, under the same names and others.
func TestWhatTheProviderSendsTwiceChangesNothing(t *testing.T) {
	x := newAsking(t)
	x.live(func(int) { x.run() })
	want, answers := x.end(), x.answers()
	for name, content := range x.told {
		x.write("updater/Outgoing/"+name, string(content))
		if strings.Contains(name, "_resp_") {
			x.write("updater/Outgoing/again_"+name, string(content))
		}
	}
	rejected := len(x.folder("updater/Outgoing/rejected"))
	if _, code := x.run(); code != 10 { // what was tampered with is no better now
		t.Errorf("exit code %d", code)
	}
	if now := len(x.folder("updater/Outgoing/rejected")); now == rejected {
		t.Error("what was tampered with was not rejected again: nothing was read")
	}
	x.checkSame(want)
	if !maps.Equal(x.answers(), answers) {
		t.Error("reports were made of what had been told before")
	}
}

// Between a run that died and the next one a card gets another number from its merchant: nobody
// is asked about the old one any more.
func TestACardThatChangesBeforeItsRequestLeavesIsNotAskedAbout(t *testing.T) {
	const number = "5454545454545454"
	for _, death := range []string{"update request opened:1", "update request written:1", "update request opened:3"} {
		t.Run("killed at "+death, func(t *testing.T) {
			t.Parallel()
			x := newAsking(t)
			x.live(func(night int) {
				if night != 1 {
					x.run()
					return
				}
				if killed, _ := x.run("CARDBATCH_KILL_AT=" + death); !killed {
					t.Errorf("it did not come up to %s", death)
				}
				x.receive(map[string]string{"acme-9.csv": fileOf("acme", "UPD", 3, "line_ref;command;contract;wallet_id;card_number;card_expiry", 0,
					"U-a;updateWallet;1;CARD-a;"+number+";0139")})
				x.run()
			})
			if left := x.folder("updater/Incoming"); len(left) > 0 {
				t.Errorf("left in the provider's folder: %v", slices.Sorted(maps.Keys(left)))
			}
			x.checkOnce()
			// CARD-u of the other merchant has the old number as well.
			if n := x.provider.Asked(subjects["acme"][0].number); n != 1 {
				t.Errorf("the provider was asked %d times about numbers, one of which a card does not have any more", n)
			}
			for _, merchant := range []batch.MerchantID{"acme", "beta"} {
				for _, s := range subjects[merchant] {
					if n := x.provider.Asked(s.number); s.wallet != 'a' && s.wallet != 'u' && s.verdict.Reject == "" && n == 0 {
						t.Errorf("the provider was not asked about CARD-%c", s.wallet)
					}
				}
			}
		})
	}
}
