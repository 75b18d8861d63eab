package updater

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
	"cardbatch/formats/layout"
)

var update = flag.Bool("update", false, "write the generated page again")

func shipped(t testing.TB, name string) *layout.Table {
	t.Helper()
	table, err := Shipped(name)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func parse(t *testing.T, table string) *layout.Table {
	t.Helper()
	compiled, err := layout.Parse("mine.yaml", []byte(table))
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

// from opens bytes again and again.
func from(content string) Open {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(content)), nil }
}

func all[T any](t *testing.T, f *File[T], err error) []T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var details []T
	if err := f.Each(func(d T) error { details = append(details, d); return nil }); err != nil {
		t.Fatal(err)
	}
	return details
}

// findings are those of a file that must be rejected, of which no detail can be had.
func findings[T any](t *testing.T, f *File[T], err error) []string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if f.Verdict.Accepted() {
		t.Fatal("the file is accepted")
	}
	err = f.Each(func(T) error { t.Error("a detail of a rejected file"); return nil })
	if !errors.As(err, new(*layout.FileError)) {
		t.Error(err)
	}
	var texts []string
	for _, found := range f.Verdict.Reject.Findings {
		texts = append(texts, found.String())
	}
	return texts
}

var samePAN = cmp.Comparer(func(a, b batch.PAN) bool { return a.Reveal() == b.Reveal() })

var (
	visa       = batch.NewPAN("4111111111111111")
	mastercard = batch.NewPAN("5555555555554444")
)

func whole() Request {
	return Request{Account: "89987201", Reference: "U17R1", CardType: batch.TypeVisa, Card: visa, Expiry: "1226"}
}

// written is a request file with the records.
func written(t *testing.T, table *layout.Table, records ...Request) string {
	t.Helper()
	var file bytes.Buffer
	w, err := NewRequestWriter(&file, table)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range records {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	size := w.Size()
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if size != int64(file.Len()) {
		t.Errorf("size %d of %d bytes", size, file.Len())
	}
	return file.String()
}

func TestARequestIsReadByAnIndependentReader(t *testing.T) {
	second := Request{StoreID: "store", StorePassword: "p'w;1", Account: "1", Reference: "U17R2", CardType: batch.TypeMastercard, Card: mastercard, Expiry: "0130"}
	file := written(t, shipped(t, RequestTable), whole(), second)
	want := ",,89987201,U17R1,VI,4111111111111111,1226\nstore,p'w;1,1,U17R2,MC,5555555555554444,0130\n"
	if file != want {
		t.Errorf("got %q", file)
	}
	rows, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]string{
		{"", "", "89987201", "U17R1", "VI", "4111111111111111", "1226"},
		{"store", "p'w;1", "1", "U17R2", "MC", "5555555555554444", "0130"},
	}, rows); diff != "" {
		t.Error(diff)
	}
	if strings.ContainsAny(file, " \"") {
		t.Error("spaces or quotation marks")
	}
}

