package batch

// Command is what a line asks for, under its Payline web service name.
// Source: batch interface v1, section 3.
type Command string

const (
	CreateWallet             Command = "createWallet"
	UpdateWallet             Command = "updateWallet"
	DisableWallet            Command = "disableWallet"
	EnableWallet             Command = "enableWallet"
	GetWallet                Command = "getWallet"
	DoImmediateWalletPayment Command = "doImmediateWalletPayment"
	DoScheduledWalletPayment Command = "doScheduledWalletPayment"
	DoRecurrentWalletPayment Command = "doRecurrentWalletPayment"
	DoAuthorization          Command = "doAuthorization"
	Verify                   Command = "verify"
	DoCapture                Command = "doCapture"
	DoReAuthorization        Command = "doReAuthorization"
	DoRefund                 Command = "doRefund"
	DoReset                  Command = "doReset"
	Subscribe                Command = "subscribe"
	DisablePaymentRecord     Command = "disablePaymentRecord"
)

// Phase orders the lines of a file at submission: wallets before the payments
// that use them, payments before what follows up on payments.
type Phase int

const (
	PhaseWallet   Phase = 1 // wallet lines
	PhasePayment  Phase = 2 // payments, authorizations, verifications, schedules
	PhaseFollowUp Phase = 3 // captures, refunds, resets, re-authorizations, disabling of records
)

// commandFacts is what the program knows of each command.
type commandFacts struct {
	letter byte // column of the matrix in the batch interface, section 3
	phase  Phase
}

var commands = map[Command]commandFacts{
	CreateWallet:             {'W', PhaseWallet},
	UpdateWallet:             {'U', PhaseWallet},
	DisableWallet:            {'X', PhaseWallet},
	EnableWallet:             {'X', PhaseWallet},
	GetWallet:                {'X', PhaseWallet},
	DoImmediateWalletPayment: {'P', PhasePayment},
	DoScheduledWalletPayment: {'S', PhasePayment},
	DoRecurrentWalletPayment: {'R', PhasePayment},
	DoAuthorization:          {'A', PhasePayment},
	Verify:                   {'V', PhasePayment},
	DoCapture:                {'C', PhaseFollowUp},
	DoReAuthorization:        {'Z', PhaseFollowUp},
	DoRefund:                 {'F', PhaseFollowUp},
	DoReset:                  {'K', PhaseFollowUp},
	Subscribe:                {'B', PhasePayment},
	DisablePaymentRecord:     {'D', PhaseFollowUp},
}

// Known reports whether c is a command of the batch interface.
func (c Command) Known() bool { _, ok := commands[c]; return ok }

// Phase tells when lines with this command are submitted; 0 for an unknown command.
func (c Command) Phase() Phase { return commands[c].phase }

// MovesMoney reports whether an approved line charges, reserves or returns money.
func (c Command) MovesMoney() bool {
	switch c {
	case DoImmediateWalletPayment, DoScheduledWalletPayment, DoRecurrentWalletPayment, DoAuthorization,
		DoCapture, DoReAuthorization, DoRefund, DoReset, Subscribe:
		return true
	}
	return false
}
