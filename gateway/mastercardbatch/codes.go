package mastercardbatch

import (
	_ "embed"

	"cardbatch/gateway/internal/codetable"
)

// codesCSV says what every answer about a batch means; package codetable says how it is
// read. Approved: what was asked was done, or is here. Pending: it is not here yet. form is
// text, html, empty or other; words are the answer's own, when it is a text.
//
// The vendor documents few of these answers (facts, section 8), hence the table: whoever
// sees others changes a row.
//
//go:embed codes.csv
var codesCSV string

var meanings = codetable.Must(Kind, codesCSV)

// kind is what was asked.
type kind string

const (
	kindUpload      kind = "upload"
	kindValidate    kind = "validate"
	kindStatus      kind = "status"
	kindResponse    kind = "response"
	kindInformation kind = "information"
)

// judge finds the meaning of a reply.
func judge(k kind, r *reply) codetable.Meaning {
	return meanings.Judge(string(k), r.Status, r.form(), r.words)
}
