package batch

import "slices"

// judgeByFile says what exists under American Express SmartBill by files: wallets of cards
// given by number, payments on them that are charged at once, and credits.
func judgeByFile(l *Line) Ruling {
	given := !l.CardNumber.IsZero() || l.CardToken != ""
	switch l.Command {
	case DisableWallet, EnableWallet, GetWallet, DoRefund:
	case CreateWallet:
		if l.CardNumber.IsZero() {
			return refuse(CodeSmartBillField, "American Express enrols a card by its number")
		}
	case UpdateWallet:
		if given {
			return refuse(CodeSmartBillField, "another card needs another enrolment: create another wallet")
		}
	case DoImmediateWalletPayment:
		switch {
		case l.PaymentMode() != "CPT":
			return refuse(CodeBadMode, "a charge file takes payments in mode CPT")
		case l.PaymentAction() != ActionPurchase:
			return refuse(CodeBadAction, "a charge file takes payments with action 101")
		}
	default:
		return refuse(CodeUnavailable, "")
	}
	return Ruling{}
}

// judgeEnrolled applies smartbill, section 2, to a payment with an American Express card.
func judgeEnrolled(f Facts, card Card) Ruling {
	switch {
	case card.Status == CardRefused:
		return refuse(CodeWalletDisabled, "American Express refused the card's enrolment")
	case card.Status == CardCancelled:
		return refuse(CodeWalletDisabled, "American Express has cancelled the card")
	case f.Enrolment != nil && f.Enrolment.Removal:
		return refuse(CodeWalletDisabled, "the card was taken off American Express' list")
	case card.Status.Enrolled():
		return Ruling{}
	case card.Status == CardWaiting && f.Enrolment != nil && f.Now.Before(f.Contract.SmartBill.Deadline(f.Enrolment.RegisteredAt)):
		return Ruling{Wait: "American Express has not answered the card's enrolment yet"}
	case card.Status == CardWaiting:
		return refuse(CodeNotEnrolled, "American Express has not answered the card's enrolment in time")
	case f.Contract.viaFiles():
		return refuse(CodeNotEnrolled, "the card is not enrolled with American Express")
	}
	return Ruling{}
}

// judgeReplacement refuses another card in the place of one under SmartBill, or one that comes
// under it there: a new enrolment takes a new index (smartbill, section 2).
func judgeReplacement(l *Line, f Facts, card Card) Ruling {
	given := l.CardType
	if given == "" {
		given = CardTypeOf(l.CardNumber)
	}
	if f.Contract.SmartBill != nil && (given == TypeAmex || card.Type == TypeAmex) {
		return refuse(CodeSmartBillField, "another card needs another enrolment: create another wallet")
	}
	return Ruling{}
}

// judgeEnabling refuses to enable what American Express does not know any more: a card, or a
// wallet without any other. The card is the one that the line means, or the wallet's default card.
func judgeEnabling(l *Line, f Facts, card Card) Ruling {
	ended := card.Status.Ended()
	if l.CardIndex == "" {
		ended = len(f.Wallet.Cards) > 0 && !slices.ContainsFunc(f.Wallet.Cards, func(c Card) bool { return !c.Status.Ended() })
	}
	removed := f.Contract.viaFiles() && f.Enrolment != nil && (f.Enrolment.Removal || f.Enrolment.Status.Ended())
	if ended || removed {
		return refuse(CodeSmartBillField, "the card is not on American Express' list any more: create another wallet")
	}
	return Ruling{}
}