func TestWhatTheProviderWouldRejectIsRefusedAndTheFileGoesOn(t *testing.T) {
	for name, change := range map[string]func(*Request){
		"no account":                           func(r *Request) { r.Account = "" },
		"no reference":                         func(r *Request) { r.Reference = "" },
		"no card type":                         func(r *Request) { r.CardType = "" },
		"a card type without a code":           func(r *Request) { r.CardType, r.Card = batch.TypeAmex, batch.NewPAN("378282246310005") },
		"a card type of other numbers":         func(r *Request) { r.CardType = batch.TypeMastercard },
		"no number":                            func(r *Request) { r.Card = batch.PAN{} },
		"a number with a wrong check digit":    func(r *Request) { r.Card = batch.NewPAN("4111111111111112") },
		"a number that is none":                func(r *Request) { r.Card = batch.NewPAN("4111-1111-1111-1111") },
		"no expiry":                            func(r *Request) { r.Expiry = "" },
		"an expiry of month 13":                func(r *Request) { r.Expiry = "1326" },
		"an expiry with the year first":        func(r *Request) { r.Expiry = "2612" },
		"an expiry of five digits":             func(r *Request) { r.Expiry = "12026" },
		"a comma in the password":              func(r *Request) { r.StorePassword = "a,b" },
		"a space in the store":                 func(r *Request) { r.StoreID = "a b" },
		"a quotation mark in the password":     func(r *Request) { r.StorePassword = `a"b` },
		"a line end in the reference":          func(r *Request) { r.Reference = "a\nb" },
		"an account that is too long":          func(r *Request) { r.Account = strings.Repeat("1", 21) },
		"a letter that ASCII does not have":    func(r *Request) { r.Account = "é" },
		"a card number as a reference, spaced": func(r *Request) { r.Reference = "4111 1111 1111 1111" },
	} {
		t.Run(name, func(t *testing.T) {
			var file bytes.Buffer
			w, err := NewRequestWriter(&file, shipped(t, RequestTable))
			if err != nil {
				t.Fatal(err)
			}
			bad := whole()
			change(&bad)
			err = w.Write(bad)
			if !errors.Is(err, layout.ErrValue) || batch.HasCardNumber(err.Error()) || strings.Contains(err.Error(), "a,b") {
				t.Errorf("%v", err)
			}
			if err := errors.Join(w.Write(whole()), w.Close()); err != nil || file.String() != ",,89987201,U17R1,VI,4111111111111111,1226\n" {
				t.Errorf("the file cannot go on without it: %q, %v", file.String(), err)
			}
		})
	}
}

func TestAnotherTableOrdersColumnsAndTurnsTheExpiryRound(t *testing.T) {
	table := parse(t, `{layout: mine, version: 1, direction: out, form: delimited, delimiter: ";", encoding: ASCII, line_end: CRLF, headings: true, records: [
  {record: detail, part: body, fields: [
    {name: expiry, heading: Expiry Date, type: date, format: YYMM, mandatory: true},
    {name: card_number, heading: Card, type: pan, mandatory: true},
    {name: card_type, heading: Type, type: code, codes: {V: VISA, M: MASTERCARD}, mandatory: true},
    {name: reference, heading: Ref, type: text, mandatory: true},
    {name: store_password, heading: Password, type: text, sensitive: true},
    {name: account, heading: Account, type: digits, mandatory: true}]}]}`)
	if err := CheckTable(RequestTable, table); err != nil {
		t.Fatal(err)
	}
	r := whole()
	r.StorePassword = "a;b"
	if file := written(t, table, r); file != "Expiry Date;Card;Type;Ref;Password;Account\r\n2612;4111111111111111;V;U17R1;\"a;b\";89987201\r\n" {
		t.Errorf("%q", file)
	}

	answers := parse(t, `{layout: mine, version: 1, direction: in, form: delimited, delimiter: ";", encoding: ASCII, line_end: CRLF, records: [
  {record: detail, part: body, fields: [
    {name: new_expiry, column: 1, type: date, format: YYMM, empty: "0000"},
    {name: code, column: 2, type: text},
    {name: new_number, column: 3, type: pan, empty: "null"},
    {name: reference, column: 4, type: text}]}]}`)
	f, err := OpenAnswers(from("2912;A;5555555555554444;U1R1\n0000;C;null;U1R2\n"), answers, nil)
	want := []Answer{
		{Line: 1, Reference: "U1R1", Code: "A", NewCard: mastercard, NewFirstSix: "555555", NewLastFour: "4444", NewExpiry: "1229"},
		{Line: 2, Reference: "U1R2", Code: "C"},
	}
	if diff := cmp.Diff(want, all(t, f, err), samePAN); diff != "" {
		t.Error(diff)
	}
}

