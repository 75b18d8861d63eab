package updatereport

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
)

var update = flag.Bool("update", false, "write the golden files and docs/updater-report.md again")

// zone is that of the merchant: two hours from UTC, so that a time told in another is seen.
var zone = time.FixedZone("Europe/Helsinki", 2*60*60)

var (
	head = Head{
		Merchant: "acme", Period: "2026-11", Zone: zone,
		From: time.Date(2026, 11, 1, 0, 0, 0, 0, zone), To: time.Date(2026, 12, 1, 0, 0, 0, 0, zone),
	}
	headExtended = extended(head)
)

func extended(h Head) Head {
	h.Extended = true
	return h
}

// told is an update of the month, as the tests' updater tells them.
func told(n int, r batch.UpdateRow) batch.UpdateRow {
	r.Account, r.PaymentMethod, r.Billing = "89987201", batch.WalletID(fmt.Sprintf("CUST-%02d", n)), "1"
	if r.Source == "" {
		r.Source, r.File, r.Line = "paysafe-updater", "upd_paysafe_20261101_000017_1.csv.gpg", n
	}
	if r.Scheme == "" {
		r.Scheme = "VISA"
	}
	if r.Status == "" {
		r.Status = batch.BillingActive
	}
	if r.Effect == "" {
		r.Effect = batch.EffectNone
	}
	if r.OldLastFour == "" {
		r.OldLastFour, r.OldExpiry = "1111", "11/2026"
	}
	if r.NewExpiry == "" {
		r.NewExpiry = r.OldExpiry
	}
	if r.LastFour == "" {
		r.LastFour, r.Expiry = r.OldLastFour, r.OldExpiry
	}
	if r.At.IsZero() {
		r.At = time.Date(2026, 11, 1, 11, 30, n, 0, zone)
	}
	if r.SettledAt.IsZero() {
		r.SettledAt = time.Date(2026, 11, 2, 19, 5, n, 0, zone)
	}
	return r
}

// records have every outcome and every effect that a report can tell.
var records = []batch.UpdateRow{
	told(1, batch.UpdateRow{Code: "A", Outcome: batch.NewNumber, Effect: batch.EffectChanged, LastFour: "1881", Expiry: "06/2030", NewExpiry: "06/2030"}),
	told(2, batch.UpdateRow{Code: "E", Outcome: batch.NewExpiry, Effect: batch.EffectChanged, LastFour: "1111", Expiry: "11/2029", NewExpiry: "11/2029"}),
	told(3, batch.UpdateRow{Code: "UPDATE", Scheme: "MASTERCARD", OldLastFour: "4444", OldExpiry: "11/2026", LastFour: "5100", Expiry: "01/2031", NewExpiry: "01/2031", Outcome: batch.NewNumber, Effect: batch.EffectChanged}),
	told(4, batch.UpdateRow{Code: "EXPIRY", Scheme: "MASTERCARD", OldLastFour: "4444", OldExpiry: "11/2026", LastFour: "4444", Expiry: "11/2030", NewExpiry: "11/2030", Outcome: batch.NewExpiry, Effect: batch.EffectChanged}),
	told(5, batch.UpdateRow{Code: "PU", Source: "smartbill", File: "SB.STATUS.20261104", Line: 7, Scheme: "AMEX", OldLastFour: "0005", OldExpiry: "03/2028", Outcome: batch.NewProduct}),
	told(6, batch.UpdateRow{Code: "EDU", Source: "smartbill", File: "SB.STATUS.20261104", Line: 8, Scheme: "AMEX", OldLastFour: "8431", OldExpiry: "11/2026", LastFour: "8431", Expiry: "11/2031", NewExpiry: "11/2031", Outcome: batch.NewExpiry, Effect: batch.EffectChanged}),
	told(7, batch.UpdateRow{Code: "F", Outcome: batch.NewButExpired}),
	told(8, batch.UpdateRow{Code: "C", Outcome: batch.AccountClosed, Effect: batch.EffectDisabled, Status: batch.BillingDisabled}),
	told(9, batch.UpdateRow{Code: "CONTACT", Scheme: "MASTERCARD", Outcome: batch.AccountClosed, Effect: batch.EffectDisabled, Status: batch.BillingDisabled}),
	told(10, batch.UpdateRow{Code: "CONTACH", Scheme: "MASTERCARD", Outcome: batch.ContactHolder, Effect: batch.EffectDisabled, Status: batch.BillingDisabled}),
	told(11, batch.UpdateRow{Code: "34", Scheme: "MASTERCARD", Outcome: batch.OptOut, Effect: batch.EffectDisabled, Status: batch.BillingDisabled}),
	told(12, batch.UpdateRow{Code: "VALID", Scheme: "MASTERCARD", Outcome: batch.UpdateUnchanged}),
	told(13, batch.UpdateRow{Code: "", Scheme: "MASTERCARD", Outcome: batch.UpdateUnchanged}),
	told(14, batch.UpdateRow{Code: "P", Outcome: batch.NoMatch}),
	told(15, batch.UpdateRow{Code: "MC_N", Scheme: "MASTERCARD", Outcome: batch.NotParticipating}),
	told(16, batch.UpdateRow{Code: "000101", Scheme: "MASTERCARD", Outcome: batch.InputError, Note: "the number asked about, 4111 1111 1111 1111, was refused"}),
	told(17, batch.UpdateRow{Code: "000104", Scheme: "MASTERCARD", Outcome: batch.ConfigurationError}),
	told(18, batch.UpdateRow{Code: "=1+1", Outcome: batch.UnknownUpdate, Note: `no table has "=1+1", <script>alert(1)</script>, l’été, žluťoučký` + "\r\n"}),
	told(19, batch.UpdateRow{Outcome: batch.NoDecision, Note: "no answer came within four days"}),
	told(20, batch.UpdateRow{Code: "A", Outcome: batch.NewNumber, Effect: batch.EffectStale, Note: "the card has another number meanwhile", At: time.Date(2026, 10, 31, 18, 0, 0, 0, zone), Late: "2026-10"}),
	told(21, batch.UpdateRow{Code: "NAN", Source: "bank-gateway", Outcome: batch.NewNumber, Effect: batch.EffectRefused, NewExpiry: "02/2030", Note: "the gateway that keeps the card answered 02101"}),
	told(22, batch.UpdateRow{Code: "E", Outcome: batch.NewExpiry, Effect: batch.EffectShadow, NewExpiry: "02/2030", Note: "updates are not applied"}),
	told(23, batch.UpdateRow{Code: "CC", Source: "smartbill", File: "SB.STATUS.20261104", Line: 9, Scheme: "AMEX", OldLastFour: "0005", OldExpiry: "03/2028", Outcome: batch.AccountClosed, Effect: batch.EffectDisabled, Status: batch.BillingDisabled, At: time.Date(2026, 10, 29, 3, 0, 0, 0, zone), Late: "2026-10"}),
}

