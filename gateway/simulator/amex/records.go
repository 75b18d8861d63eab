package amex

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// column is one field of a record. Numbers stand at the right, filled with zeros; everything
// else at the left, filled with spaces.
type column struct {
	name   string
	width  int
	number bool
}

// The records (smartbill facts, section 4), each after its three letters.
var (
	enrolHead   = []column{{"se", 10, false}, {"seq", 6, true}, {"date", 8, false}, {"time", 6, false}, {"kind", 8, false}, {"mode", 4, false}}
	enrolDetail = []column{{"action", 1, false}, {"alias", 52, false}, {"pan", 19, false}, {"expiry", 4, false}, {"name", 26, false}, {"key", 26, false}}
	enrolTail   = []column{{"seq", 6, true}, {"adds", 8, true}, {"deletes", 8, true}}

	statusDetail = []column{{"alias", 52, false}, {"status", 3, false}, {"code", 4, false}, {"text", 40, false}, {"expiry", 4, false}, {"product", 4, false}, {"date", 8, false}, {"time", 6, false}}
	statusTail   = []column{{"seq", 6, true}, {"details", 8, true}}

	chargeHead   = []column{{"se", 10, false}, {"seq", 6, true}, {"date", 8, false}, {"time", 6, false}, {"currency", 3, false}, {"mode", 4, false}}
	chargeDetail = []column{{"kind", 1, false}, {"alias", 52, false}, {"amount", 15, true}, {"order", 50, false}, {"descriptor", 23, false}, {"key", 26, false}}
	chargeTail   = []column{{"seq", 6, true}, {"debits", 6, true}, {"credits", 6, true}, {"debit amount", 15, true}, {"credit amount", 15, true}}

	responseHead   = append(chargeHead[:len(chargeHead):len(chargeHead)], column{"kind", 8, false})
	responseDetail = []column{{"key", 26, false}, {"result", 2, false}, {"authorization", 6, false}, {"code", 4, false}, {"text", 40, false}, {"changed", 1, false}, {"value date", 8, false}}
)

// record is the values of a record by name; numbers without their zeros.
type record map[string]string

func (r record) number(name string) int64 {
	n, _ := strconv.ParseInt(r[name], 10, 64) // digits, and at most 15 of them: see parse
	return n
}

var errShort = errors.New("a record has another width than its columns")

// parse cuts a line, without its three letters, into its columns.
func parse(line string, columns []column) (record, error) {
	r := make(record, len(columns))
	for _, c := range columns {
		if len(line) < c.width {
			return nil, errShort
		}
		cell := line[:c.width]
		line = line[c.width:]
		switch {
		case !c.number:
			r[c.name] = strings.TrimRight(cell, " ")
		case strings.Trim(cell, "0123456789") != "":
			return nil, fmt.Errorf("%s is not a number", c.name)
		default:
			r[c.name] = cell
		}
	}
	if line != "" {
		return nil, errShort
	}
	return r, nil
}

// format writes a record with its three letters and line end.
func format(letters string, r record, columns []column) string {
	var line strings.Builder
	line.WriteString(letters)
	for _, c := range columns {
		value, fill := r[c.name], c.width-len(r[c.name])
		switch {
		case fill < 0:
			line.WriteString(value[:c.width])
		case c.number:
			line.WriteString(strings.Repeat("0", fill) + value)
		default:
			line.WriteString(value + strings.Repeat(" ", fill))
		}
	}
	return line.String() + "\r\n"
}

// shape is the records of one kind of file.
type shape struct {
	letters            [3]string // of header, details, trailer
	head, detail, tail []column
}

var (
	enrolShape    = shape{[3]string{"SBH", "SBD", "SBT"}, enrolHead, enrolDetail, enrolTail}
	statusShape   = shape{[3]string{"SBH", "SBD", "SBT"}, enrolHead, statusDetail, statusTail}
	chargeShape   = shape{[3]string{"TBH", "TAB", "TBT"}, chargeHead, chargeDetail, chargeTail}
	responseShape = shape{[3]string{"TBH", "TAB", "TBT"}, responseHead, responseDetail, chargeTail}
)

// parse reads a whole file: one header, details, one trailer, each line with CRLF.
func (s shape) parse(content string) (head record, details []record, tail record, err error) {
	body, whole := strings.CutSuffix(content, "\r\n")
	lines := strings.Split(body, "\r\n")
	if !whole || len(lines) < 2 {
		return nil, nil, nil, errors.New("the file is cut")
	}
	for i, line := range lines {
		letters, columns := s.letters[1], s.detail
		switch i {
		case 0:
			letters, columns = s.letters[0], s.head
		case len(lines) - 1:
			letters, columns = s.letters[2], s.tail
		}
		rest, right := strings.CutPrefix(line, letters)
		if !right {
			return nil, nil, nil, fmt.Errorf("line %d is not a %s record", i+1, letters)
		}
		r, err := parse(rest, columns)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		switch i {
		case 0:
			head = r
		case len(lines) - 1:
			tail = r
		default:
			details = append(details, r)
		}
	}
	return head, details, tail, nil
}

func (s shape) format(head record, details []record, tail record) string {
	var file strings.Builder
	file.WriteString(format(s.letters[0], head, s.head))
	for _, d := range details {
		file.WriteString(format(s.letters[1], d, s.detail))
	}
	file.WriteString(format(s.letters[2], tail, s.tail))
	return file.String()
}
