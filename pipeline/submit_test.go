package pipeline_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/pipeline"
	"cardbatch/store"
	"cardbatch/store/sqlite"
)

func TestWalletLinesGoBeforeThePaymentsOfTheirFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: []string{
		row("P-1", "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 order_ref=O-1 amount=100 currency=EUR"),
		row("P-2", "doImmediateWalletPayment", "contract=1 wallet_id=CUST-2 order_ref=O-2 amount=100 currency=EUR"),
		row("W-1", "createWallet", "contract=1 wallet_id=CUST-1 card_number=5123450000000008 card_expiry=0139"),
		row("W-2", "createWallet", "contract=1 wallet_id=CUST-2 card_number=5123450000000008 card_expiry=0126"),
	}}.String())
	w.calm()
	rows := w.outcomes("a.res.csv", map[batch.LineRef]string{
		"W-1": "approved 02500", "P-1": "approved 00000",
		"W-2": "refused 02624", "P-2": "refused 02503", // a payment whose wallet line failed
	})
	if r := rows["P-1"]; r.Card != "512345******0008" || r.CardIndex != "1" || r.TransactionID == "" || r.Gateway != bank || r.Attempts != 1 || r.SubmittedAt == "" || r.CompletedAt == "" {
		t.Errorf("row %+v", r)
	}
	if r := rows["P-2"]; r.TransactionID != "" || r.SubmittedAt != "" {
		t.Errorf("row %+v", r)
	}
	w.charged(1, "P-1")
	w.charged(0, "P-2")
}

func TestAPaymentWaitsForAWalletInDoubtAndIsDoneInTheSameRun(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: []string{
		row("W-1", "createWallet", "contract=1 wallet_id=CUST-1 card_number=5123450000000008 card_expiry=0139"),
		row("P-1", "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 order_ref=O-1 amount=100 currency=EUR"),
	}}.String())
	w.must(w.simulator.Plan(stage.Fault{Phase: stage.ResetAfter, Operation: "TOKENIZE"}))
	seen := atomic.Bool{}
	w.reached = func(r *pipeline.Run, name string) {
		if name != "after submit" {
			return
		}
		lines := w.lines("a.csv")
		seen.Store(lines["W-1"].State == batch.InDoubt && lines["P-1"].State == batch.Queued)
	}
	w.calm()
	if !seen.Load() {
		t.Error("the payment did not wait while its wallet was in doubt")
	}
	w.outcomes("a.res.csv", map[batch.LineRef]string{"W-1": "approved 02500", "P-1": "approved 00000"})
	w.charged(1, "P-1")
	if w.wallet("CUST-1").OpenLine != (batch.LineAddress{}) {
		t.Error("the wallet still waits")
	}
}

func TestALineWhoseCommandTheGatewayLacksIsRefused(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	columns := "line_ref;command;contract;wallet_id;order_ref;amount;currency;scheduled_date;payment_record_id"
	w.put("a.csv", sheet{ref: "A", columns: columns, lines: []string{
		"S-1;doScheduledWalletPayment;1;CUST-1;O-1;100;EUR;2026-12-01;",
		"D-1;disablePaymentRecord;1;CUST-1;;;;;REC-1",
		"X-1;doImmediateWalletPayment;99;CUST-1;O-2;100;EUR;;",
	}}.String())
	w.calm()
	w.outcomes("a.res.csv", map[batch.LineRef]string{"S-1": "refused 02010", "D-1": "refused 02010", "X-1": "refused 02303"})
}

func TestACodeThatNoDocumentListsIsReported(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	w.plan(stage.UnknownCode, "P-2")
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(3, 1)}.String())
	summary := w.calm()
	if len(summary.Unlisted) != 1 || summary.Unlisted["bank BRAND_NEW_CODE"] != 1 {
		t.Errorf("unlisted codes %v", summary.Unlisted)
	}
	w.outcomes("a.res.csv", map[batch.LineRef]string{"P-1": "approved 00000", "P-2": "declined 02012", "P-3": "approved 00000"})
}

