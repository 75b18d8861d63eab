package batch

import (
	"slices"
	"testing"
)

func TestKindsOfTransactions(t *testing.T) {
	for _, test := range []struct {
		name string
		line Line
		want TransactionKind // empty: none
	}{
		{"a wallet payment is a payment", Line{Command: DoImmediateWalletPayment}, KindPayment},
		{"with action 100 it is an authorization", Line{Command: DoImmediateWalletPayment, Action: "100"}, KindAuthorization},
		{"an authorization", Line{Command: DoAuthorization}, KindAuthorization},
		{"an authorization with action 101 is a payment", Line{Command: DoAuthorization, Action: "101"}, KindPayment},
		{"a capture", Line{Command: DoCapture}, KindCapture},
		{"a refund", Line{Command: DoRefund}, KindRefund},
		{"a reset", Line{Command: DoReset}, KindReset},
		{"a verification", Line{Command: Verify}, KindVerification},
		{"a re-authorization is marked", Line{Command: DoReAuthorization}, KindReauthorization},
		{"a schedule is no payment", Line{Command: DoRecurrentWalletPayment}, KindSchedule},
		{"a subscription begins with a payment", Line{Command: Subscribe}, KindPayment},
		{"a wallet is no transaction", Line{Command: CreateWallet}, ""},
		{"the end of a schedule is no transaction", Line{Command: DisablePaymentRecord}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, ok := KindOf(&test.line)
			if got != test.want || ok != (test.want != "") {
				t.Errorf("got %q, %v, want %q", got, ok, test.want)
			}
		})
	}
}

func TestEveryCommandThatMovesMoneyHasAKindThatIsListed(t *testing.T) {
	for command := range commands {
		kind, ok := KindOf(&Line{Command: command})
		if ok != (command.MovesMoney() || command == Verify) {
			t.Errorf("%s: kind %q", command, kind)
		}
		if ok && !slices.Contains(TransactionKinds, kind) {
			t.Errorf("%s: kind %q is not listed", command, kind)
		}
	}
}
