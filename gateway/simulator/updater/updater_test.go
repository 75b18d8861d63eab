package updater_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cardbatch/gateway/simulator/stage"
	"cardbatch/gateway/simulator/updater"

	"github.com/ProtonMail/gopenpgp/v3/crypto"
	"github.com/ProtonMail/gopenpgp/v3/profile"
)

const (
	account = "89987201"
	visa    = "4111111111111111"
	other   = "4242424242424242"
	master  = "5555555555554444"
)

var newYork = func() *time.Location {
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		panic(err)
	}
	return zone
}()

// bench is a provider and a merchant who encrypts and decrypts.
type bench struct {
	*updater.Provider
	t                  testing.TB
	incoming, outgoing string
	provider, merchant updater.Keys
	now                time.Time
}

func newBench(t testing.TB, change func(*updater.Config)) *bench {
	t.Helper()
	b := &bench{t: t, incoming: t.TempDir(), outgoing: t.TempDir(), now: clock(1, "05:00")}
	b.provider, b.merchant = pair(t, "Provider"), pair(t, "Merchant")
	c := updater.Config{
		Incoming: b.incoming, Outgoing: b.outgoing, Clock: func() time.Time { return b.now },
		Key: b.provider.Private, MerchantKey: b.merchant.Public, Accounts: []string{account},
	}
	if change != nil {
		change(&c)
	}
	p, err := updater.New(c)
	if err != nil {
		t.Fatal(err)
	}
	b.Provider = p
	return b
}