func TestWalletsAreChangedDisabledEnabledAndRead(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	step := func(n int, line, want string) batch.ResultRow {
		t.Helper()
		name := fmt.Sprintf("step-%d", n)
		w.put(name+".csv", sheet{ref: name, columns: anyColumns, lines: []string{line}}.String())
		w.calm()
		ref, _, _ := strings.Cut(line, ";")
		rows := w.outcomes(name+".res.csv", map[batch.LineRef]string{batch.LineRef(ref): want})
		w.later(time.Hour)
		return rows[batch.LineRef(ref)]
	}
	r := step(1, row("G-1", "getWallet", "contract=1 wallet_id=CUST-1"), "approved 02500")
	if r.Card != "512345******0008" || r.CardExpiry != "0139" || r.CardStatus != batch.CardActive || r.CardIndex != "1" {
		t.Errorf("the wallet reads %+v", r)
	}
	step(2, row("X-1", "disableWallet", "contract=1 wallet_id=CUST-1"), "approved 02500")
	step(3, row("X-2", "disableWallet", "contract=1 wallet_id=CUST-1"), "refused 02505")
	step(4, row("P-1", "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"), "refused 02505")
	step(5, row("X-3", "enableWallet", "contract=1 wallet_id=CUST-1"), "approved 02500")
	step(6, row("X-4", "enableWallet", "contract=1 wallet_id=CUST-1"), "refused 02519")
	step(7, row("P-2", "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"), "approved 00000")

	// Contact details alone need no gateway; a number does.
	requests := w.simulator.Stats().Requests
	step(8, row("U-1", "updateWallet", "contract=1 wallet_id=CUST-1 email=new@example.com"), "approved 02500")
	if n := w.simulator.Stats().Requests - requests; n != 0 {
		t.Errorf("%d requests for an e-mail address", n)
	}
	if w.wallet("CUST-1").Email != "new@example.com" || w.wallet("CUST-1").Cards[0].LastFour != "0008" {
		t.Errorf("the wallet is %+v", w.wallet("CUST-1"))
	}
	old := w.wallet("CUST-1").Cards[0]
	r = step(9, row("U-2", "updateWallet", "contract=1 wallet_id=CUST-1 card_number=4508750015741019 card_expiry=0139"), "approved 02500")
	card := w.wallet("CUST-1").Cards[0]
	if r.Card != "450875******1019" || card.Token == old.Token || card.Fingerprint == old.Fingerprint || len(w.wallet("CUST-1").Cards) != 1 {
		t.Errorf("after the new number the card is %+v, the row %+v", card, r)
	}
	step(10, row("X-5", "disableWallet", "contract=1 wallet_id=CUST-1 card_index=1"), "approved 02500")
	step(11, row("P-3", "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 card_index=1 order_ref=O amount=100 currency=EUR"), "refused 02505")
	step(12, row("X-6", "enableWallet", "contract=1 wallet_id=CUST-1 card_index=1"), "approved 02500")
	step(13, row("X-7", "enableWallet", "contract=1 wallet_id=CUST-1 card_index=2"), "refused 02518")
	step(14, row("V-1", "verify", "contract=1 card_number=4508750015741019 card_expiry=0139 source=INTERNET"), "approved 00000")
	step(15, row("W-9", "createWallet", "contract=1 wallet_id=CUST-1 card_number=4508750015741019 card_expiry=0139"), "refused 02502")
	w.charged(0, "P-1", "P-3", "V-1")
}

func TestAWalletStaysAtItsGateway(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	other := *w.contracts[contract]
	other.ID, other.Gateway = "2", "other"
	w.contracts["2"] = &other
	w.gateways["other"] = pipeline.Gateway{Connector: w.connect(nil), Concurrency: 1}
	token := w.wallet("CUST-1").Cards[0].Token
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: []string{
		row("U-1", "updateWallet", "contract=2 wallet_id=CUST-1 card_number=4508750015741019 card_expiry=0139"),
		row("P-1", "doImmediateWalletPayment", "contract=2 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"),
	}}.String())
	w.calm()
	w.outcomes("a.res.csv", map[batch.LineRef]string{"U-1": "refused 02303", "P-1": "refused 02303"})
	if got := w.wallet("CUST-1").Cards[0].Token; got != token {
		t.Error("the wallet at one gateway was given the token of another")
	}
}

