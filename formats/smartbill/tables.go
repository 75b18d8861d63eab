package smartbill

import (
	"embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"cardbatch/formats/layout"
)

//go:embed tables/*.yaml
var tables embed.FS

// Names of the shipped tables.
const (
	EnrolmentTable = "smartbill-enrolment"
	StatusTable    = "smartbill-status"
	ChargeTable    = "smartbill-charge"
	ResponseTable  = "smartbill-response"
)

// Tables lists the names of the shipped tables.
var Tables = []string{EnrolmentTable, StatusTable, ChargeTable, ResponseTable}

// Shipped returns the table of the name.
func Shipped(name string) (*layout.Table, error) {
	content, err := Source(name)
	if err != nil {
		return nil, err
	}
	return layout.Parse(name+".yaml", content)
}

// Source returns the YAML of a shipped table, to start a table of one's own from.
func Source(name string) ([]byte, error) {
	content, err := tables.ReadFile("tables/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("no layout table %q is shipped; there are: %s", name, strings.Join(Tables, ", "))
	}
	return content, nil
}

// FileKind is one of the four kinds of files, by the prefix of their names.
type FileKind string

const (
	EnrolmentFile FileKind = "SBENR"
	StatusFile    FileKind = "SBSTA"
	ChargeFile    FileKind = "SBCHG"
	ResponseFile  FileKind = "SBRSP"
)

// maxSequence is the highest number of a file: six digits.
const maxSequence = 999_999

var (
	namePattern = regexp.MustCompile(`^(SBENR|SBSTA|SBCHG|SBRSP)_([0-9]{10})_([0-9]{6})\.dat$`)
	sePattern   = regexp.MustCompile(`^[0-9]{10}$`)
)

// FileName returns the name of a file: SBENR_1234567890_000017.dat. The sequence
// counts from 1 for each kind of file and each service establishment.
func FileName(kind FileKind, se string, sequence int64) (string, error) {
	if !sePattern.MatchString(se) {
		return "", errSE
	}
	if sequence < 1 || sequence > maxSequence {
		return "", errSequence
	}
	return fmt.Sprintf("%s_%s_%06d.dat", kind, se, sequence), nil
}

// ParseFileName takes a name apart; ok is false for a name of another form.
func ParseFileName(name string) (kind FileKind, se string, sequence int64, ok bool) {
	parts := namePattern.FindStringSubmatch(name)
	if parts == nil {
		return "", "", 0, false
	}
	sequence, err := strconv.ParseInt(parts[3], 10, 64)
	return FileKind(parts[1]), parts[2], sequence, err == nil && sequence > 0
}
