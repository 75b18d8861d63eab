// Package smartbill is the exchange with American Express by files (smartbill, section 1,
// via: files): it writes the enrolment and the charge files, and takes what American
// Express tells in status and response files.
//
//	wallets ─enrolments─▶ SBENR ─▶ folder ─▶ American Express ─▶ folder ─▶ SBSTA ─▶ wallets
//	lines ───charges────▶ SBCHG ─▶                            ─▶ SBRSP ─▶ lines
//
// A file of ours gets its number and its content in one transaction, is staged under a
// temporary name and proven, and then renamed, once. What died in between goes on where
// the store says: the same bytes before it was staged, the rename alone afterwards.
//
//	exchange.go  the exchange: folders, tables, numbers
//	send.go      one file of ours on its way, and the desk of the charge files
//	enrol.go     enrolment files
//	ingest.go    files of theirs
package smartbill

import (
	"context"
	"log/slog"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/layout"
	"cardbatch/formats/smartbill"
	"cardbatch/money"
	"cardbatch/sftpio"
	"cardbatch/store"
	"cardbatch/vault"
)

// Tables are the layouts of the four files.
type Tables struct {
	Enrolment, Status, Charge, Response *layout.Table
}

// Account is how American Express knows a contract.
type Account struct {
	Merchant batch.MerchantID
	Contract batch.ContractID
	SE       string // ten digits
	Currency money.Currency
}

// Exchange is one pair of folders. Its fields do not change; its methods are called by one
// run at a time, those of the desk from many goroutines.
type Exchange struct {
	Name         string
	OpenInbound  func(context.Context) (sftpio.Inbound, error)
	OpenOutbound func(context.Context) (sftpio.Outbound, error)
	Tables       Tables
	Zone         *time.Location // of the times in the files
	Mode         batch.Mode
	Accounts     []Account
	Scratch      string // private folder for copies of what arrives

	Store   store.Store
	Session store.Session // nil: nothing can be sent or taken
	Vault   *vault.Vault
	Clock   func() time.Time
	Log     *slog.Logger
	// Tell is told what status files say before it is recorded; nil: nobody is.
	Tell func(ctx context.Context, se string, events []batch.StatusEvent) error
	// Reached is called at each named transition; the crash test kills the program there.
	Reached func(transition string)
}

func (x *Exchange) reached(transition string) {
	if x.Reached != nil {
		x.Reached(transition)
	}
}

// account finds the account of a service establishment.
func (x *Exchange) account(se string) (Account, bool) {
	for _, a := range x.Accounts {
		if a.SE == se {
			return a, true
		}
	}
	return Account{}, false
}

// establishments lists the numbers once each, in the order of the accounts.
func (x *Exchange) establishments() []string {
	var all []string
	seen := map[string]bool{}
	for _, a := range x.Accounts {
		if !seen[a.SE] {
			seen[a.SE] = true
			all = append(all, a.SE)
		}
	}
	return all
}

// nameOf makes names for the store, which counts.
func nameOf(kind smartbill.FileKind) func(se string, sequence int64) string {
	return func(se string, sequence int64) string {
		// A wrong number is found when the account is configured; one beyond the last of six
		// digits has no name, and the store refuses a file without one.
		name, _ := smartbill.FileName(kind, se, sequence)
		return name
	}
}