func TestAnAuthorizationIsCapturedRefundedAndReset(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	n := 0
	night := func(want map[batch.LineRef]string, lines ...string) map[batch.LineRef]batch.ResultRow {
		t.Helper()
		n++
		name := fmt.Sprintf("night-%d", n)
		w.put(name+".csv", sheet{ref: name, columns: anyColumns, lines: lines}.String())
		w.calm()
		defer w.later(24 * time.Hour)
		return w.outcomes(name+".res.csv", want)
	}
	authorize := func(ref string) string {
		return row(ref, "doAuthorization", "contract=1 wallet_id=CUST-1 order_ref=O amount=1000 currency=EUR")
	}
	rows := night(map[batch.LineRef]string{"A-1": "approved 00000", "A-2": "approved 00000", "A-3": "approved 00000", "P-1": "approved 00000"},
		authorize("A-1"), authorize("A-2"), authorize("A-3"),
		row("P-1", "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 order_ref=O amount=500 currency=EUR"))
	follow := func(ref, command, original, amount string) string {
		fields := "transaction_id=" + string(rows[batch.LineRef(original)].TransactionID)
		if amount != "" {
			fields += " currency=EUR amount=" + amount
		}
		return row(ref, command, fields)
	}
	night(map[batch.LineRef]string{
		"C-1": "approved 00000", "C-2": "approved 00000", "C-3": "refused 02613", "C-4": "refused 02301", "C-5": "refused 02617", "C-6": "refused 02620",
		"F-1": "refused 02618", "K-1": "approved 00000", "K-2": "refused 02601", "C-7": "refused 02313",
	},
		follow("C-1", "doCapture", "A-1", "400"), follow("C-2", "doCapture", "A-1", "500"), follow("C-3", "doCapture", "A-1", "200"),
		row("C-4", "doCapture", "transaction_id=NOBODYS amount=1 currency=EUR"), follow("C-5", "doCapture", "P-1", "100"),
		row("C-6", "doCapture", "amount=1 currency=JPY transaction_id="+string(rows["A-1"].TransactionID)),
		follow("F-1", "doRefund", "A-2", "1"),
		follow("K-1", "doReset", "A-2", ""), follow("K-2", "doReset", "A-2", ""), follow("C-7", "doCapture", "A-2", "1"))
	night(map[batch.LineRef]string{"F-2": "approved 00000", "F-3": "refused 02613", "F-4": "approved 00000", "K-3": "refused 02600", "F-5": "refused 02314"},
		follow("F-2", "doRefund", "A-1", "450"), follow("F-3", "doRefund", "A-1", "451"), follow("F-4", "doRefund", "P-1", "500"),
		follow("K-3", "doReset", "A-1", ""), follow("F-5", "doRefund", "A-2", "1"))
	w.later(6 * 24 * time.Hour)
	night(map[batch.LineRef]string{"C-8": "refused 02602"}, follow("C-8", "doCapture", "A-3", "1000"))
	w.charged(1, "A-1", "A-2", "A-3", "P-1", "C-1", "C-2", "K-1", "F-2", "F-4")
	w.charged(0, "C-3", "C-5", "F-1", "K-2", "C-7", "F-3", "K-3", "F-5", "C-8")
}