// of yields the records, as a store does.
func of(records ...batch.UpdateRow) Rows {
	return func(yield func(batch.UpdateRow) error) error {
		for _, r := range records {
			if err := yield(r); err != nil {
				return err
			}
		}
		return nil
	}
}

type writer func(io.Writer, Head, Rows) (int, error)

func write(t testing.TB, to writer, h Head, records ...batch.UpdateRow) []byte {
	t.Helper()
	var file bytes.Buffer
	n, err := to(&file, h, of(records...))
	if err != nil || n != len(records) {
		t.Fatalf("%d records written, want %d: %v", n, len(records), err)
	}
	return file.Bytes()
}

func TestReportsAreTheGoldenOnes(t *testing.T) {
	toDate := head
	toDate.Period, toDate.To = "2026-11-20", time.Date(2026, 11, 21, 0, 0, 0, 0, zone)
	for name, file := range map[string][]byte{
		"standard.csv":   write(t, WriteCSV, head, records...),
		"extended.csv":   write(t, WriteCSV, headExtended, records...),
		"empty.csv":      write(t, WriteCSV, head),
		"standard.html":  write(t, WriteHTML, toDate, records...),
		"extended.html":  write(t, WriteHTML, headExtended, records...),
		"empty.html":     write(t, WriteHTML, head),
		"empty-all.html": write(t, WriteHTML, headExtended),
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, filepath.Join("testdata", name), file)
		})
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got); see -update\n%s", path, d)
	}
}

func TestTheSameRowsGiveTheSameBytes(t *testing.T) {
	for name, to := range map[string]writer{"CSV": WriteCSV, "HTML": WriteHTML} {
		first := write(t, to, headExtended, records...)
		for range 5 { // maps are ranged over in another order each time
			if !bytes.Equal(first, write(t, to, headExtended, records...)) {
				t.Errorf("%s differs", name)
			}
		}
	}
}