func TestAnAcknowledgementIsReadAsDocumented(t *testing.T) {
	table := shipped(t, AcknowledgementTable)
	f, err := OpenAcknowledgement(from("1,RECORD ACCEPTED\n2,RECORD ACCEPTED\n3,RECORD ACCEPTED\n"), table)
	want := []Acknowledged{{Line: 1, Position: 1, Accepted: true}, {Line: 2, Position: 2, Accepted: true}, {Line: 3, Position: 3, Accepted: true}}
	if diff := cmp.Diff(want, all(t, f, err)); diff != "" {
		t.Error(diff)
	}

	rejections := "1,RECORD ACCEPTED,\r\n2,RECORD REJECTED,102,Missing field, or a wrong one\r\n3,RECORD REJECTED,102 Missing field\r\n" +
		"4,RECORD REJECTED,\"E_17: missing, wrong\"\r\n5,RECORD REJECTED,Card 4111111111111111 is \"wrong\"\r\n6,RECORD REJECTED\r\n7,\"RECORD REJECTED\",\"12\",\"a, b\""
	f, err = OpenAcknowledgement(from(rejections), table)
	want = []Acknowledged{
		{Line: 1, Position: 1, Accepted: true},
		{Line: 2, Position: 2, Code: "102", Text: "102,Missing field, or a wrong one"},
		{Line: 3, Position: 3, Code: "102", Text: "102 Missing field"},
		{Line: 4, Position: 4, Code: "E_17", Text: "E_17: missing, wrong"},
		{Line: 5, Position: 5, Text: "Card 411111******1111 is wrong"},
		{Line: 6, Position: 6},
		{Line: 7, Position: 7, Code: "12", Text: "12,a, b"},
	}
	if diff := cmp.Diff(want, all(t, f, err)); diff != "" {
		t.Error(diff)
	}

	own := parse(t, `{layout: mine, version: 1, direction: in, form: delimited, delimiter: ",", encoding: ASCII, line_end: LF, records: [
  {record: detail, part: body, fields: [{name: position, column: 1, type: number}, {name: status, column: 2, type: code, codes: {"1": accepted, "0": rejected}},
    {name: code, column: 3, type: text}, {name: text, column: 4, type: text}]}]}`)
	f, err = OpenAcknowledgement(from("1,0,no code,7 wrong\n"), own)
	if diff := cmp.Diff([]Acknowledged{{Line: 1, Position: 1, Code: "no code", Text: "7 wrong"}}, all(t, f, err)); diff != "" {
		t.Error(diff)
	}
}

func TestAnAcknowledgementThatIsNoneIsRejectedWhole(t *testing.T) {
	f, err := OpenAcknowledgement(from("0,RECORD ACCEPTED\n2,RECORD UNCERTAIN,4111111111111111\n3\nx,RECORD ACCEPTED\n,RECORD ACCEPTED\n99999999999,RECORD ACCEPTED\n"), shipped(t, AcknowledgementTable))
	want := []string{
		"line 1: detail.position (column 1): FIELD_FORMAT: must be the position of a record, from 1",
		"line 2: detail.status (column 2): FIELD_VALUE: is no code of the layout table",
		"line 3: detail: FIELD_COUNT: expected at least 2 columns, found 1",
		"line 4: detail.position (column 1): FIELD_FORMAT: must be a number of digits only",
		"line 5: detail.position (column 1): FIELD_MISSING: is mandatory",
		"line 6: detail.position (column 1): FIELD_FORMAT: must be the position of a record, from 1",
	}
	if diff := cmp.Diff(want, findings(t, f, err)); diff != "" {
		t.Error(diff)
	}
}

func TestAResponseTellsEveryFormOfOldAndNew(t *testing.T) {
	file := strings.Join([]string{
		"89987201,U17R1,VI,4111111111111111,1111,A,4012888888881881,1229",
		"89987201,U17R2,MC,,4444,,,",
		"89987201,U17R3,MC,555555******4444,4444, CONTAC ,null,0000",
		"89987201,U17R4,XX,null,null,E,NULL,0130",
		"89987201,U17R5,VI,4111XXXXXXXX1111,1111,UPDATE,************1881,null",
		`"89987201","U17R6","","  ","","F","    ","    "`,
		"89987201,U17R7,MC,555555555555-4444,,EXPIRY,555555......4444,NULL",
		"",
	}, "\n")
	file = strings.Replace(file, "555555555555-4444", "555555xxxxxx4444", 1)
	f, err := OpenAnswers(from(file), shipped(t, ResponseTable), nil)
	want := []Answer{
		{Line: 1, Account: "89987201", Reference: "U17R1", Scheme: "VISA", Code: "A", OldCard: visa, OldLastFour: "1111", NewCard: batch.NewPAN("4012888888881881"), NewFirstSix: "401288", NewLastFour: "1881", NewExpiry: "1229"},
		{Line: 2, Account: "89987201", Reference: "U17R2", Scheme: "MASTERCARD", OldLastFour: "4444"},
		{Line: 3, Account: "89987201", Reference: "U17R3", Scheme: "MASTERCARD", Code: "CONTAC", OldLastFour: "4444"},
		{Line: 4, Account: "89987201", Reference: "U17R4", Code: "E", NewExpiry: "0130"},
		{Line: 5, Account: "89987201", Reference: "U17R5", Scheme: "VISA", Code: "UPDATE", OldLastFour: "1111", NewLastFour: "1881"},
		{Line: 6, Account: "89987201", Reference: "U17R6", Code: "F"},
		{Line: 7, Account: "89987201", Reference: "U17R7", Scheme: "MASTERCARD", Code: "EXPIRY", OldLastFour: "4444", NewFirstSix: "555555", NewLastFour: "4444"},
	}
	if diff := cmp.Diff(want, all(t, f, err), samePAN); diff != "" {
		t.Error(diff)
	}
}

func TestAResponseThatIsWrongIsRejectedAndNoNumberIsTold(t *testing.T) {
	file := strings.Join([]string{
		"89987201,U17R1,VI,41111111111111112222,1111,A,4012888888881881,1329",
		"89987201,U17R2,VI,4111-1111-1111-1111,1111,A,40128888****1881x,1229",
		"89987201,U17R3,VI,,12345,A,,1229",
		"89987201,U17R4,VI,,411x,A,4111111111,1229",
		"89987201,U17R5,VI,,1111,A,4111111111111111",
		"89987201,4111111111111111\x07,VI,,,A,,",
	}, "\n")
	f, err := OpenAnswers(from(file), shipped(t, ResponseTable), nil)
	got := findings(t, f, err)
	want := []string{
		"line 1: detail.new_expiry (column 8): FIELD_FORMAT: must be a date in the form MMYY",
		"line 2: detail.old_number (column 4): FIELD_FORMAT: must be a card number, whole or masked up to its last four digits",
		"line 2: detail.new_number (column 7): FIELD_FORMAT: must be a card number, whole or masked up to its last four digits",
		"line 3: detail.old_last_four (column 5): FIELD_LENGTH: may have at most 4 bytes",
		"line 4: detail.old_last_four (column 5): FIELD_FORMAT: must be the last four digits of a card number",
		"line 4: detail.new_number (column 7): FIELD_FORMAT: must be a card number, whole or masked up to its last four digits",
		"line 5: detail: FIELD_COUNT: expected 8 columns, found 7",
		"line 6: detail.reference (column 2): FIELD_FORMAT: holds a control character",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if batch.HasCardNumber(strings.Join(got, "\n")) {
		t.Error("a finding tells a card number")
	}
}

func TestANumberThatIsMaskedGivesWhatItShows(t *testing.T) {
	for _, row := range []struct {
		name, text, card, firstSix, lastFour string
		ok                                   bool
	}{
		{"first four", "4111XXXXXXXX1111", "", "", "1111", true},
		{"only the last four", "************1111", "", "", "1111", true},
		{"first six", "411111******1111", "", "411111", "1111", true},
		{"first eight", "41111111xxxx1111", "", "411111", "1111", true},
		{"a whole one", "4111111111111111", "4111111111111111", "411111", "1111", true},
		{"nothing", "", "", "", "", true},
		{"blanks", "   ", "", "", "", true},
		{"a null", "Null", "", "", "", true},
		{"zeros", "0000000000000000", "", "", "", true},
		{"too much shown at the front", "411111111***1111", "", "", "", false},
		{"too much shown at the end", "411111*****11111", "", "", "", false},
		{"no end", "411111**********", "", "", "", false},
		{"other signs", "411111??????1111", "", "", "", false},
		{"too many signs", "411111**********1111", "", "", "", false},
		{"a word", "unknown", "", "", "", false},
		{"four digits", "1111", "", "", "", false},
		{"masked in two places", "4111**11****1111", "", "", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			whole, firstSix, lastFour, ok := number(row.text)
			if ok != row.ok || ok && (whole != row.card || firstSix != row.firstSix || lastFour != row.lastFour) {
				t.Error(firstSix, lastFour, ok)
			}
		})
	}
}