func TestASeriesOfStoredCredentialPayments(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 2)
	w.contracts[contract].UnknownSeries = batch.RefuseUnknownSeries
	n := 0
	night := func(want string, command, ref, fields string) batch.ResultRow {
		t.Helper()
		n++
		name := fmt.Sprintf("night-%d", n)
		w.put(name+".csv", sheet{ref: name, columns: anyColumns, lines: []string{row(ref, command, "contract=1 "+fields)}}.String())
		w.calm()
		w.later(10 * 24 * time.Hour)
		return w.outcomes(name+".res.csv", map[batch.LineRef]string{batch.LineRef(ref): want})[batch.LineRef(ref)]
	}
	pay := func(want, ref, fields string) batch.ResultRow {
		t.Helper()
		return night(want, "doImmediateWalletPayment", ref, "order_ref=O currency=EUR "+fields)
	}
	pay("refused 02302", "M-0", "wallet_id=CUST-1 amount=100 agreement_id=AG-1")
	first := pay("approved 00000", "M-1", "wallet_id=CUST-1 amount=100 source=INTERNET agreement_id=AG-1 agreement_type=RECURRING agreement_variability=FIXED agreement_payments=2 agreement_min_days=5")
	if first.NetworkTransaction == "" {
		t.Error("the first payment has no chaining reference")
	}
	pay("approved 00000", "M-2", "wallet_id=CUST-1 amount=100 agreement_id=AG-1")
	pay("refused 02612", "M-3", "wallet_id=CUST-1 amount=101 agreement_id=AG-1")
	pay("refused 02305", "M-4", "wallet_id=CUST-2 amount=100 agreement_id=AG-1")
	pay("refused 02305", "M-5", "wallet_id=CUST-1 amount=100 agreement_id=AG-1 agreement_type=UNSCHEDULED")

	// Another number: the cardholder must take part again.
	night("approved 02500", "updateWallet", "U-1", "wallet_id=CUST-1 card_number=4508750015741019 card_expiry=0139")
	pay("refused 02302", "M-6", "wallet_id=CUST-1 amount=100 agreement_id=AG-1")
	night("approved 00000", "verify", "V-1", "wallet_id=CUST-1 source=INTERNET agreement_id=AG-1")
	pay("approved 00000", "M-7", "wallet_id=CUST-1 amount=100 agreement_id=AG-1")
	pay("refused 02305", "M-8", "wallet_id=CUST-1 amount=100 agreement_id=AG-1") // two were agreed, two were made

	// A series that began elsewhere names its first transaction.
	pay("approved 00000", "M-9", "wallet_id=CUST-2 amount=100 agreement_id=AG-2 initial_transaction_id=123456789012345")
	agreements, err := w.store.Agreements(t.Context(), acme, []batch.AgreementID{"AG-1", "AG-2"})
	w.must(err)
	if a := agreements["AG-1"]; a.Payments != 2 || a.FixedMinor != 100 || a.FirstKey != batch.NewKey(acme, "V-1", 1) {
		t.Errorf("AG-1 is %+v", a)
	}
	if a := agreements["AG-2"]; a.Payments != 1 || a.Trace != "123456789012345" {
		t.Errorf("AG-2 is %+v", a)
	}

	// What the contract allows.
	w.contracts[contract].MerchantSource = false
	pay("refused 02621", "M-10", "wallet_id=CUST-2 amount=100 agreement_id=AG-2")
	w.contracts[contract].MerchantSource, w.contracts[contract].UnknownSeries = true, batch.HoldUnknownSeries
	if r := pay("not_sent", "M-11", "wallet_id=CUST-2 amount=100 agreement_id=AG-3"); r.SubmittedAt != "" {
		t.Errorf("held, and submitted: %+v", r)
	}
	w.charged(0, "M-0", "M-3", "M-4", "M-5", "M-6", "M-8", "M-10", "M-11")
}

func TestLinesOfOneAgreementFollowOneAnother(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	lines := []string{row("M-1", "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR source=INTERNET agreement_id=AG agreement_type=UNSCHEDULED agreement_payments=3")}
	for i := 2; i <= 6; i++ {
		lines = append(lines, row(fmt.Sprintf("M-%d", i), "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR agreement_id=AG"))
	}
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: lines}.String())
	w.calm()
	w.outcomes("a.res.csv", map[batch.LineRef]string{
		"M-1": "approved 00000", "M-2": "approved 00000", "M-3": "approved 00000", "M-4": "approved 00000",
		"M-5": "refused 02305", "M-6": "refused 02305",
	})
}

func TestWhatWaitsForADoubtIsTheLineAfterItAndNobodyElsesLine(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.source.Merchants = append(w.source.Merchants, "beta")
	w.use(&scripted{w.gateways[bank].Connector, func(_ context.Context, req gateway.Request) (gateway.Answer, error, bool) {
		silent := req.Key == batch.NewKey(acme, "W-1", 1)
		return gateway.Answer{}, &gateway.Error{Phase: gateway.Sent, Err: errors.New("no answer")}, silent
	}})
	wallet := []string{
		row("W-1", "createWallet", "contract=1 wallet_id=CUST-1 card_number=5123450000000008 card_expiry=0139"),
		row("W-2", "disableWallet", "contract=1 wallet_id=CUST-1"),
	}
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: wallet}.String())
	w.put("b.csv", sheet{ref: "B", merchant: "beta", columns: anyColumns, lines: wallet}.String())
	w.calm()
	w.outcomes("a.res.csv", map[batch.LineRef]string{"W-1": "in_doubt 02103", "W-2": "not_sent"})
	// Another merchant's wallet of the same name is another wallet.
	w.outcomes("b.res.csv", map[batch.LineRef]string{"W-1": "approved 02500", "W-2": "approved 02500"})
}