func pair(t testing.TB, name string) updater.Keys {
	t.Helper()
	keys, err := updater.NewKeys(name, nil, clock(1, "00:00").AddDate(-1, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// clock is a time in New York on a day of December 2026.
func clock(day int, ofDay string) time.Time {
	at, err := time.ParseInLocation("2006-01-02 15:04", fmt.Sprintf("2026-12-%02d %s", day, ofDay), newYork)
	if err != nil {
		panic(err)
	}
	return at
}

// line is a record of a request.
func line(reference, number, expiry string) string {
	word := "MC"
	if number[0] == '4' {
		word = "VI"
	}
	return ",," + account + "," + reference + "," + word + "," + number + "," + expiry + "\n"
}

func (b *bench) encrypted(plain string) []byte {
	b.t.Helper()
	key, err := crypto.NewKeyFromArmored(string(b.provider.Public))
	if err != nil {
		b.t.Fatal(err)
	}
	h, err := crypto.PGPWithProfile(profile.RFC4880()).Encryption().Recipient(key).EncryptionTime(b.now.Unix()).New()
	if err != nil {
		b.t.Fatal(err)
	}
	message, err := h.Encrypt([]byte(plain))
	if err != nil {
		b.t.Fatal(err)
	}
	return message.Bytes()
}

func (b *bench) putBytes(name string, content []byte) {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.incoming, name), content, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) put(name string, lines ...string) {
	b.t.Helper()
	b.putBytes(name, b.encrypted(strings.Join(lines, "")))
}

func (b *bench) workAt(at time.Time) {
	b.t.Helper()
	b.now = at
	if err := b.Work(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

// handled puts a request and has it handled and acknowledged.
func (b *bench) handled(name string, lines ...string) updater.Upload {
	b.t.Helper()
	b.put(name, lines...)
	b.workAt(b.now)
	b.workAt(b.now.Add(2 * time.Hour))
	return b.last()
}

func (b *bench) last() updater.Upload {
	all := b.Uploads()
	return all[len(all)-1]
}

func (b *bench) outgoingNames() (names []string) {
	b.t.Helper()
	entries, err := os.ReadDir(b.outgoing)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func (b *bench) acknowledgement() string {
	b.t.Helper()
	text, err := os.ReadFile(filepath.Join(b.outgoing, b.last().Acknowledgement))
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

// response decrypts a response.
func (b *bench) response(name string) (string, error) {
	b.t.Helper()
	content, err := os.ReadFile(filepath.Join(b.outgoing, name))
	if err != nil {
		b.t.Fatal(err)
	}
	key, err := crypto.NewKeyFromArmored(string(b.merchant.Private))
	if err != nil {
		b.t.Fatal(err)
	}
	h, err := crypto.PGP().Decryption().DecryptionKey(key).New()
	if err != nil {
		b.t.Fatal(err)
	}
	plain, err := h.Decrypt(content, crypto.Bytes)
	if err != nil {
		return "", err
	}
	return string(plain.Bytes()), nil
}

func (b *bench) readable(name string) string {
	b.t.Helper()
	text, err := b.response(name)
	if err != nil {
		b.t.Fatal(err)
	}
	return text
}

func same(t *testing.T, what, got, want string) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n%s\nwant\n%s", what, got, want)
	}
}

func TestARequestIsHandledAtItsCutOffAcknowledgedHalfAnHourLaterAndAnsweredTheNextDay(t *testing.T) {
	b := newBench(t, nil)
	b.put("upd_one_1.csv.gpg", line("R1", visa, "1226"), line("R2", master, "1226"))
	b.workAt(clock(1, "05:00"))
	if all := b.Uploads(); len(all) != 0 || !b.Due().Equal(clock(1, "05:30")) {
		t.Fatalf("before the cut-off: %+v, due %v", all, b.Due())
	}
	b.put("upd_two.csv.gpg", line("R3", other, "1226"))
	b.workAt(clock(1, "05:31")) // it sees the second one, too late
	u := b.last()
	if len(b.Uploads()) != 1 || !u.Accepted || u.Records != 2 || !u.CutOff.Equal(clock(1, "05:30")) || len(b.outgoingNames()) != 0 {
		t.Fatalf("at the cut-off: %+v, %v", u, b.outgoingNames())
	}
	b.workAt(clock(1, "06:10"))
	same(t, "name", b.last().Acknowledgement, "upd_one_1.csv_20261201_060001_123.ack")
	same(t, "acknowledgement", b.acknowledgement(), "1,RECORD ACCEPTED\n2,RECORD ACCEPTED\n")
	b.workAt(clock(2, "12:09"))
	b.workAt(clock(2, "13:00"))
	b.workAt(clock(2, "13:01"))
	all := b.Uploads()
	if len(all) != 2 || !all[1].CutOff.Equal(clock(2, "05:30")) {
		t.Errorf("the second request: %+v", all)
	}
	same(t, "names", fmt.Sprint(all[0].Responses), "[upd_one_1_resp_01_20261202.csv.gpg upd_one_1_resp_02_20261202.csv.gpg]")
	same(t, "Visa's", b.readable(all[0].Responses[0]), account+",R1,VI,"+visa+",1111,E,"+visa+",1229\n")
	same(t, "Mastercard's", b.readable(all[0].Responses[1]), account+",R2,MC,"+master+",4444,CONTACH,,\n")
	if b.Asked(visa) != 1 || b.Answered(visa) != 1 || b.Asked(other) != 1 || b.Answered(other) != 0 || all[0].Answered != 2 {
		t.Error("the accounts are wrong")
	}
	b.workAt(clock(4, "13:00"))
	if left, err := os.ReadDir(b.incoming); err != nil || len(left) != 0 || !b.Due().IsZero() {
		t.Errorf("what was taken is there still: %v, %v", left, err)
	}
}

// ending makes a test number that ends in the two digits.
func ending(t *testing.T, prefix, end string) string {
	t.Helper()
	for i := range 10_000 {
		body := fmt.Sprintf("%s%08d%c", prefix, i, end[0])
		if number := body + string(stage.LuhnDigit(body)); strings.HasSuffix(number, end) {
			return number
		}
	}
	t.Fatal("there is no such number")
	return ""
}

func TestTheLastDigitDecidesByDefault(t *testing.T) {
	for end, want := range map[string][2]string{
		"20": {"A new 1229", "UPDATE new 1229"}, "30": {"A new", "UPDATE new"},
		"21": {"E  1229", "EXPIRY  1229"}, "31": {"E old 1229", "EXPIRY old 1229"},
		"22": {"V", "VALID"}, "23": {"C", "CONTACT"}, "24": {"Q", "CONTACH"}, "25": {"O", "34"},
		"26": {"P", "MC_P"}, "27": {"N", "MC_N"}, "28": {"F new 1225", "UNKNWN"}, "29": {"G", ""},
	} {
		for i, prefix := range []string{"411111", "555555"} {
			c := updater.Card{Type: []string{updater.Visa, updater.Mastercard}[i], Number: ending(t, prefix, end), Expiry: "1226"}
			v := updater.ByLastDigit(c)
			switch v.NewNumber {
			case c.Number:
				v.NewNumber = "old"
			case updater.NewNumberOf(c.Number):
				v.NewNumber = "new"
			}
			if got := strings.TrimSpace(v.Code + " " + v.NewNumber + " " + v.NewExpiry); got != want[i] || v.Day != 0 {
				t.Errorf("%s, %s: got %q on day %d, want %q", c.Type, end, got, v.Day, want[i])
			}
		}
	}
	if v := updater.ByLastDigit(updater.Card{Type: updater.Visa, Number: ending(t, "411111", "92"), Expiry: "1226"}); v.Day != 2 {
		t.Errorf("a card that is answered a day later: %+v", v)
	}
}

func TestOneBadRecordStopsTheWholeFileAndTheAcknowledgementNamesIt(t *testing.T) {
	good := line("R1", visa, "1226")
	for name, c := range map[string]struct{ bad, want string }{
		"a wrong check digit":           {line("R2", "4111111111111112", "1226"), "000102 Bad check digit"},
		"a letter in the number":        {line("R2", "411111111111111A", "1226"), "000101 Card number has a non-numeric character"},
		"month and year inverted":       {line("R2", visa, "2612"), "000103 Invalid expiry date"},
		"an expiry long gone":           {line("R2", visa, "1211"), "000103 Invalid expiry date"},
		"a merchant nobody knows":       {strings.Replace(good, account, "1", 1), "000104 Merchant is not registered in the program"},
		"no test number":                {line("R2", "4970100000000006", "1226"), "000105 Invalid account number"},
		"a number too short":            {line("R2", "411111111111", "1226"), "000105 Invalid account number"},
		"the type of another scheme":    {strings.Replace(good, "VI", "MC", 1), "000105 Invalid account number"},
		"American Express":              {line("R2", "371881634498004", "1226"), "000105 Invalid account number"},
		"a column too few":              {strings.TrimPrefix(good, ","), "000199 Missing or malformed field"},
		"a column too many":             {"," + good, "000199 Missing or malformed field"},
		"no reference":                  {line("", visa, "1226"), "000199 Missing or malformed field"},
		"a space":                       {line(" R2", visa, "1226"), "000199 Missing or malformed field"},
		"a blank where nothing need be": {" " + good, "000199 Missing or malformed field"},
		"a header line":                 {"Store ID,Store Password,Account,Reference,Type,Number,Expiry\n", "000199 Missing or malformed field"},
		"a header line without a space": {"id,password,account,reference,type,number,expiry\n", "000104 Merchant is not registered in the program"},
		"a number too long":             {line("R2", "41111111111111111111", "1226"), "000105 Invalid account number"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			if u := b.handled("upd_1.csv.gpg", good, c.bad, good); u.Accepted || u.Rejected != 1 || u.Refused != "" {
				t.Errorf("got %+v", u)
			}
			same(t, "acknowledgement", b.acknowledgement(), "1,RECORD ACCEPTED\n2,RECORD REJECTED,"+c.want+"\n3,RECORD ACCEPTED\n")
			b.workAt(clock(6, "13:00"))
			if names := b.outgoingNames(); len(names) != 1 || b.Asked(visa) != 0 {
				t.Errorf("it was processed: %v", names)
			}
		})
	}
}

func TestAFileThatBreaksALimitIsRefusedWithoutAnAcknowledgement(t *testing.T) {
	good := line("R1", visa, "1226")
	for name, c := range map[string]struct {
		content func(*bench) []byte
		want    string
	}{
		"too large":          {func(b *bench) []byte { return b.encrypted(strings.Repeat(good, 1_000_000/len(good)+1)) }, "larger"},
		"far too large":      {func(*bench) []byte { return make([]byte, 3_000_000) }, "larger"},
		"too many records":   {func(b *bench) []byte { return b.encrypted(strings.Repeat("a\n", 50_001)) }, "50000 records"},
		"empty":              {func(b *bench) []byte { return b.encrypted("") }, "no record"},
		"no bytes":           {func(*bench) []byte { return nil }, "decrypted"},
		"not encrypted":      {func(*bench) []byte { return []byte(good) }, "decrypted"},
		"truncated":          {func(b *bench) []byte { m := b.encrypted(good); return m[:len(m)-30] }, "decrypted"},
		"tampered":           {func(b *bench) []byte { m := b.encrypted(good); m[len(m)-30] ^= 1; return m }, "decrypted"},
		"to another key":     {func(b *bench) []byte { b.provider = b.merchant; return b.encrypted(good) }, "decrypted"},
		"a byte order mark":  {func(b *bench) []byte { return b.encrypted("\ufeff" + good) }, "byte 1"},
		"an empty line":      {func(b *bench) []byte { return b.encrypted(good + "\n" + good) }, "empty"},
		"a line end in it":   {func(b *bench) []byte { return b.encrypted(strings.Replace(good, "R1", "\"R\n1\"", 1)) }, "line end"},
		"a quote, not CSV":   {func(b *bench) []byte { return b.encrypted(strings.Replace(good, "R1", "R\"1", 1)) }, "not CSV"},
		"a letter of French": {func(b *bench) []byte { return b.encrypted(strings.Replace(good, "R1", "é", 1)) }, "plain text"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, nil)
			b.putBytes("upd_1.csv.gpg", c.content(b))
			b.workAt(b.now)
			b.workAt(clock(6, "13:00"))
			u := b.last()
			if !strings.Contains(u.Refused, c.want) || u.Accepted || u.Rejected != 0 {
				t.Errorf("got %+v, want refused for %q", u, c.want)
			}
			if strings.Contains(u.Refused, visa) {
				t.Error("the reason shows a card number")
			}
			if names := b.outgoingNames(); len(names) != 0 {
				t.Errorf("it was answered: %v", names)
			}
		})
	}
}

func TestTheLargestFileThatIsAllowedIsTaken(t *testing.T) {
	b := newBench(t, func(c *updater.Config) { c.MaxRecords, c.MaxBytes = 3, 3*len(line("R1", visa, "1226")) })
	if u := b.handled("upd_1.csv.gpg", line("R1", visa, "1226"), line("R2", visa, "1226"), line("R3", visa, "1226")); !u.Accepted || u.Records != 3 {
		t.Errorf("got %+v", u)
	}
}

func TestANameIsTakenOnce(t *testing.T) {
	b := newBench(t, nil)
	b.handled("upd_1.csv.gpg", line("R1", "4111111111111112", "1226")) // rejected, which uses it up as well
	b.now = clock(2, "05:00")
	if u := b.handled("upd_1.csv.gpg", line("R1", visa, "1226")); u.Refused != "the name was used before" {
		t.Errorf("got %+v", u)
	}
	if b.Asked(visa) != 0 {
		t.Error("it was processed")
	}
}

func TestAFileWithAWrongNameStaysWhereItIs(t *testing.T) {
	b := newBench(t, nil)
	wrong := []string{"1.csv.gpg", "upd_.csv.gpg", "upd_1.csv", "upd_a b.csv.gpg", "upd_a-b.csv.gpg", "upd_é.csv.gpg"}
	for _, name := range slices.Concat(wrong, []string{".upd_1.csv.gpg.tmp", "upd_1.csv.gpg.part"}) {
		b.put(name, line("R1", visa, "1226"))
	}
	b.workAt(clock(1, "05:00"))
	b.workAt(clock(3, "13:00"))
	left, err := os.ReadDir(b.incoming)
	if err != nil || len(left) != len(wrong)+2 || len(b.Uploads()) != 0 {
		t.Errorf("left %v, %v; taken %v", left, err, b.Uploads())
	}
	if got := b.Misnamed(); !slices.Equal(got, slices.Sorted(slices.Values(wrong))) {
		t.Errorf("wrong names: %q", got)
	}
}

func TestAFileThatIsTakenBackBeforeItsCutOffIsNotHandled(t *testing.T) {
	b := newBench(t, nil)
	b.put("upd_1.csv.gpg", line("R1", visa, "1226"))
	b.workAt(clock(1, "05:00"))
	if err := os.Remove(filepath.Join(b.incoming, "upd_1.csv.gpg")); err != nil {
		t.Fatal(err)
	}
	b.workAt(clock(1, "07:00"))
	if all := b.Uploads(); len(all) != 0 || !b.Due().IsZero() {
		t.Errorf("got %+v, due %v", all, b.Due())
	}
}

func TestAScriptDecidesWhatWhenAndInWhichFile(t *testing.T) {
	verdicts := map[string]updater.Verdict{
		"R1": {Code: "A", NewNumber: master, NewExpiry: "0130", Day: 3},
		"R2": {Code: "P", File: 4},
		"R3": {Never: true},
		"R4": {},
		"R5": {Code: "V"},
	}
	b := newBench(t, func(c *updater.Config) {
		c.Script = func(c updater.Card) updater.Verdict { return verdicts[c.Reference] }
	})
	b.handled("upd_1.csv.gpg", line("R1", visa, "1226"), line("R2", visa, "1226"), line("R3", visa, "1226"), line("R4", master, "1226"), line("R5", visa, "1226"))
	b.workAt(clock(2, "13:00"))
	b.workAt(clock(4, "12:00"))
	u := b.last()
	same(t, "names", strings.Join(u.Responses, " "), "upd_1_resp_01_20261202.csv.gpg upd_1_resp_02_20261202.csv.gpg upd_1_resp_03_20261202.csv.gpg upd_1_resp_04_20261204.csv.gpg")
	var all string
	for _, name := range u.Responses {
		all += b.readable(name)
	}
	same(t, "answers", all, account+",R5,VI,"+visa+",1111,V,,\n"+
		account+",R4,MC,"+master+",4444,,,\n"+
		account+",R2,VI,"+visa+",1111,P,,\n"+
		account+",R1,VI,"+visa+",1111,A,"+master+",0130\n")
	if b.Asked(visa) != 4 || b.Answered(visa) != 3 || u.Answered != 4 {
		t.Errorf("asked %d, answered %d: %+v", b.Asked(visa), b.Answered(visa), u)
	}

	verdicts["R1"] = updater.Verdict{Reject: "000122"}
	b.now = clock(5, "05:00")
	if u := b.handled("upd_2.csv.gpg", line("R1", visa, "1226"), line("R2", visa, "1226")); u.Accepted || b.Asked(visa) != 4 {
		t.Errorf("a record that the script rejects: %+v", u)
	}
	same(t, "acknowledgement", b.acknowledgement(), "1,RECORD REJECTED,000122 Merchant is not registered in the program\n2,RECORD ACCEPTED\n")
}

func TestAResponseThatCannotBeReadComesAgainWhenItIsAskedFor(t *testing.T) {
	for _, fault := range []updater.Fault{updater.NoResponse, updater.Truncated, updater.Tampered, updater.OtherKey} {
		t.Run(string(fault), func(t *testing.T) {
			b := newBench(t, nil)
			b.Fail(fault, 1)
			b.handled("upd_1.csv.gpg", line("R1", visa, "1226"), line("R2", master, "1226"))
			b.workAt(clock(2, "13:00"))
			responses := b.last().Responses
			if fault == updater.NoResponse {
				if len(responses) != 1 {
					t.Errorf("it came: %v", responses)
				}
			} else if _, err := b.response(responses[0]); err == nil {
				t.Error("the response can be read")
			}
			if got := b.readable(responses[len(responses)-1]); !strings.Contains(got, ",R2,") || b.Answered(visa) != 0 || b.Answered(master) != 1 || b.last().Answered != 1 {
				t.Errorf("the other response: %q, %+v", got, b.last())
			}
			b.Resend()
			b.workAt(clock(3, "09:00"))
			responses = b.last().Responses
			if got := b.readable(responses[len(responses)-1]); !strings.Contains(got, ",R1,") || b.Answered(visa) != 1 {
				t.Errorf("the second time: %q, %v", got, responses)
			}
		})
	}
}

func TestResponsesLieOnRequest(t *testing.T) {
	truth := account + ",R1,VI," + visa + ",1111,E," + visa + ",1229\n"
	second := strings.Replace(truth, ",R1,", ",R2,", 1)
	for fault, want := range map[updater.Fault]string{
		updater.UnknownCode:      strings.Replace(truth, ",E,", ","+updater.StrangeCode+",", 1) + second,
		updater.UnknownReference: truth + second + strings.Replace(truth, "R1", updater.StrangeReference, 1),
		updater.OtherAccount:     truth + second + strings.Replace(truth, account, updater.StrangeAccount, 1),
	} {
		t.Run(string(fault), func(t *testing.T) {
			b := newBench(t, nil)
			b.Fail(fault, 1)
			b.handled("upd_1.csv.gpg", line("R1", visa, "1226"), line("R2", visa, "1226"))
			b.workAt(clock(2, "13:00"))
			same(t, "response", b.readable(b.last().Responses[0]), want)
		})
	}
	t.Run("twice", func(t *testing.T) {
		b := newBench(t, nil)
		b.Fail(updater.Twice, 1)
		b.handled("upd_1.csv.gpg", line("R1", visa, "1226"), line("R2", visa, "1226"))
		b.workAt(clock(2, "13:00"))
		if names := b.last().Responses; len(names) != 2 || b.readable(names[0]) != truth+second || b.readable(names[1]) != truth+second || b.Answered(visa) != 4 {
			t.Errorf("got %v", names)
		}
	})
}

func TestAnAcknowledgementMayNeverComeOrCoverALateOne(t *testing.T) {
	b := newBench(t, nil)
	b.Fail(updater.NoAcknowledgement, 1)
	if u := b.handled("upd_1.csv.gpg", line("R1", visa, "1226")); !u.Accepted || u.Acknowledgement != "" {
		t.Errorf("got %+v", u)
	}
	b.now = clock(2, "05:00")
	b.Fail(updater.LateAcknowledgement, 1)
	b.handled("upd_2.csv.gpg", line("R1", visa, "1226"))
	b.workAt(clock(3, "13:00"))
	if u := b.last(); len(u.Responses) != 1 || u.Acknowledgement != "" {
		t.Errorf("before the acknowledgement: %+v", u)
	}
	b.workAt(clock(4, "07:00"))
	if u := b.last(); u.Acknowledgement == "" {
		t.Errorf("after it: %+v", u)
	}
	b.now = clock(5, "05:00")
	if u := b.handled("upd_3.csv.gpg", line("R1", visa, "1226")); u.Acknowledgement == "" {
		t.Errorf("the faults go on: %+v", u)
	}
}

func TestTheCutOffIsAnHourOfNewYorkInSummerToo(t *testing.T) {
	b := newBench(t, nil)
	// The clocks of New York go forward on 14 March 2027, two and a half hours before the cut-off.
	b.now = time.Date(2027, 3, 13, 23, 0, 0, 0, newYork)
	b.put("upd_1.csv.gpg", line("R1", visa, "1226"))
	b.workAt(b.now)
	if due := b.Due(); !due.Equal(time.Date(2027, 3, 14, 9, 30, 0, 0, time.UTC)) {
		t.Errorf("the cut-off is at %v", due.UTC())
	}
}

func TestWhatCannotBePutIsPutByTheNextWork(t *testing.T) {
	b := newBench(t, nil)
	b.put("upd_1.csv.gpg", line("R1", visa, "1226"))
	b.workAt(b.now)
	away := b.outgoing + "-away"
	if err := os.Rename(b.outgoing, away); err != nil {
		t.Fatal(err)
	}
	b.now = clock(2, "13:00")
	if err := b.Work(t.Context()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	if err := os.Rename(away, b.outgoing); err != nil {
		t.Fatal(err)
	}
	b.workAt(b.now)
	if u := b.last(); u.Acknowledgement == "" || len(u.Responses) != 1 || len(b.outgoingNames()) != 2 {
		t.Errorf("got %+v, %v", u, b.outgoingNames())
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	b.put("upd_2.csv.gpg", line("R1", visa, "1226"))
	b.workAt(b.now)
	b.now = clock(4, "13:00")
	if err := b.Work(ended); !errors.Is(err, context.Canceled) || len(b.Uploads()) != 1 {
		t.Errorf("got %v, %v", err, b.Uploads())
	}
}

func TestANewNumberIsATestNumberOfTheSameKindAndNobodyElses(t *testing.T) {
	if a := updater.NewNumberOf(visa); a != updater.NewNumberOf(visa) || a == visa {
		t.Errorf("got %s", a)
	}
	for _, old := range []string{"4012888888881881", "5123450000000008", "4222222222222", "4111110000000000009"} {
		fresh := updater.NewNumberOf(old)
		if len(fresh) != len(old) || fresh[0] != old[0] && fresh[0] != '5' || !slices.Contains(updater.Prefixes, fresh[:6]) {
			t.Errorf("%s becomes %s", old, fresh)
		}
	}
	seen := map[string]bool{}
	for i := range 20_000 {
		body := fmt.Sprintf("411111%09d", i*i)
		old := body + string(stage.LuhnDigit(body))
		fresh := updater.NewNumberOf(old)
		if seen[fresh] || fresh == old || len(fresh) != 16 || !strings.HasPrefix(fresh, "411111") || stage.LuhnDigit(fresh[:15]) != fresh[15] {
			t.Fatalf("%s becomes %s", old, fresh)
		}
		seen[fresh] = true
	}
	if got := updater.NewExpiryOf("1297"); got != "1200" {
		t.Errorf("three years after 12/97 is %s", got)
	}
}

func TestAProviderIsNotMadeWithoutWhatItNeeds(t *testing.T) {
	keys := pair(t, "Provider")
	locked, err := updater.NewKeys("Locked", []byte("secret"), time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	good := updater.Config{Incoming: "in", Outgoing: "out", Key: keys.Private, MerchantKey: keys.Public, Accounts: []string{account}}
	if _, err := updater.New(good); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*updater.Config){
		"no folder":              func(c *updater.Config) { c.Outgoing = "" },
		"no account":             func(c *updater.Config) { c.Accounts = nil },
		"a public key of its":    func(c *updater.Config) { c.Key = keys.Public },
		"a key that is locked":   func(c *updater.Config) { c.Key = locked.Private },
		"the merchant's private": func(c *updater.Config) { c.MerchantKey = keys.Private },
		"no key":                 func(c *updater.Config) { c.MerchantKey = nil },
	} {
		bad := good
		change(&bad)
		if _, err := updater.New(bad); err == nil {
			t.Errorf("%s: it is made", name)
		}
	}
}

// gpg runs GnuPG with a home of its own.
func gpg(t *testing.T, home string, stdin []byte, args ...string) (stdout []byte) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "gpg", append([]string{"--homedir", home, "--batch", "--quiet", "--trust-model", "always", "--pinentry-mode", "loopback"}, args...)...)
	cmd.Stdin = bytes.NewReader(stdin)
	var out, complaints bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaints
	if err := cmd.Run(); err != nil {
		t.Fatalf("gpg %v: %v\n%s", args, err, &complaints)
	}
	return out.Bytes()
}

func TestGnuPGImportsTheKeysEncryptsRequestsAndDecryptsResponses(t *testing.T) {
	if _, err := exec.LookPath("gpg"); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("CARDBATCH_REQUIRE") != "" {
			t.Fatalf("GnuPG is required here: %v", err)
		}
		t.Skipf("GnuPG is missing (package gnupg): %v", err)
	}
	home, err := os.MkdirTemp("", "gpg") // the agent's socket wants a short path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() // the agent ends with its folder, too
		_ = os.RemoveAll(home)
	})
	b := newBench(t, nil)
	created := time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	if b.provider, err = updater.NewKeys("Provider", nil, created); err != nil {
		t.Fatal(err)
	}
	if b.merchant, err = updater.NewKeys("Merchant", []byte("secret"), created); err != nil {
		t.Fatal(err)
	}
	b.Provider, err = updater.New(updater.Config{
		Incoming: b.incoming, Outgoing: b.outgoing, Clock: func() time.Time { return b.now },
		Key: b.provider.Private, MerchantKey: b.merchant.Public, Accounts: []string{account},
	})
	if err != nil {
		t.Fatal(err)
	}
	gpg(t, home, b.provider.Public, "--import")
	gpg(t, home, b.merchant.Private, "--import", "--passphrase", "secret")

	b.putBytes("upd_1.csv.gpg", gpg(t, home, []byte(line("R1", visa, "1226")), "--recipient", "Provider", "--encrypt"))
	b.workAt(b.now)
	b.workAt(clock(2, "13:00"))
	if u := b.last(); !u.Accepted || len(u.Responses) != 1 {
		t.Fatalf("got %+v", u)
	}
	text := gpg(t, home, nil, "--passphrase", "secret", "--decrypt", filepath.Join(b.outgoing, b.last().Responses[0]))
	same(t, "response", string(text), account+",R1,VI,"+visa+",1111,E,"+visa+",1229\n")
}

// BenchmarkUpload handles and answers files of the largest size.
func BenchmarkUpload(b *testing.B) {
	w := newBench(b, nil)
	var text strings.Builder
	records := 0
	for text.Len() < 999_900 {
		body := fmt.Sprintf("411111%09d", records)
		text.WriteString(line(fmt.Sprintf("R%09d", records), body+string(stage.LuhnDigit(body)), "1226"))
		records++
	}
	content := w.encrypted(text.String())
	b.SetBytes(int64(text.Len()))
	b.ReportAllocs()
	done := 0
	for b.Loop() {
		w.putBytes(fmt.Sprintf("upd_%d.csv.gpg", done), content)
		w.workAt(w.now)
		w.workAt(w.now.AddDate(0, 0, 4))
		done++
	}
	for _, u := range w.Uploads() {
		if u.Answered != records {
			b.Fatalf("got %+v", u)
		}
	}
	b.ReportMetric(float64(done*records)/b.Elapsed().Seconds(), "records/s")
}
