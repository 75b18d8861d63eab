package batch

import (
	_ "embed"
	"encoding/csv"
	"strings"
)

// Code is a five-digit return code of an answer. Source: payline facts, sections
// 4.1 to 4.6; where that list gives no status word, this product chose one.
type Code struct {
	Code  string // five digits
	Short string // status word: ACCEPTED, REFUSED, ERROR, …
	Class CodeClass
	Long  string // what it means, for people
}

// CodeClass says what a code means for what may follow. Source: payline facts,
// section 4.6. Retry budgets are another matter: rules, section 6.
type CodeClass string

const (
	ClassSuccess       CodeClass = "success"
	ClassWarning       CodeClass = "warning"       // success that someone should read about
	ClassReview        CodeClass = "review"        // accepted, a person has to look
	ClassPartial       CodeClass = "partial"       // done for some, not for all
	ClassPending       CodeClass = "pending"       // ask later, never resend
	ClassReplay        CodeClass = "replay"        // the vendor's own client sends the request again
	ClassTechnical     CodeClass = "technical"     // may be tried later, after a lookup
	ClassReconcile     CodeClass = "reconcile"     // unknown outcome: find out first
	ClassSoft          CodeClass = "soft"          // the issuer may say yes another day
	ClassBuyer         CodeClass = "buyer"         // the payer has to act
	ClassStop          CodeClass = "stop"          // never again with this card
	ClassDuplicate     CodeClass = "duplicate"     // done before: look it up
	ClassRequest       CodeClass = "request"       // the line is wrong
	ClassConfiguration CodeClass = "configuration" // the account is wrong: the whole file will fail
	ClassOther         CodeClass = "other"         // not classed: never retried
)

//go:embed codes.csv
var codeTable string

// Codes lists every known code in rising order.
var Codes = readCodes()

var codeByNumber = func() map[string]*Code {
	index := make(map[string]*Code, len(Codes))
	for i := range Codes {
		index[Codes[i].Code] = &Codes[i]
	}
	return index
}()

func readCodes() []Code {
	table := csv.NewReader(strings.NewReader(codeTable))
	table.Comma = ';'
	rows, err := table.ReadAll()
	if err != nil {
		panic("codes.csv: " + err.Error()) // part of the program, proven by the tests
	}
	codes := make([]Code, 0, len(rows))
	for _, row := range rows[1:] {
		codes = append(codes, Code{row[0], row[1], CodeClass(row[2]), row[3]})
	}
	return codes
}

// FindCode returns what is known of a code. A code that is not listed gets a
// general text for its family, is an ERROR, and has ClassOther; ok is false.
func FindCode(code string) (c Code, ok bool) {
	if known, ok := codeByNumber[code]; ok {
		return *known, true
	}
	general := "not listed"
	switch {
	case strings.HasPrefix(code, "01"):
		general = "answered by the acquirer or issuer with a code that is not listed"
	case strings.HasPrefix(code, "02"):
		general = "answered by the platform with a code that is not listed"
	case strings.HasPrefix(code, "03"):
		general = "answered by 3-D Secure"
	case strings.HasPrefix(code, "04"):
		general = "answered by the fraud module with a code that is not listed"
	case strings.HasPrefix(code, "09"):
		general = "the account is not accepted"
	}
	return Code{code, "ERROR", ClassOther, general}, false
}

// CodeText returns the short and the long message of a code.
func CodeText(code string) (short, long string) {
	c, _ := FindCode(code)
	return c.Short, c.Long
}

// CodeClassOf returns the class of a code.
func CodeClassOf(code string) CodeClass {
	c, _ := FindCode(code)
	return c.Class
}