// scripted stands between the run and a connector and answers some keys itself.
type scripted struct {
	gateway.Connector
	do func(ctx context.Context, req gateway.Request) (gateway.Answer, error, bool)
}

func (s *scripted) Do(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	if answer, err, mine := s.do(ctx, req); mine {
		return answer, err
	}
	return s.Connector.Do(ctx, req)
}

func TestWhatTheIssuerRevokedIsStopped(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 2)
	revoked := func(card bool) gateway.Answer {
		a := gateway.Answer{State: batch.Declined, StopSeries: true, StopCard: card}
		a.Code = "01132"
		return a
	}
	w.use(&scripted{w.gateways[bank].Connector, func(_ context.Context, req gateway.Request) (gateway.Answer, error, bool) {
		switch req.Key {
		case batch.NewKey(acme, "M-2", 1):
			return revoked(false), nil, true
		case batch.NewKey(acme, "M-5", 1):
			return revoked(true), nil, true
		}
		return gateway.Answer{}, nil, false
	}})
	pay := func(ref, wallet, rest string) string {
		return row(ref, "doImmediateWalletPayment", "contract=1 order_ref=O amount=100 currency=EUR wallet_id="+wallet+" "+rest)
	}
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: []string{
		pay("M-1", "CUST-1", "source=INTERNET agreement_id=AG-1 agreement_type=UNSCHEDULED"),
		pay("M-2", "CUST-1", "agreement_id=AG-1"), pay("M-3", "CUST-1", "agreement_id=AG-1"),
		pay("M-4", "CUST-2", "source=INTERNET agreement_id=AG-2 agreement_type=UNSCHEDULED"),
		pay("M-5", "CUST-2", "agreement_id=AG-2"),
	}}.String())
	w.calm()
	w.outcomes("a.res.csv", map[batch.LineRef]string{
		"M-1": "approved 00000", "M-2": "declined 01132", "M-3": "refused 02302", "M-4": "approved 00000", "M-5": "declined 01132",
	})
	w.later(time.Hour)
	w.put("b.csv", sheet{ref: "B", columns: anyColumns, lines: []string{pay("M-6", "CUST-1", ""), pay("M-7", "CUST-2", ""), pay("M-8", "CUST-1", "agreement_id=AG-1")}}.String())
	w.calm()
	w.outcomes("b.res.csv", map[batch.LineRef]string{
		"M-6": "approved 00000", // the series was revoked, not the card
		"M-7": "refused 02505",
		"M-8": "refused 02302",
	})
}

// nobody is an endpoint where nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

func TestAGatewayThatIsDownLosesNothing(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	healthy := w.gateways[bank].Connector
	endpoint := nobody(t)
	w.use(w.connect(func(c *mastercard.Config) { c.Endpoint = endpoint }))
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(40, 1)}.String())
	summary := w.run()
	w.problem(summary, pipeline.Unreachable, "gateway bank")
	if summary.NotSent != 40 || summary.InDoubt != 0 {
		t.Errorf("summary %+v", summary)
	}
	_, trailer := w.result("a.res.csv")
	if trailer.Outcomes[batch.OutcomeNotSent] != 40 {
		t.Errorf("trailer %+v", trailer)
	}
	w.use(healthy)
	w.later(time.Hour)
	w.calm()
	rows, trailer := w.result("a.sup01.csv")
	if trailer.Outcomes[batch.OutcomeApproved] != 40 || rows["P-7"].Attempts != 1 {
		t.Errorf("the SUPPLEMENT has %+v, P-7 %+v", trailer, rows["P-7"])
	}
	w.charged(1, refs("P", 40)...)
}