func TestTheFirstFieldsAreThoseOfTheSpecification(t *testing.T) {
	want := []string{"Merchant account number", "Payment method ID", "Billing ID", "Last four digits", "Expiry date", "Decision code", "Billing status", "Late"}
	rows, err := csv.NewReader(bytes.NewReader(write(t, WriteCSV, head, records...))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, rows[0]); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if d := cmp.Diff([]string{"89987201", "CUST-23", "1", "0005", "03/2028", "CC", "Disabled", "2026-10"}, rows[23]); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	whole, err := csv.NewReader(bytes.NewReader(write(t, WriteCSV, headExtended, records...))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if d := cmp.Diff(rows[i], whole[i][:8]); d != "" {
			t.Errorf("row %d of the extended report begins otherwise: -standard +extended\n%s", i, d)
		}
	}
}

func TestEveryRecordIsALineOfCSV(t *testing.T) {
	for _, h := range []Head{head, headExtended} {
		file := write(t, WriteCSV, h, records...)
		rows, err := csv.NewReader(bytes.NewReader(file)).ReadAll() // which refuses rows of another length than the first
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(file, []byte("\n")); lines != len(rows) || len(rows) != len(records)+1 {
			t.Errorf("%d rows on %d lines", len(rows), lines)
		}
	}
}

// hostile has in every text what must not come out as it is.
func hostile(text string) batch.UpdateRow {
	return batch.UpdateRow{
		Account: text, PaymentMethod: batch.WalletID(text), Billing: text, LastFour: text, Expiry: text, Code: text, Status: batch.BillingStatus(text), Late: text,
		OldLastFour: text, OldExpiry: text, NewExpiry: text, Scheme: text, Outcome: batch.UpdateOutcome(text), Effect: batch.UpdateEffect(text), Source: text, Note: text, File: text,
	}
}

func TestTextFromOutsideStaysText(t *testing.T) {
	h := headExtended
	h.Merchant = `</title><script>alert("m")</script>`
	for _, text := range []string{`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, `</table></main>`, `{{.Script}}`, "a\x00b\xff"} {
		file := string(write(t, WriteHTML, h, hostile(text)))
		if n := strings.Count(file, "<script>"); n != 2 {
			t.Errorf("%q: %d scripts begin", text, n)
		}
		for _, tag := range []string{"<img", "<script>alert", " onmouseover='", "</table></main>\n</td"} {
			if strings.Contains(file, tag) {
				t.Errorf("%q: the page has %s", text, tag)
			}
		}
		if strings.ContainsRune(file, 0) || strings.ToValidUTF8(file, "") != file {
			t.Errorf("%q: the page has bytes that are no text", text)
		}
	}
}

func TestNoSpreadsheetTakesTextForAFormula(t *testing.T) {
	for _, text := range []string{"=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1"} {
		row := batch.UpdateRow{Account: text, PaymentMethod: batch.WalletID(text), Code: text, Scheme: text, Source: text, Note: text, File: text}
		rows, err := csv.NewReader(bytes.NewReader(write(t, WriteCSV, headExtended, row))).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for i, cell := range rows[1] {
			if cell == "" {
				continue
			}
			n++
			if !strings.HasPrefix(cell, "'") {
				t.Errorf("%q: column %s begins with %q", text, rows[0][i], cell)
			}
		}
		if n != 7 {
			t.Errorf("%q is in %d columns, want 7", text, n)
		}
	}
}

func TestNoCardNumberIsWritten(t *testing.T) {
	for name, to := range map[string]writer{"CSV": WriteCSV, "HTML": WriteHTML} {
		row := hostile("card 5555555555554444 and 3782 822463 10005")
		row.PaymentMethod = "CUST-01" // no wallet with such an id comes in
		file := write(t, to, headExtended, row)
		if got := strings.Join(regexp.MustCompile(`[0-9][0-9 -]{10,}[0-9]`).FindAllString(digitsOfCells(string(file)), -1), ", "); got != "" {
			t.Errorf("%s: %s", name, got)
		}
		if !bytes.Contains(file, []byte("555555******4444")) {
			t.Errorf("%s: the text is not there at all", name)
		}
	}
}

// digitsOfCells takes what has long runs of digits by itself out of a file.
func digitsOfCells(file string) string {
	file = regexp.MustCompile(`(?s)<style>.*</style>|<script>.*</script>|<meta[^>]*>|sha256-[^']*`).ReplaceAllString(file, "")
	return regexp.MustCompile(`\d{4}-\d\d-\d\d(T[0-9:+-]*)?`).ReplaceAllString(file, "")
}

func TestAPageTellsItsPeriod(t *testing.T) {
	at := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 0, 0, 0, 0, zone) }
	for _, test := range []struct {
		name     string
		period   string
		from, to time.Time
		want     string
	}{
		{"a whole month", "2026-11", at(11, 1), at(12, 1), `<strong>November 2026</strong>, the whole month: <time datetime="2026-11-01">1 November 2026</time> to <time datetime="2026-11-30">30 November 2026</time>, time zone Europe/Helsinki`},
		{"a month up to a day", "2026-11-20", at(11, 1), at(11, 21), `<strong>November 2026</strong>, month to date: <time datetime="2026-11-01">1 November 2026</time> to <time datetime="2026-11-20">20 November 2026</time>, time zone`},
		{"a month up to its last day", "2026-12-31", at(12, 1), at(13, 1), `<strong>December 2026</strong>, the whole month: <time datetime="2026-12-01">1 December 2026</time> to <time datetime="2026-12-31">31 December 2026</time>, time zone`},
		{"times that come in UTC", "2026-11", at(11, 1).UTC(), at(12, 1).UTC(), `<time datetime="2026-11-01">1 November 2026</time> to <time datetime="2026-11-30">30 November 2026</time>`},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := string(write(t, WriteHTML, Head{Merchant: "acme", Period: test.period, From: test.from, To: test.to, Zone: zone}))
			if !strings.Contains(file, test.want) {
				t.Errorf("the page does not say %s\n%s", test.want, file[strings.Index(file, "<header>"):])
			}
			if !strings.Contains(file, "<title>Account updater report: acme, "+test.period+"</title>") {
				t.Error("the title is another")
			}
		})
	}
}