func TestCyberSourceTellsMonthAndYearApart(t *testing.T) {
	file := "H,cybs.au.response.pan,acme,17\n" +
		"D,1,4111111111111111,12,26,4012888888881881,01,30,W-1-1,,NAN,800\n" +
		"D,2,4111111111111111,12,26,,,,W-1-2,sub,ACL,800\n" +
		"D,3,4111111111111111,12,26,,00,00,W-1-3,,DEC,802\n" +
		"D,4,4111111111111111,12,2026,null,null,null,W-1-4,,NED,800\n" +
		"F,4,COM\n"
	f, err := OpenAnswers(from(file), shipped(t, CyberSourceTable), nil)
	old := Answer{OldCard: visa, OldLastFour: "1111", OldExpiry: "1226", Reason: "800"}
	want := []Answer{old, old, old, old}
	want[0].Line, want[0].Reference, want[0].Code = 2, "W-1-1", "NAN"
	want[0].NewCard, want[0].NewFirstSix, want[0].NewLastFour, want[0].NewExpiry = batch.NewPAN("4012888888881881"), "401288", "1881", "0130"
	want[1].Line, want[1].Reference, want[1].Code = 3, "W-1-2", "ACL"
	want[2].Line, want[2].Reference, want[2].Code, want[2].Reason = 4, "W-1-3", "DEC", "802"
	want[3].Line, want[3].Reference, want[3].Code = 5, "W-1-4", "NED"
	if diff := cmp.Diff(want, all(t, f, err), samePAN); diff != "" {
		t.Error(diff)
	}

	bad := strings.NewReplacer(",12,26,,,,W-1-2", ",13,26,,,,W-1-2", ",00,00,", ",00,30,", "12,2026", "12,1999", "F,4,COM\n", "", "response.pan", "response.ss").Replace(file)
	f, err = OpenAnswers(from(bad), shipped(t, CyberSourceTable), nil)
	if diff := cmp.Diff([]string{
		`line 1: header.classification (column 2): FIELD_VALUE: must be "cybs.au.response.pan"`,
		"line 3: detail.old_month (column 4): FIELD_FORMAT: must be a month and a year, in 2000 to 2099",
		"line 4: detail.new_month (column 7): FIELD_FORMAT: must be a month and a year, in 2000 to 2099",
		"line 5: detail.old_month (column 4): FIELD_FORMAT: must be a month and a year, in 2000 to 2099",
		"footer: NO_TRAILER: the file ends without it and may be cut off",
	}, findings(t, f, err)); diff != "" {
		t.Error(diff)
	}
}

