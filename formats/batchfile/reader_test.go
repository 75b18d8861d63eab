package batchfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unsafe"

	"cardbatch/batch"
	"cardbatch/money"
)

const head = "H;CARDBATCH;1;acme;F-1;;TEST;2026-11-21T22:00:00Z\n" +
	"C;line_ref;command;contract;wallet_id;order_ref;amount;currency;echo\n"

// readAll reads a file to its end.
func readAll(file io.Reader, o Options) (lines []batch.Line, findings []batch.Finding, err error) {
	r := NewReader(file, o)
	for {
		var l batch.Line
		found, err := r.Read(&l)
		if err != nil {
			return lines, findings, err
		}
		lines = append(lines, l)
		findings = append(findings, found...)
	}
}

func payLine(ref, echo string) string {
	return "D;" + ref + ";doImmediateWalletPayment;1;C-1;O-1;100;EUR;" + echo + "\n"
}

func TestOptionsThatNoFileCanBeReadWithFailTheFirstRead(t *testing.T) {
	for name, o := range map[string]Options{
		"an unknown encoding":                   {Encoding: "EBCDIC"},
		"an unknown separator":                  {Plain: true, Separator: ':'},
		"a map to a column that does not exist": {Columns: map[string]string{"a": "colour"}},
		"a constant for an unknown column":      {Constants: map[string]string{"colour": "red"}},
		"a constant card number for every line": {Constants: map[string]string{"card_number": "x"}},
	} {
		_, _, err := readAll(strings.NewReader(head), o)
		if fileError := (*FileError)(nil); err == nil || err == io.EOF || errors.As(err, &fileError) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFailingStreamIsNoFindingAboutTheFile(t *testing.T) {
	broken := errors.New("connection lost")
	file := io.MultiReader(strings.NewReader(head+payLine("R-1", "")), iotest.ErrReader(broken))
	lines, _, err := readAll(file, Options{})
	if !errors.Is(err, broken) || len(lines) != 1 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
	if fileError := (*FileError)(nil); errors.As(err, &fileError) {
		t.Error("the file was blamed for the stream")
	}
}

func TestTheEndStaysTheEnd(t *testing.T) {
	r := NewReader(strings.NewReader(head+payLine("R-1", "")+"T;1;EUR:100\n"), Options{})
	var l batch.Line
	if _, err := r.Read(&l); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if _, err := r.Read(&l); err != io.EOF {
			t.Errorf("after the end: %v", err)
		}
	}
}

func TestSmallReadsGiveTheSameLines(t *testing.T) {
	file := head + payLine("R-1", `"a;""b"`) + payLine("R-2", "") + "T;2;EUR:200\n"
	whole, _, err := readAll(strings.NewReader(file), Options{})
	if err != io.EOF {
		t.Fatal(err)
	}
	pieces, _, err := readAll(iotest.OneByteReader(strings.NewReader(file)), Options{})
	if err != io.EOF || len(pieces) != 2 || len(whole) != 2 {
		t.Fatal(err, len(pieces))
	}
	for i := range whole {
		if fmt.Sprint(whole[i]) != fmt.Sprint(pieces[i]) {
			t.Errorf("line %d differs", i)
		}
	}
	if whole[0].Echo != `a;"b` {
		t.Errorf("echo %q", whole[0].Echo)
	}
}

func TestLinesOutliveTheNextRead(t *testing.T) {
	var file strings.Builder
	file.WriteString(strings.Replace(head, ";echo", ";echo;private.a", 1))
	for i := range 2000 {
		file.WriteString(strings.TrimSuffix(payLine(fmt.Sprintf("R-%d", i), fmt.Sprintf("echo %d", i)), "\n") + fmt.Sprintf(";p%d\n", i))
	}
	file.WriteString("T;2000;EUR:200000\n")
	lines, findings, err := readAll(strings.NewReader(file.String()), Options{})
	if err != io.EOF || len(findings) > 0 || len(lines) != 2000 {
		t.Fatal(err, findings, len(lines))
	}
	for i, l := range lines {
		if string(l.Ref) != fmt.Sprintf("R-%d", i) || l.Echo != fmt.Sprintf("echo %d", i) || l.Private[0].Value != fmt.Sprintf("p%d", i) || l.No != i+3 {
			t.Fatalf("line %d became %v", i, l)
		}
	}
}

// Columns that the command does not need hold texts of the line; none may drag the
// card number along in the memory behind it.
func TestTheCardNumberIsNotInTheTextOfTheLine(t *testing.T) {
	file := "line_ref;command;contract;wallet_id;card_number;card_expiry;dropped\nR-1;createWallet;1;C-1;5123450000000008;0139;4508750015741019\n"
	r := NewReader(strings.NewReader(file), Options{Plain: true, Columns: map[string]string{"dropped": IgnoreColumn}})
	var l batch.Line
	if findings, err := r.Read(&l); err != nil || len(findings) > 0 {
		t.Fatal(err, findings)
	}
	// The reference begins the line's text and the expiry stands in it behind the card number.
	begin, end := unsafe.StringData(string(l.Ref)), unsafe.StringData(l.CardExpiry)
	text := unsafe.String(begin, uintptr(unsafe.Pointer(end))-uintptr(unsafe.Pointer(begin)))
	if !strings.HasSuffix(text, ";****************;") {
		t.Errorf("the line's text before the expiry is %q", batch.MaskCardNumbers(text))
	}
	if l.CardNumber.Reveal() != "5123450000000008" {
		t.Error("the card number was lost")
	}
}

func TestLimitsCanOnlyBeLowered(t *testing.T) {
	long := head + payLine("R-1", strings.Repeat("x", MaxLineBytes)) + "T;1;EUR:100\n"
	_, _, err := readAll(strings.NewReader(long), Options{MaxLine: 10 * MaxLineBytes})
	if fileError := (*FileError)(nil); !errors.As(err, &fileError) || fileError.Findings[0].Code != batch.LineTooLong {
		t.Errorf("a line over the interface's limit: %v", err)
	}
	endless := io.MultiReader(strings.NewReader(head), neverEnding('x'))
	if _, _, err := readAll(endless, Options{}); err == nil {
		t.Error("a line without an end was read")
	}
	_, findings, err := readAll(strings.NewReader(head+payLine("R-1", "123456789")+"T;1;EUR:100\n"), Options{MaxField: 24})
	if err != io.EOF || len(findings) != 0 {
		t.Errorf("short fields: %v, %v", findings, err)
	}
	_, findings, err = readAll(strings.NewReader(head+payLine("R-1", strings.Repeat("y", 25))+"T;1;EUR:100\n"), Options{MaxField: 24})
	if err != io.EOF || len(findings) != 1 || findings[0].Code != batch.FieldLength || findings[0].Column != "echo" {
		t.Errorf("a field over the source's limit: %v, %v", findings, err)
	}
}

type neverEnding byte

func (b neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}

func TestAFloodOfFileFindingsIsBounded(t *testing.T) {
	file := head + strings.Repeat("X;1\n", 10_000)
	_, _, err := readAll(strings.NewReader(file), Options{})
	var fileError *FileError
	if !errors.As(err, &fileError) || len(fileError.Findings) != maxFileFindings {
		t.Errorf("%v", err)
	}
	if !strings.Contains(err.Error(), "and 99 more") {
		t.Errorf("the error does not say how many: %v", err)
	}
}

func TestTotalsBeyondCountingAreAFinding(t *testing.T) {
	var s sums
	if !s.add(amountOf(1<<63-1)) || s.add(amountOf(1)) {
		t.Error("a total left the range of whole numbers unseen")
	}
	if minor, _ := s.of("EUR"); minor != 1<<63-1 {
		t.Errorf("total %d", minor)
	}
}

func TestTotalsAreSortedByCurrency(t *testing.T) {
	file := "line_ref;command;contract;wallet_id;order_ref;amount;currency\n"
	for i, c := range []string{"USD", "EUR", "JPY", "840"} {
		file += fmt.Sprintf("R-%d;doImmediateWalletPayment;1;C;O;100;%s\n", i, c)
	}
	r := NewReader(strings.NewReader(file), Options{Plain: true})
	var l batch.Line
	for {
		if _, err := r.Read(&l); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, total := range r.Totals() {
		got = append(got, total.String())
	}
	if !slices.Equal(got, []string{"1.00 EUR", "100 JPY", "2.00 USD"}) {
		t.Errorf("totals %v", got)
	}
}

func TestAConstantIsCheckedLikeAnyValue(t *testing.T) {
	o := Options{Plain: true, Constants: map[string]string{"contract": " 1 ", "private.origin": "erp"}}
	lines, findings, err := readAll(strings.NewReader("line_ref;command;wallet_id\nR-1;getWallet;C-1\nR-2;createWallet;C-1\n"), o)
	if err != io.EOF || len(lines) != 2 {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, fmt.Sprintf("%d %s %s", f.Line, f.Column, f.Code))
	}
	want := []string{"2 contract FIELD_FORMAT", "2 private.origin FIELD_NOT_ALLOWED", "3 contract FIELD_FORMAT", "3 card_number FIELD_MISSING"}
	if !slices.Equal(got, want) {
		t.Errorf("findings %v", got)
	}
}

// The reader's own memory must not grow with the file.
func TestMemoryStaysFlat(t *testing.T) {
	line := []byte(payLine("R-1", "e"))
	const lines = 200_000
	file := io.MultiReader(strings.NewReader(head), &repeated{line: line, left: lines}, strings.NewReader(fmt.Sprintf("T;%d;EUR:%d\n", lines, 100*lines)))
	r := NewReader(file, Options{})
	var l batch.Line
	var before, after runtime.MemStats
	for n := 0; ; n++ {
		_, err := r.Read(&l)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if n == 1000 {
			runtime.GC()
			runtime.ReadMemStats(&before)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if r.Lines() != lines {
		t.Fatalf("%d lines", r.Lines())
	}
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 1<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}

// repeated streams a line many times.
type repeated struct {
	line []byte
	left int
	rest []byte
}

func (r *repeated) Read(p []byte) (int, error) {
	if len(r.rest) == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		r.left--
		r.rest = r.line
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestAnyFileInAnyEncodingIsReadOrRefused(t *testing.T) {
	for _, encoding := range []string{UTF8, Latin1, CP1252} {
		for b := range 256 {
			file := []byte(head + payLine("R-1", "a?b") + "T;1;EUR:100\n")
			file = bytes.Replace(file, []byte("a?b"), []byte{'a', byte(b), 'b'}, 1)
			lines, findings, err := readAll(bytes.NewReader(file), Options{Encoding: encoding})
			if err == io.EOF && len(findings) == 0 && len(lines) == 1 && len([]rune(lines[0].Echo)) == 3 {
				continue
			}
			if err == io.EOF && len(findings) == 0 {
				t.Errorf("%s: byte %x vanished", encoding, b)
			}
		}
	}
}

func amountOf(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }
