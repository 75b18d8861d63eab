package mastercardbatch

import (
	"bytes"
	"encoding/csv"
	"errors"
	"slices"
	"strings"

	"cardbatch/gateway"
	"cardbatch/gateway/mastercard"
)

// status is the status file of a batch (facts, section 2.5), as far as we use it.
type status struct {
	merchant string
	batch    string
	state    string // upper case
}

// States of a batch that change what we do (facts, section 2.5). The vendor's list has words
// for people, and no end (facts, section 8): any other value means that the batch runs still.
var (
	// waiting: uploaded, and not started before its digest is confirmed. The second and third
	// are words that one public client looks for.
	waiting = []string{"UPLOADED", "UPLOAD", "MIC VALIDATION"}
	// ended: worked off, or given up, which one public client looks for.
	ended = []string{stateComplete, "FAILED"}
)

const stateComplete = "COMPLETE"

func (s status) waits() bool { return slices.Contains(waiting, s.state) }

func (s status) hasEnded() bool { return slices.Contains(ended, s.state) }

var errNoStatus = errors.New("no status of a batch")

// parseStatus reads one header row and one detail row; columns may come in any order, and
// more of them.
func parseStatus(text []byte) (status, error) {
	in := csv.NewReader(bytes.NewReader(text))
	in.FieldsPerRecord = -1
	header, err := in.Read()
	if err != nil {
		return status{}, errNoStatus
	}
	detail, err := in.Read()
	if err != nil || len(detail) != len(header) {
		return status{}, errNoStatus
	}
	if _, err := in.Read(); err == nil {
		return status{}, errNoStatus // more than one: of which batch?
	}
	var s status
	for i, name := range header {
		switch name {
		case "merchantId":
			s.merchant = detail[i]
		case "batchName":
			s.batch = detail[i]
		case "batchStatus":
			s.state = strings.ToUpper(strings.TrimSpace(detail[i]))
		}
	}
	if s.batch == "" || s.merchant == "" {
		return status{}, errNoStatus
	}
	return s, nil
}

// answers is the response file of a batch (facts, section 2.6).
type answers struct {
	column map[string]int // place of a column, by its name
	rows   [][]string
}

var errNotTheAnswers = errors.New("not the answers to this batch")

// parseAnswers reads the answers to a batch of so many rows: a header, then as many rows as
// were sent, each with a cell per column. Every column that we read must be there once, the
// transaction's id last, as it was sent: a row that was cut does not have it.
func parseAnswers(text []byte, rows int) (answers, error) {
	all, err := csv.NewReader(bytes.NewReader(text)).ReadAll() // every row as wide as the first
	if err != nil || len(all) != rows+1 {
		return answers{}, errNotTheAnswers
	}
	header := all[0]
	a := answers{column: make(map[string]int, len(header)), rows: all[1:]}
	for i, name := range header {
		if _, twice := a.column[name]; twice {
			return answers{}, errNotTheAnswers
		}
		a.column[name] = i
	}
	for i, name := range columns {
		if _, there := a.column[name]; always.has(i) && !there {
			return answers{}, errNotTheAnswers
		}
	}
	if header[len(header)-1] != lastColumn {
		return answers{}, errNotTheAnswers
	}
	return a, nil
}

// cell returns what a row says in a column.
func (a answers) cell(row int, name string) string {
	if i, there := a.column[name]; there {
		return a.rows[row][i]
	}
	return ""
}

// owner is whose answer a row is.
type owner int

const (
	ours    owner = iota // it names our order and transaction
	nobodys              // it names none: a refusal may not
	foreign              // it names another
)

func (a answers) owner(row int, req *gateway.Request) owner {
	switch order, transaction := a.cell(row, "order.id"), a.cell(row, lastColumn); {
	case order == string(mastercard.OrderID(req)) && transaction == string(req.Key):
		return ours
	case order == "" && transaction == "":
		return nobodys
	}
	return foreign
}
