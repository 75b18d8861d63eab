package smartbill

import (
	"context"
	"errors"
	"io"
	"time"

	"cardbatch/batch"
	"cardbatch/money"
)

// Desk keeps the charge files and their answers. Each method may be called again with the
// same arguments, whether or not the call before was answered, and then has no second effect.
// Its methods may be called from many goroutines.
type Desk interface {
	// Open returns the charge file of the batch. It makes one when there is none, durably,
	// with these terms and the next sequence number of the SE; the terms of one that exists stay.
	Open(ctx context.Context, batchName string, terms batch.ChargeTerms) (File, error)
	// Find returns the charge file of the batch; ErrNoFile when none was ever made.
	Find(ctx context.Context, batchName string) (File, error)
	// Stage puts the content of an open file under a temporary name, proves that it lies
	// there whole, and records it as staged. Other bytes than recorded before are an error.
	Stage(ctx context.Context, f File, content io.ReadSeeker, size int64, digest string) error
	// Send renames a staged file and records it as sent. It never writes bytes: where the
	// temporary name is gone the rename has happened.
	Send(ctx context.Context, f File) error
	// Answers returns those of the answers that have come.
	Answers(ctx context.Context, keys []batch.Key) (map[batch.Key]batch.ChargeAnswer, error)
	// Check proves that the folder can be reached.
	Check(ctx context.Context) error
}

// ErrNoFile says that a batch has no charge file: provably none of it was sent.
var ErrNoFile = errors.New("the batch has no charge file")

// File is a charge file.
type File struct {
	ID        int64 // the Desk's
	Name      string
	Sequence  int64 // of the SE, from 1, without gaps
	Terms     batch.ChargeTerms
	CreatedAt time.Time // stands in its header
	State     FileState
}

// FileState is where a charge file stands.
type FileState string

const (
	Open   FileState = "open"   // it has its name and number; nothing of it can be fetched
	Staged FileState = "staged" // it lies whole under its temporary name, or was renamed already
	Sent   FileState = "sent"   // renamed: American Express has it, or may fetch it
)

// Header is what a charge file says of all its charges.
type Header struct {
	SE        string // service establishment number, ten digits
	Sequence  int64
	CreatedAt time.Time
	Mode      batch.Mode
	Currency  money.Currency
}

// Charge moves money between a cardholder and the merchant.
type Charge struct {
	Credit     bool   // to the cardholder
	Alias      string // of the card
	Amount     money.Amount
	OrderRef   string // the merchant's, or the key when there is none
	Descriptor string // on the cardholder's statement; may be empty
	Key        batch.Key
}