func TestWrongCredentialsStopTheGatewayAndLoseNothing(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	healthy := w.gateways[bank].Connector
	w.use(gateway.WithCircuit(w.connect(func(c *mastercard.Config) {
		c.Password = func() (string, error) { return "wrong", nil }
	}), 10, time.Minute, w.clock))
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(30, 1)}.String())
	refusals := w.simulator.Stats().Refusals
	summary := w.run()
	w.problem(summary, pipeline.Configuration, "gateway bank")
	if summary.NotSent != 30 || summary.InDoubt != 0 {
		t.Errorf("summary %+v", summary)
	}
	if n := w.simulator.Stats().Refusals - refusals; n > 4 {
		t.Errorf("the gateway was asked %d times with wrong credentials, four calls may be in flight", n)
	}
	w.use(healthy)
	w.calm()
	w.charged(1, refs("P", 30)...)
}

func TestAGatewayThatAsksToWaitIsAskedAgain(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	w.must(w.simulator.Plan(stage.Fault{Phase: stage.TooMany429, Operation: "PAY", Count: 3}))
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(2, 1)}.String())
	w.calm()
	w.outcomes("a.res.csv", map[batch.LineRef]string{"P-1": "approved 00000", "P-2": "approved 00000"})
	w.charged(1, refs("P", 2)...)
	if w.slept < 3*time.Second {
		t.Errorf("slept %s, the gateway asked for a second three times", w.slept)
	}
}

func TestAGatewayThatIsDownDoesNotHoldUpAnother(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	other := *w.contracts[contract]
	other.ID, other.Gateway = "2", "other"
	w.contracts["2"] = &other
	w.gateways["other"] = pipeline.Gateway{Connector: w.gateways[bank].Connector, Concurrency: 2}
	endpoint := nobody(t)
	w.use(w.connect(func(c *mastercard.Config) { c.Endpoint = endpoint }))
	lines := []string{}
	for i := range 30 {
		lines = append(lines, row(fmt.Sprintf("P-%d", i+1), "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"))
	}
	lines = append(lines,
		row("W-9", "createWallet", "contract=2 wallet_id=CUST-9 card_number=5123450000000008 card_expiry=0139"),
		row("Q-1", "doImmediateWalletPayment", "contract=2 wallet_id=CUST-9 order_ref=O amount=100 currency=EUR"))
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: lines}.String())
	summary := w.run()
	w.problem(summary, pipeline.Unreachable, "gateway bank")
	w.charged(1, "Q-1")
	if summary.NotSent != 30 {
		t.Errorf("summary %+v", summary)
	}
}

func TestAnOpenCircuitLeavesTheRestUnsentAndTheNextRunGoesOn(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	w.wait = 0
	healthy := w.gateways[bank].Connector
	w.use(gateway.WithCircuit(w.connect(func(c *mastercard.Config) { c.Settle = time.Hour }), 5, time.Hour, w.clock))
	w.gateways[bank] = pipeline.Gateway{Connector: w.gateways[bank].Connector, Concurrency: 1}
	w.must(w.simulator.Plan(stage.Fault{Phase: stage.Unavailable503, Operation: "PAY", Count: 1000}))
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(30, 1)}.String())
	summary := w.run()
	if summary.InDoubt != 5 || summary.NotSent != 25 || len(summary.Problems) != 1 || summary.Problems[0].Where != "gateway bank" {
		t.Errorf("summary %+v", summary)
	}
	_, trailer := w.result("a.res.csv")
	if trailer.Outcomes[batch.OutcomeInDoubt] != 5 || trailer.Outcomes[batch.OutcomeNotSent] != 25 {
		t.Errorf("trailer %+v", trailer)
	}
	w.simulator.Lift()
	w.use(healthy)
	w.later(2 * time.Hour)
	w.calm()
	_, trailer = w.result("a.sup01.csv")
	if trailer.Outcomes[batch.OutcomeApproved] != 30 {
		t.Errorf("the SUPPLEMENT has %+v", trailer)
	}
	w.charged(1, refs("P", 30)...)
}

