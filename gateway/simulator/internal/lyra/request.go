package lyra

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
)

// request holds what we read of a request to any web service (Lyra facts, section 7.4).
// What else it has is ignored.
type request struct {
	Amount        *int64            `json:"amount"`
	Currency      string            `json:"currency"`
	OrderID       string            `json:"orderId"`
	Comment       string            `json:"comment"`
	Metadata      map[string]string `json:"metadata"`
	OperationType string            `json:"operationType"`
	Value         string            `json:"value"` // of Charge/SDKTest
	Email         string            `json:"email"` // of Charge/CreateTokenFromTransaction

	FormAction   string `json:"formAction"`
	PaymentForms []form `json:"paymentForms"`
	Customer     struct {
		Email     string `json:"email"`
		Reference string `json:"reference"`
	} `json:"customer"`
	TransactionOptions struct {
		CardOptions struct {
			PaymentSource    string `json:"paymentSource"`
			ManualValidation string `json:"manualValidation"`
			CaptureDelay     *int   `json:"captureDelay"` // days
			Initial          string `json:"initialIssuerTransactionIdentifier"`
		} `json:"cardOptions"`
	} `json:"transactionOptions"`

	PaymentMethodToken string `json:"paymentMethodToken"`

	SubscriptionID      string `json:"subscriptionId"`
	EffectDate          string `json:"effectDate"`
	RRule               string `json:"rrule"`
	InitialAmount       *int64 `json:"initialAmount"`
	InitialAmountNumber *int   `json:"initialAmountNumber"`
	Description         string `json:"description"`
	TerminationDate     string `json:"terminationDate"`

	UUID           string   `json:"uuid"`
	UUIDs          []string `json:"uuids"`
	ResolutionMode string   `json:"resolutionMode"`
	CardUpdate     struct {
		Amount              *int64 `json:"amount"`
		Currency            string `json:"currency"`
		ExpectedCaptureDate string `json:"expectedCaptureDate"`
		ManualValidation    string `json:"manualValidation"`
	} `json:"cardUpdate"`
	CardDuplicate struct {
		ManualValidation string `json:"manualValidation"`
		CaptureDelay     *int   `json:"captureDelay"`
	} `json:"cardDuplicate"`

	key string // what the caller named it; keyOf
}

// form is a card, or an alias, of a PCI request.
type form struct {
	PaymentMethodType string `json:"paymentMethodType"`
	Number            string `json:"pan"`
	ExpiryMonth       digits `json:"expiryMonth"`
	ExpiryYear        digits `json:"expiryYear"`
}

// digits are a number that may come as a text.
type digits string

func (d *digits) UnmarshalJSON(text []byte) error {
	*d = digits(strings.Trim(strings.TrimPrefix(string(text), "null"), `"`))
	return nil
}

// expiry is the expiry as MMYY; empty when it is none. Years have two digits or four.
func (f *form) expiry() string {
	month, err := strconv.ParseUint(string(f.ExpiryMonth), 10, 8)
	if err != nil || month < 1 || month > 12 {
		return ""
	}
	year := strings.TrimPrefix(string(f.ExpiryYear), "20")
	if len(f.ExpiryYear) == 2 {
		year = string(f.ExpiryYear)
	}
	if _, err := strconv.ParseUint(year, 10, 8); err != nil || len(year) != 2 {
		return ""
	}
	return fmt.Sprintf("%02d%s", month, year)
}

// invalid is a refusal: nothing was carried out.
type invalid struct {
	code   string
	detail string // detailedErrorMessage
}

func (i *invalid) Error() string { return i.code + " " + i.detail }

// readRequest reads and parses a body.
func readRequest(r *http.Request) (*request, error) {
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxRequestBytes))
	defer clear(body) // requests hold card numbers
	in := new(request)
	if err != nil || json.Unmarshal(body, in) != nil {
		return nil, &invalid{codeInput, "can't decode JSON data : line: 1 column: 1"}
	}
	return in, nil
}

// reference is the merchant's order reference: informative.
func (in *request) reference() string { return in.Metadata["order_ref"] }

// metadata is the metadata as JSON; empty when there is none.
func (in *request) metadata() string {
	if len(in.Metadata) == 0 {
		return ""
	}
	text, _ := json.Marshal(in.Metadata) // texts always encode
	return string(text)
}

// card is the card of a PCI request; nil when it has none.
func (in *request) card() *form {
	if len(in.PaymentForms) == 0 || in.PaymentForms[0].Number == "" {
		return nil
	}
	return &in.PaymentForms[0]
}