func TestEveryOutcomeAndEffectHasItsWords(t *testing.T) {
	if len(outcomeWords) != len(batch.UpdateOutcomes) {
		t.Errorf("words for %d outcomes, want %d", len(outcomeWords), len(batch.UpdateOutcomes))
	}
	for _, o := range batch.UpdateOutcomes {
		if w := outcomeWords[o]; w.label == "" || w.means == "" || w.tone == "" {
			t.Errorf("outcome %s has no words", o)
		}
	}
	if len(effectWords) != len(effects) {
		t.Errorf("words for %d effects, want %d", len(effectWords), len(effects))
	}
	for _, e := range effects {
		if w := effectWords[e]; w.label == "" || w.means == "" {
			t.Errorf("effect %s has no words", e)
		}
	}
	seen := map[batch.UpdateOutcome]bool{}
	for _, r := range records {
		seen[r.Outcome] = true
	}
	if len(seen) != len(batch.UpdateOutcomes) {
		t.Errorf("the golden files have %d outcomes of %d", len(seen), len(batch.UpdateOutcomes))
	}
}

func TestAnOutcomeWithoutWordsIsShownAsItIs(t *testing.T) {
	file := string(write(t, WriteHTML, head, told(1, batch.UpdateRow{Outcome: "brand_new"}), told(2, batch.UpdateRow{Outcome: "also_new"})))
	if !strings.Contains(file, `<td><span class="tag look">brand_new</span></td>`) || !strings.Contains(file, "also_new: 1; brand_new: 1.") {
		t.Error("it is not there, or out of order")
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 50000: "50,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// Colours of text on what lies behind it: 4.5 to 1 for text (WCAG 2.2, 1.4.3), 3 to 1 for bars
// and borders of fields (1.4.11), in the light and in the dark.
func TestColoursHaveEnoughContrast(t *testing.T) {
	pairs := []struct {
		over, under string
		least       float64
	}{
		{"text", "ground", 4.5}, {"text", "sheet", 4.5}, {"muted", "ground", 4.5}, {"muted", "sheet", 4.5}, {"accent", "ground", 4.5},
		{"fresh", "fresh-ground", 4.5}, {"ended", "ended-ground", 4.5}, {"look", "look-ground", 4.5}, {"quiet", "quiet-ground", 4.5},
		{"fresh", "sheet", 3}, {"ended", "sheet", 3}, {"look", "sheet", 3}, {"quiet", "sheet", 3}, {"edge", "sheet", 3}, {"accent", "sheet", 3},
		{"fresh", "quiet-ground", 3}, {"ended", "quiet-ground", 3}, {"look", "quiet-ground", 3}, {"quiet", "quiet-ground", 3},
	}
	themes := regexp.MustCompile(`(?s):root \{(.*?)\}`).FindAllStringSubmatch(styleSource, -1)
	if len(themes) != 2 {
		t.Fatalf("%d themes, want light and dark", len(themes))
	}
	for i, theme := range themes {
		colours := map[string]float64{}
		for _, c := range regexp.MustCompile(`--([a-z-]+): #([0-9a-f]{6})`).FindAllStringSubmatch(theme[1], -1) {
			colours[c[1]] = luminance(t, c[2])
		}
		for _, p := range pairs {
			over, ok1 := colours[p.over]
			under, ok2 := colours[p.under]
			if ratio := (max(over, under) + .05) / (min(over, under) + .05); !ok1 || !ok2 || ratio < p.least {
				t.Errorf("theme %d: %s on %s has %.2f to 1, want %.1f", i, p.over, p.under, ratio, p.least)
			}
		}
	}
}

// luminance is the relative luminance of a colour (WCAG 2.2).
func luminance(t *testing.T, hex string) float64 {
	n, err := strconv.ParseUint(hex, 16, 32)
	if err != nil {
		t.Fatal(err)
	}
	part := func(shift int) float64 {
		c := float64(n>>shift&0xff) / 255
		if c <= .04045 {
			return c / 12.92
		}
		return math.Pow((c+.055)/1.055, 2.4)
	}
	return .2126*part(16) + .7152*part(8) + .0722*part(0)
}

func TestErrorsEndAReport(t *testing.T) {
	broken := errors.New("the store is gone")
	for name, to := range map[string]writer{"CSV": WriteCSV, "HTML": WriteHTML} {
		rows := func(yield func(batch.UpdateRow) error) error { return errors.Join(yield(records[0]), broken) }
		if _, err := to(io.Discard, head, rows); !errors.Is(err, broken) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := to(full{}, head, of(records...)); !errors.Is(err, errFull) {
			t.Errorf("%s, full disk: %v", name, err)
		}
		if _, err := to(full{}, head, of(many(5_000)...)); !errors.Is(err, errFull) {
			t.Errorf("%s, full disk amid the rows: %v", name, err)
		}
	}
}

func TestAPageWhoseRecordsChangeMeanwhileIsRefused(t *testing.T) {
	for name, second := range map[string]Rows{"fewer": of(records[:5]...), "another": of(append(records[:5:5], records[7])...)} {
		pass := 0
		rows := func(yield func(batch.UpdateRow) error) error {
			if pass++; pass == 1 {
				return of(records[:6]...)(yield)
			}
			return second(yield)
		}
		if _, err := WriteHTML(io.Discard, head, rows); !errors.Is(err, errRows) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

// many are records as a large merchant has them.
func many(n int) []batch.UpdateRow {
	list := make([]batch.UpdateRow, n)
	for i := range list {
		list[i] = records[i%len(records)]
	}
	return list
}

// heap counts what is written, and watches what is kept meanwhile.
type heap struct {
	written   int
	base, max uint64
}

func (h *heap) Write(p []byte) (int, error) {
	h.written += len(p)
	return len(p), nil
}

func (h *heap) look() {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	if h.base == 0 {
		h.base = m.HeapAlloc
	}
	h.max = max(h.max, m.HeapAlloc)
}

func TestMemoryIsFlatHoweverLongTheReport(t *testing.T) {
	const kept = 2 << 20
	for name, test := range map[string]struct {
		to   writer
		rows int
	}{"CSV": {WriteCSV, 200_000}, "HTML": {WriteHTML, 50_000}} {
		t.Run(name, func(t *testing.T) {
			var h heap
			rows := func(yield func(batch.UpdateRow) error) error {
				for i := range test.rows {
					if i%(test.rows/5) == 0 {
						h.look()
					}
					if err := yield(records[i%len(records)]); err != nil {
						return err
					}
				}
				h.look()
				return nil
			}
			n, err := test.to(&h, headExtended, rows)
			if err != nil || n != test.rows {
				t.Fatalf("%d records: %v", n, err)
			}
			if h.written < 10*kept {
				t.Fatalf("a report of %d bytes proves nothing", h.written)
			}
			if grown := h.max - h.base; grown > kept {
				t.Errorf("%d bytes are kept while %d are written", grown, h.written)
			}
		})
	}
}

func BenchmarkCSV(b *testing.B)  { benchmark(b, WriteCSV) }
func BenchmarkHTML(b *testing.B) { benchmark(b, WriteHTML) }

func benchmark(b *testing.B, to writer) {
	const rows = 50_000
	list := many(rows)
	for b.Loop() {
		if _, err := to(io.Discard, headExtended, of(list...)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}
