// Package updater is the exchange with one source of card updates by files: an account updater
// that is asked (Paysafe account updater, section 2), or another processor that tells by itself.
//
//	cards ─select─▶ upd_….csv.gpg ─▶ folder ─▶ provider ─▶ folder ─▶ ….ack, responses ─▶ cards
//
// A request gets its number and its records in one transaction, is staged under a temporary
// name and proven, and then renamed, once. What died in between goes on where the store says.
// Answers are taken by record, not by file: a file may come twice, late, or be one of several.
// Whatever may hold card numbers is never on a disk of ours in the clear.
//
//	exchange.go     the exchange: folders, tables, keys, terms
//	select.go       which cards are asked about, and why others are not
//	request.go      requests on their way
//	ingest.go       files of theirs
//	acknowledge.go  what an acknowledgement says of a request
//	answers.go      what a response says, record by record
package updater

import (
	"context"
	"log/slog"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/layout"
	"cardbatch/formats/updater"
	"cardbatch/internal/pgp"
	"cardbatch/sftpio"
	"cardbatch/store"
	"cardbatch/vault"
)

// Tables are the layouts of the files. Request and Acknowledgement are nil where nobody is asked.
type Tables struct {
	Request, Acknowledgement, Response *layout.Table
}

// Account is how the provider knows a contract.
type Account struct {
	Merchant batch.MerchantID
	Contract batch.ContractID
	Number   string // merchant account number
}

// Exchange is one source of updates. Its fields do not change; its methods are called by one
// run at a time.
type Exchange struct {
	Name         string
	OpenInbound  func(context.Context) (sftpio.Inbound, error)
	OpenOutbound func(context.Context) (sftpio.Outbound, error) // nil: nobody is asked
	Tables       Tables
	Codes        *updater.Codes
	Zone         *time.Location // of the times in the files
	Month        *time.Location // in which a month begins
	Accounts     []Account
	Merchants    []batch.MerchantID // whose cards the files may be about
	Schemes      []string           // that the provider covers
	Monthly      bool               // the cards of a month are asked about by the first run in it
	Shadow       bool               // it is only told what would be done

	StoreID       string
	StorePassword func() (string, error) // nil: there is none
	EncryptTo     *pgp.PublicKey         // nil: requests are not encrypted
	DecryptWith   *pgp.PrivateKey        // nil: responses are not encrypted
	CutOff        batch.CutOff           // requests that are there by then are handled that day
	Wait          time.Duration          // so long after that, responses are waited for
	Acknowledged  time.Duration          // so long after that, an acknowledgement is overdue
	MaxBytes      int                    // of a request, before encryption
	MaxRecords    int
	Responses     string // pattern of the names of responses, as path.Match

	Store   store.Store
	Session store.Session // nil: nothing can be sent or taken
	Vault   *vault.Vault
	Copies  *vault.Archive // of what arrives, while it is read
	Terms   func(shadow bool) store.TakeTerms
	Clock   func() time.Time
	Log     *slog.Logger
	// Reached is called at each named transition; the crash test kills the program there.
	Reached func(transition string)
}

func (x *Exchange) reached(transition string) {
	if x.Reached != nil {
		x.Reached(transition)
	}
}

// Asks reports whether the provider is asked, and does not only tell.
func (x *Exchange) Asks() bool { return x.OpenOutbound != nil }

// handled is when the provider handles what is in its folder at the time: at the next cut-off.
func (x *Exchange) handled(at time.Time) time.Time { return x.CutOff.Next(at) }

// account is the provider's number of a contract.
func (x *Exchange) account(merchant batch.MerchantID, contract batch.ContractID) (string, bool) {
	for _, a := range x.Accounts {
		if a.Merchant == merchant && a.Contract == contract {
			return a.Number, true
		}
	}
	return "", false
}
