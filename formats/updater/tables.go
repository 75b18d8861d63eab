package updater

import (
	"embed"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"cardbatch/formats/layout"
)

//go:embed tables/*.yaml
var tables embed.FS

// Names of the shipped tables. The first three are Paysafe's.
const (
	RequestTable         = "updater-request"
	AcknowledgementTable = "updater-acknowledgement"
	ResponseTable        = "updater-response"
	CyberSourceTable     = "updater-cybersource"
	JPMorganTable        = "updater-jpmorgan"
	CheckoutTable        = "updater-checkout"
)

// Tables lists the names of the shipped tables.
var Tables = []string{RequestTable, AcknowledgementTable, ResponseTable, CyberSourceTable, JPMorganTable, CheckoutTable}

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

// maxNamed is how much of an updater's name goes into the names of its files.
const maxNamed = 40

var (
	acknowledgementName = regexp.MustCompile(`^(upd_[A-Za-z0-9_]+\.csv)(?:\.gpg)?_([0-9]{8}_[0-9]{6}_[0-9]{1,3})\.ack$`)
	referenceForm       = regexp.MustCompile(`^U([1-9][0-9]{0,18})R([1-9][0-9]{0,8})$`)
)

// RequestName returns the name of a request: upd_paysafe_20261201_000017.csv, with the day
// of at in its own zone. A provider processes no file whose name holds anything but letters,
// digits and underscores (Paysafe account updater, section 2.4), so whatever else an
// updater is called becomes an underscore.
func RequestName(updater string, at time.Time, number int64) string {
	named := strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '_'
	}, updater)
	return fmt.Sprintf("upd_%s_%s_%06d.csv", named[:min(maxNamed, len(named))], at.Format("20060102"), number)
}

// Encrypted is the name of a file once it is encrypted.
func Encrypted(name string) string { return name + ".gpg" }

// ParseAcknowledgementName takes the name of an acknowledgement apart: that of the request,
// without .gpg, and the provider's time, YYYYMMDD_HHMMSS_S with one to three digits at the
// end. ok is false for a name of another form. Source: Paysafe account updater, section 2.5.
func ParseAcknowledgementName(name string) (request, at string, ok bool) {
	parts := acknowledgementName.FindStringSubmatch(name)
	if parts == nil {
		return "", "", false
	}
	return parts[1], parts[2], true
}

// Reference names a record of a request: short, capital letters and digits alone.
func Reference(request int64, position int) string {
	return "U" + strconv.FormatInt(request, 10) + "R" + strconv.Itoa(position)
}

// ParseReference takes a reference apart; ok is false for a text that Reference never gives.
func ParseReference(text string) (request int64, position int, ok bool) {
	parts := referenceForm.FindStringSubmatch(text)
	if parts == nil {
		return 0, 0, false
	}
	request, err := strconv.ParseInt(parts[1], 10, 64)
	position, _ = strconv.Atoi(parts[2]) // nine digits at most
	if err != nil {
		return 0, 0, false
	}
	return request, position, true
}