func TestJPMorganStandsBelowTwoLinesAndMayLackAZero(t *testing.T) {
	file := "EntityIdentifier=1,EntityName=Acme, Inc,Frequency=adhoc,,,,,,,,\n" +
		"EntityIdentifier=1,ReportTypeName=AccountUpdate,FromDate=2026-10-01\n" +
		"Account Number,Account Updater Status Message Text,Activity Timestamp,Card Expiration Month Year Number,Old Account Number,Old Card Expiration Month Year Number,Payment Method Code,Network Account Update Response Code,Merchant Provided Account Update Identifier,Something Else\n" +
		"411111******9537,NEW_ACCOUNT_AND_EXPIRY,2026-10-23T10:33:48.1Z,927,411111******1113,0922,VI,A,W-1,x\n" +
		",CLOSED_ACCOUNT,33:48.1,,411111******1114,1222,VI,C,W-2,x\n" +
		"null,CONTACT_CARDHOLDER,2026-10-23 10:33:48,0000,************1114,,ZZ,Q,,x\n" +
		"EntityIdentifier=1,EntityName=Acme, Inc,Frequency=adhoc,,,,,,\n"
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	f, err := OpenAnswers(from(file), shipped(t, JPMorganTable), paris)
	want := []Answer{
		{Line: 4, Reference: "W-1", Scheme: "VISA", Code: "NEW_ACCOUNT_AND_EXPIRY", OldLastFour: "1113", OldExpiry: "0922", NewFirstSix: "411111", NewLastFour: "9537", NewExpiry: "0927", At: time.Date(2026, 10, 23, 10, 33, 48, 1e8, time.UTC)},
		{Line: 5, Reference: "W-2", Scheme: "VISA", Code: "CLOSED_ACCOUNT", OldLastFour: "1114", OldExpiry: "1222"},
		{Line: 6, Code: "CONTACT_CARDHOLDER", OldLastFour: "1114", At: time.Date(2026, 10, 23, 8, 33, 48, 0, time.UTC)},
	}
	got := all(t, f, err)
	if diff := cmp.Diff(want, got, samePAN, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
	bad := strings.NewReplacer(",927,", ",1327,", ",0922,", ",22,", "Account Updater Status Message Text", "Status").Replace(file)
	f, err = OpenAnswers(from(bad), shipped(t, JPMorganTable), nil)
	if diff := cmp.Diff([]string{"line 3: detail.code: FIELD_MISSING: the file has no column for it"}, findings(t, f, err)); diff != "" {
		t.Error(diff)
	}
	f, err = OpenAnswers(from(strings.Replace(bad, ",Status,", ",account updater status message TEXT ,", 1)), shipped(t, JPMorganTable), nil)
	if diff := cmp.Diff([]string{
		"line 4: detail.old_expiry (column 6): FIELD_FORMAT: must be a month in the form MMYY",
		"line 4: detail.new_expiry (column 4): FIELD_FORMAT: must be a month in the form MMYY",
	}, findings(t, f, err)); diff != "" {
		t.Error(diff)
	}
}

func TestCheckoutIsFoundByItsHeadings(t *testing.T) {
	file := "\ufeffEvent ID,Timestamp,Scheme,Card update reason,Original card - BIN,Original card - Expiry Month,Original card - Expiry Year,Original card - Last 4,Replacement card - BIN,Replacement card - Expiry Month,Replacement card - Expiry Year,Replacement card - Last 4,Instrument ID\n" +
		"evt_1,2026-10-11T17:21:45.7502303Z,Visa,card_updated,42424242,9,2026,4242,40128888,1,2030,1881,src_1\n" +
		"evt_2,2026-10-11,Mastercard,card_closed,55555555,12,2026,4444,,,,,src_2\n"
	f, err := OpenAnswers(from(file), shipped(t, CheckoutTable), nil)
	want := []Answer{
		{Line: 2, Token: "src_1", Scheme: "VISA", Code: "card_updated", OldLastFour: "4242", OldExpiry: "0926", NewFirstSix: "401288", NewLastFour: "1881", NewExpiry: "0130", At: time.Date(2026, 10, 11, 17, 21, 45, 750230300, time.UTC)},
		{Line: 3, Token: "src_2", Scheme: "MASTERCARD", Code: "card_closed", OldLastFour: "4444", OldExpiry: "1226", At: time.Date(2026, 10, 11, 0, 0, 0, 0, time.UTC)},
	}
	if diff := cmp.Diff(want, all(t, f, err), samePAN, cmp.Comparer(time.Time.Equal)); diff != "" {
		t.Error(diff)
	}
	f, err = OpenAnswers(from(strings.Replace(file, ",40128888,", ",40128,", 1)), shipped(t, CheckoutTable), nil)
	if diff := cmp.Diff([]string{"line 2: detail.new_first_six (column 9): FIELD_FORMAT: must be the first six to eight digits of a card number"}, findings(t, f, err)); diff != "" {
		t.Error(diff)
	}
	f, err = OpenAnswers(from(strings.Replace(file, "Original card - Last 4", "Card update reason", 1)), shipped(t, CheckoutTable), nil)
	if diff := cmp.Diff([]string{"line 1: detail (column 8): DUPLICATE_COLUMN: repeats the heading of code"}, findings(t, f, err)); diff != "" {
		t.Error(diff)
	}
}

func TestAnUnknownColumnIsAFindingWhereTheTableSaysSo(t *testing.T) {
	table := parse(t, strings.Replace(string(mustSource(t, CheckoutTable)), "other_headings: ignore", "other_headings: reject", 1))
	f, err := OpenAnswers(from("Event ID,Card update reason,Surprise\n"), table, nil)
	if diff := cmp.Diff([]string{"line 1: detail (column 3): UNKNOWN_COLUMN: the layout table does not know this heading"}, findings(t, f, err)); diff != "" {
		t.Error(diff)
	}
}

func mustSource(t testing.TB, name string) []byte {
	t.Helper()
	content, err := Source(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestATableThatLacksWhatTheProgramNeedsIsNamedWithAllOfIt(t *testing.T) {
	table := parse(t, `{layout: mine, version: 1, direction: in, form: delimited, delimiter: ";", encoding: ASCII, line_end: LF, records: [
  {record: detail, part: body, fields: [{name: code, column: 1, type: number}, {name: new_month, column: 2, type: number}, {name: scheme, column: 3, type: code, codes: {V: visa}}, {name: new_number, column: 4, type: text}]}]}`)
	_, err := OpenAnswers(from(""), table, nil)
	want := "layout table mine cannot be used for answers: detail.scheme: visa is none of VISA, MASTERCARD, AMEX, DISCOVER, CB, DINERS, JCB, MAESTRO; " +
		"detail.code must be of type text; detail.new_number must be sensitive: true; detail.new_month and detail.new_year belong together; no field of detail tells which card it is about: reference, token, old_number or old_last_four"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	for _, name := range Tables {
		if err := CheckTable(name, shipped(t, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if CheckTable(name, table) == nil {
			t.Errorf("%s can be replaced by a table without its fields", name)
		}
	}
	if CheckTable("nothing", table) == nil {
		t.Error("a table that is not shipped can be replaced")
	}
	reading := strings.Replace(string(mustSource(t, RequestTable)), "direction: out", "direction: in", 1)
	if CheckTable(RequestTable, parse(t, reading)) == nil {
		t.Error("requests would be written by a table for reading")
	}
	if _, err := NewRequestWriter(io.Discard, parse(t, reading)); err == nil {
		t.Error("requests are written by a table for reading")
	}
	shown := strings.Replace(string(mustSource(t, RequestTable)), ", sensitive: true", "", 1)
	if err := CheckTable(RequestTable, parse(t, shown)); err == nil || !strings.Contains(err.Error(), "store_password must be sensitive: true") {
		t.Error(err)
	}
	headed := strings.Replace(string(mustSource(t, RequestTable)), "records:\n", "records:\n  - {record: header, part: head, fields: [{name: h, column: 1, type: constant, value: H, recognise: true}]}\n", 1)
	if err := CheckTable(RequestTable, parse(t, headed)); err == nil || !strings.Contains(err.Error(), "record header would have to be written") {
		t.Error(err)
	}
}

func TestNoRequestPrintsItsPasswordOrItsNumber(t *testing.T) {
	r := whole()
	r.StorePassword = "secret"
	for _, text := range []string{fmt.Sprint(r), fmt.Sprintf("%+v", r), fmt.Sprintf("%#v", &r), fmt.Sprintf("%v", []Request{r})} {
		if strings.Contains(text, "secret") || batch.HasCardNumber(text) {
			t.Error(text)
		}
	}
	if text := fmt.Sprintf("%+v", Answer{NewCard: visa}); batch.HasCardNumber(text) {
		t.Error(text)
	}
}

func TestNamesOfRequestsKeepToTheAlphabetWhateverAnUpdaterIsCalled(t *testing.T) {
	day := time.Date(2026, 12, 1, 1, 0, 0, 0, time.UTC)
	if name := RequestName("paysafe", day, 17); name != "upd_paysafe_20261201_000017.csv" || Encrypted(name) != "upd_paysafe_20261201_000017.csv.gpg" {
		t.Error(name)
	}
	form := regexp.MustCompile(`^upd_[A-Za-z0-9_]+\.csv$`)
	for _, updater := range []string{"", "paysafe-updater", "É l'œuvre", "a b\"c", "../../etc", "a\nb", "\xff", strings.Repeat("ü", 300)} {
		name := RequestName(updater, day, 1_234_567)
		if !form.MatchString(name) || len(name) > 100 || !strings.HasSuffix(name, "_20261201_1234567.csv") {
			t.Errorf("%q: %s", updater, name)
		}
		if request, _, ok := ParseAcknowledgementName(Encrypted(name) + "_20261201_060001_5.ack"); !ok || request != name {
			t.Errorf("%q: %s", updater, request)
		}
	}
}

func TestNamesOfAcknowledgementsAreTakenApart(t *testing.T) {
	for _, row := range []struct{ name, request, at string }{
		{"upd_merchantGenericTestPub.csv_20121228_121143_123.ack", "upd_merchantGenericTestPub.csv", "20121228_121143_123"},
		{"upd_00001.csv.gpg_20261201_060001_12.ack", "upd_00001.csv", "20261201_060001_12"},
		{"upd_00001.csv_20261201_060001_1.ack", "upd_00001.csv", "20261201_060001_1"},
	} {
		if request, at, ok := ParseAcknowledgementName(row.name); !ok || request != row.request || at != row.at {
			t.Errorf("%s: %s %s %v", row.name, request, at, ok)
		}
	}
	for _, name := range []string{
		"", "upd_00001.csv", "upd_00001.csv_20261201_060001_1234.ack", "upd_00001.csv_20261201_060001_.ack", "upd_00001.csv_20261201_060001_1.ack.gpg",
		"00001.csv_20261201_060001_1.ack", "upd_.csv_20261201_060001_1.ack", "upd_a-b.csv_20261201_060001_1.ack", "../upd_a.csv_20261201_060001_1.ack", "upd_a.csv_20261201_060001_1.ack\n",
	} {
		if request, _, ok := ParseAcknowledgementName(name); ok || request != "" {
			t.Errorf("%q is a name", name)
		}
	}
}

func TestReferencesComeBackAsTheyWere(t *testing.T) {
	if text := Reference(17, 3); text != "U17R3" {
		t.Error(text)
	}
	for _, want := range []struct {
		request  int64
		position int
	}{{1, 1}, {17, 50_000}, {9_223_372_036_854_775_807, 999_999_999}} {
		request, position, ok := ParseReference(Reference(want.request, want.position))
		if !ok || request != want.request || position != want.position {
			t.Error(want, request, position, ok)
		}
	}
	for _, text := range []string{"", "U0R1", "U1R0", "U01R1", "u1r1", "U1R1 ", "U1R1\n", "U9223372036854775808R1", "U1R1000000000", "W-1"} {
		if _, _, ok := ParseReference(text); ok {
			t.Errorf("%q is a reference", text)
		}
	}
}

func TestNoTableIsMissing(t *testing.T) {
	entries, err := tables.ReadDir("tables")
	if err != nil || len(entries) != len(Tables) {
		t.Fatalf("%d files, %d names, %v", len(entries), len(Tables), err)
	}
	for _, name := range Tables {
		table := shipped(t, name)
		if table.Name != name {
			t.Errorf("%s is called %s", name, table.Name)
		}
		if !strings.Contains(strings.ToLower(table.Note), "unconfirmed") {
			t.Errorf("%s does not say what is unconfirmed", name)
		}
	}
	if _, err := Shipped("nothing"); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", "nothing")) {
		t.Errorf("%v", err)
	}
}

func TestAStreamThatBreaksIsNoVerdict(t *testing.T) {
	if _, err := OpenAnswers(func() (io.ReadCloser, error) { return nil, os.ErrPermission }, shipped(t, ResponseTable), nil); !errors.Is(err, os.ErrPermission) {
		t.Error(err)
	}
}
