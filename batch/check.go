package batch

import (
	"math/bits"
	"strings"
)

// ColumnSet is a set of columns by their number in Columns.
type ColumnSet uint64

// With returns the set with column i added.
func (s ColumnSet) With(i int) ColumnSet { return s | 1<<i }

// Has reports whether column i is in the set.
func (s ColumnSet) Has(i int) bool { return s&(1<<i) != 0 }

// CheckOptions are what CheckLine needs to know beside the line.
type CheckOptions struct {
	// Columns holds the columns that a line of this file can have; columns outside
	// it are taken to be empty. Zero means every column.
	Columns ColumnSet
	// AcceptCardLikeIDs lets identifiers look like card numbers: some merchants
	// number their orders that way. Free text never may.
	AcceptCardLikeIDs bool
}

// CheckLine checks the form of a line: everything that batch interface, section 3,
// says about its fields and that needs no look at anything else. It appends what
// is wrong to findings, at most one finding per column, in the order of Columns.
// Findings that the caller made about this line before may stand in the slice.
// Where the interface allows two spellings the line is changed to the one that
// the product uses: alphabetic currencies, CALL_CENTRE.
//
// A finding says what was expected and never repeats the value.
func CheckLine(l *Line, o CheckOptions, findings []Finding) []Finding {
	c := lineCheck{line: l, options: o, findings: findings}
	demand, known := demandOf(l.Command)
	columns := o.Columns
	if columns == 0 {
		columns = allColumns
	}
	columns |= demand.mandatory
	if known {
		columns &^= 1 << cmdColumn // one of its values: nothing left to check
	}
	for rest := columns; rest != 0; rest &= rest - 1 {
		c.column(bits.TrailingZeros64(uint64(rest)), demand)
	}
	c.private(demand)
	if known {
		c.together(demand)
	}
	c.sign()
	return c.findings
}

// demand is what a command asks of the columns.
type demand struct {
	mandatory, forbidden ColumnSet
	noPrivate            bool
}

var (
	allColumns ColumnSet
	demands    = map[Command]demand{}
	anyCommand demand // of a line whose command is unknown
	refColumn  = columnNumber("line_ref")
	panColumn  = columnNumber(CardNumberColumn)
	cmdColumn  = columnNumber("command")
)

func init() {
	allColumns = 1<<len(Columns) - 1
	anyCommand.mandatory = ColumnSet(0).With(refColumn).With(cmdColumn)
	for command, facts := range commands {
		at := strings.IndexByte(NeedOrder, facts.letter)
		d := demand{noPrivate: PrivateNeed[at] == '.'}
		for i := range Columns {
			switch Columns[i].Need[at] {
			case 'M':
				d.mandatory = d.mandatory.With(i)
			case '.':
				d.forbidden = d.forbidden.With(i)
			}
		}
		demands[command] = d
	}
}

func demandOf(c Command) (d demand, known bool) {
	if d, known = demands[c]; known {
		return d, true
	}
	return anyCommand, false
}

func columnNumber(name string) int {
	for i := range Columns {
		if Columns[i].Name == name {
			return i
		}
	}
	panic("no column " + name)
}

// lineCheck is one line being checked.
type lineCheck struct {
	line     *Line
	options  CheckOptions
	findings []Finding
}

func (c *lineCheck) add(column string, code FindingCode, message string) {
	c.findings = append(c.findings, Finding{Line: c.line.No, Column: column, Code: code, Message: message})
}

// bad reports whether the column has a finding already.
func (c *lineCheck) bad(column string) bool {
	for _, f := range c.findings {
		if f.Column == column {
			return true
		}
	}
	return false
}

// sign puts the line's reference on its findings, unless the reference itself is
// not acceptable and might be anything.
func (c *lineCheck) sign() {
	if len(c.findings) == 0 || c.line.Ref == "" || c.bad(Columns[refColumn].Name) {
		return
	}
	for i := range c.findings {
		c.findings[i].Ref = c.line.Ref
	}
}

// column checks one column for itself.
func (c *lineCheck) column(i int, d demand) {
	column := &Columns[i]
	if i == panColumn {
		c.cardNumber(d)
		return
	}
	text := column.Text(c.line)
	switch {
	case *text == "":
		if d.mandatory.Has(i) && !c.bad(column.Name) {
			c.add(column.Name, FieldMissing, "this column is mandatory"+c.forCommand())
		}
	case d.forbidden.Has(i):
		c.add(column.Name, FieldNotAllowed, "this column must be empty"+c.forCommand())
	default:
		if code, message := column.check(text, c.options.AcceptCardLikeIDs); code != "" {
			c.add(column.Name, code, message)
		}
	}
}

func (c *lineCheck) cardNumber(d demand) {
	number := c.line.CardNumber
	if number.IsZero() {
		return
	}
	if d.forbidden.Has(panColumn) {
		c.add(CardNumberColumn, FieldNotAllowed, "this column must be empty"+c.forCommand())
		return
	}
	switch CheckPAN(number) {
	case FieldFormat:
		c.add(CardNumberColumn, FieldFormat, "expected digits alone, without spaces or dashes")
	case FieldLength:
		c.add(CardNumberColumn, FieldLength, "expected 12 to 19 digits")
	case Luhn:
		c.add(CardNumberColumn, Luhn, "the check digit is wrong")
	}
}

func (c *lineCheck) private(d demand) {
	if len(c.line.Private) > PrivateKeys {
		c.add("private", FieldCount, "at most 99 private data keys are possible")
		return
	}
	for i := range c.line.Private {
		datum := &c.line.Private[i]
		if datum.Value == "" {
			continue
		}
		if d.noPrivate {
			c.add(PrivatePrefix+datum.Key, FieldNotAllowed, "this column must be empty"+c.forCommand())
		} else if code, message := privateColumn.check(&datum.Value, c.options.AcceptCardLikeIDs); code != "" {
			c.add(PrivatePrefix+datum.Key, code, message)
		}
	}
}

// together checks what columns ask of each other.
func (c *lineCheck) together(d demand) {
	l := c.line
	card := !l.CardNumber.IsZero()
	switch l.Command {
	case CreateWallet:
		if !card && l.CardToken == "" && l.TransactionID == "" {
			c.add(CardNumberColumn, FieldMissing, "one of card_number, card_token and transaction_id is mandatory"+c.forCommand())
		}
	case DoAuthorization, Verify:
		if l.WalletID == "" && !card && l.CardToken == "" {
			c.add("wallet_id", FieldMissing, "one of wallet_id, card_number and card_token is mandatory"+c.forCommand())
		}
	}
	if card && !d.forbidden.Has(panColumn) {
		if l.CardExpiry == "" {
			c.add("card_expiry", FieldMissing, "this column is mandatory beside card_number")
		}
		if l.CardType != "" && !c.bad(CardNumberColumn) && !c.bad("card_type") && !CardTypeFits(l.CardType, l.CardNumber) {
			c.add("card_type", FieldValue, "the card number belongs to another card type")
		}
	}
	if l.AmountText != "" && l.Currency == "" && !c.bad("amount") && !c.bad("currency") {
		c.add("currency", FieldMissing, "this column is mandatory beside amount")
	}
}

// forCommand names the line's command, when it is one: the text of an unknown
// command could be anything.
func (c *lineCheck) forCommand() string {
	if c.line.Command.Known() {
		return " for " + string(c.line.Command)
	}
	return ""
}