func TestAnInterruptGivesUnsentLinesBackAndTheNextRunGoesOn(t *testing.T) {
	for _, test := range []struct {
		name    string
		moment  string
		hard    bool // Interrupt as well: a signal, not --until
		answers bool // the RESULT is made in the interrupted run
	}{
		{"--until while lines are with the gateway", "called", false, true},
		{"--until before the first line is sent", "submitting", false, true},
		{"a signal while lines are with the gateway", "called", true, false},
		{"a signal before the first line is sent", "submitting", true, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := withWallets(t, 1)
			w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(50, 1)}.String())
			var once atomic.Bool
			w.reached = func(r *pipeline.Run, name string) {
				if name == test.moment && once.CompareAndSwap(false, true) {
					close(w.stop)
					if test.hard {
						r.Interrupt()
					}
				}
			}
			w.run()
			states := map[batch.LineState]int{}
			for _, rec := range w.lines("a.csv") {
				states[rec.State]++
			}
			if states[batch.Queued] == 0 || states[batch.Approved] > 20 || states[batch.Queued]+states[batch.Approved] != 50 {
				t.Errorf("after the interrupt: %v", states)
			}
			if made := w.read("out/a.res.csv") != ""; made != test.answers {
				t.Errorf("RESULT made: %v", made)
			}
			w.reached = nil
			w.later(time.Hour)
			w.calm()
			for _, rec := range w.lines("a.csv") {
				if rec.State != batch.Approved || rec.Attempt != 1 {
					t.Errorf("%s is %s after attempt %d", rec.Line.Ref, rec.State, rec.Attempt)
				}
			}
			w.charged(1, refs("P", 50)...)
			w.state("a.csv", batch.FileDelivered, "")
		})
	}
}

func TestARunWhoseStoreWasTakenOverWritesNothingMore(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(40, 1)}.String())
	var once atomic.Bool
	var journal int64
	w.reached = func(r *pipeline.Run, name string) {
		if name != "called" || !once.CompareAndSwap(false, true) {
			return
		}
		// Another program takes over, as after the loss of the lock.
		w.must(w.session.End())
		other, err := sqlite.Open(t.Context(), w.dir+"/store.db", sqlite.Options{Environment: batch.Test, Clock: w.clock})
		w.must(err)
		t.Cleanup(func() { w.must(other.Close()) })
		session, err := other.Begin(t.Context(), store.Actor{Name: "other"})
		w.must(err)
		t.Cleanup(func() { w.must(session.End()) })
		info, err := other.Info(t.Context())
		w.must(err)
		journal = info.JournalLen
	}
	r := w.begin()
	_, err := r.Execute(t.Context())
	if !errors.Is(err, store.ErrFenced) {
		t.Fatalf("the run ended with %v, want ErrFenced", err)
	}
	info, err := w.store.Info(t.Context())
	w.must(err)
	if info.JournalLen != journal {
		t.Errorf("%d entries were written after the store was taken over", info.JournalLen-journal)
	}
	if info.LinesSubmitting == 0 {
		t.Error("no line is left submitting: outcomes were written")
	}
	if n := w.simulator.Stats().Charges; n > 20 {
		t.Errorf("%d payments were made although no outcome could be recorded", n)
	}
}

func TestAStoppedCardStaysStoppedWhateverLandsAfterIt(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	stopped := make(chan struct{})
	w.use(&scripted{w.gateways[bank].Connector, func(_ context.Context, req gateway.Request) (gateway.Answer, error, bool) {
		a := gateway.Answer{State: batch.Declined, StopSeries: true, StopCard: true}
		a.Code = "01133"
		if req.Key == batch.NewKey(acme, "P-1", 1) {
			return a, nil, true
		}
		<-stopped // P-2 was sent beside P-1 and lands once P-1 is recorded
		a = gateway.Answer{State: batch.Approved}
		a.Code, a.NetworkTransaction, a.TransactionID = "00000", "123456789012345", batch.TransactionID(req.Key)
		return a, nil, true
	}})
	var once atomic.Bool
	w.reached = func(_ *pipeline.Run, name string) {
		if name == "recorded" && once.CompareAndSwap(false, true) {
			close(stopped)
		}
	}
	pay := func(ref string) string {
		return row(ref, "doImmediateWalletPayment", "contract=1 order_ref=O amount=100 currency=EUR wallet_id=CUST-1 source=INTERNET")
	}
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: []string{pay("P-1"), pay("P-2")}}.String())
	w.calm()
	w.outcomes("a.res.csv", map[batch.LineRef]string{"P-1": "declined 01133", "P-2": "approved 00000"})
	if card := w.wallet("CUST-1").Cards[0]; card.Status != batch.CardDisabled || card.NetworkTransaction != "123456789012345" {
		t.Errorf("the card is %+v", card)
	}
}
