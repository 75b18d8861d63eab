package payline

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cardbatch/gateway/simulator/stage"
)

func asking(id string, index string) []*element {
	return []*element{contract(), text("walletId", id), text("cardInd", index)}
}

func changing(id, index string, c *element, more ...*element) []*element {
	w := object("wallet", append([]*element{text("walletId", id), c}, more...)...)
	return []*element{contract(), text("cardInd", index), w, keyed("change")}
}

func paidFrom(id, index, ref string) []*element {
	return []*element{paying(actionCaptured, "1000"), ordering(ref), text("walletId", id), text("cardInd", index)}
}

func TestTheLifeOfAWallet(t *testing.T) {
	b := newBench(t, stage.Options{})
	b.want("02503", opGetWallet, asking("W", "")...)
	b.openWallet("W", "0139")
	b.want("02502", opCreateWallet, contract(), object("wallet", text("walletId", "W"), anyCard()))

	shown := b.want(done, opGetWallet, asking("W", "")...)
	if shown.get("wallet", "walletId") != "W" || shown.get("wallet", "card", "number") != "450875XXXXXX1019" || shown.get("isDisabled") != "0" {
		t.Errorf("wallet %+v", shown.child("wallet"))
	}
	if private(shown, privateKey) != "K-W" {
		t.Error("a wallet must show the private data of the request that made it")
	}
	list := b.want(done, opGetCards, asking("W", "")...).child("cardsList")
	if len(list.children) != 1 || list.get("cards", "cardInd") != "1" || list.get("cards", "default") != "Y" || list.get("cards", "isDisabled") != "0" {
		t.Errorf("cards %+v", list)
	}

	b.want(approved, opWalletPayment, paidFrom("W", "", "A")...)
	b.want(approved, opWalletPayment, paidFrom("W", "01", "B")...)
	b.want("02518", opWalletPayment, paidFrom("W", "2", "C")...)
	b.want("02503", opWalletPayment, paidFrom("V", "", "D")...)

	b.want(done, opDisableWallet, contract(), object("walletIdList", text("walletId", "W")))
	b.want("02516", opDisableWallet, contract(), object("walletIdList", text("walletId", "W")))
	b.want("02505", opWalletPayment, paidFrom("W", "", "E")...)
	b.want("02505", opUpdateWallet, changing("W", "", anyCard())...)
	shown = b.want(done, opGetWallet, asking("W", "")...)
	if shown.get("isDisabled") != "1" || shown.get("disableDate") != "22/11/26 10:00" || shown.get("wallet", "cardStatus") != "MAN" {
		t.Errorf("disabled wallet: %+v", shown)
	}
	b.want(done, opEnableWallet, contract(), text("walletId", "W"))
	b.want("02519", opEnableWallet, contract(), text("walletId", "W"))
	b.want("02503", opEnableWallet, contract(), text("walletId", "V"))
	b.want(approved, opWalletPayment, paidFrom("W", "", "E")...)
}

func TestWalletsWithSeveralCards(t *testing.T) {
	b := newBench(t, stage.Options{})
	b.openWallet("W", "0139")
	b.want("02518", opUpdateWallet, changing("W", "3", anyCard())...)
	b.want("02521", opUpdateWallet, changing("W", "2", cardWith(visaNumber, "VISA", "0139"))...)
	b.want(done, opUpdateWallet, changing("W", "2", cardWith(mastercardNumber, "CB", stage.DeclinedExpiry))...)
	b.want("01100", opWalletPayment, paidFrom("W", "2", "A")...)
	b.want(approved, opWalletPayment, paidFrom("W", "", "B")...)

	b.want(done, opUpdateWallet, changing("W", "2", object("card", text("expirationDate", "0240"), text("cardholder", "A N OTHER")), text("default", "Y"))...)
	second := b.want(done, opGetCards, asking("W", "2")...).child("cardsList").child("cards")
	if second.get("card", "expirationDate") != "0240" || second.get("card", "number") != "512345XXXXXX0008" || second.get("default") != "Y" {
		t.Errorf("an update without a number keeps it: %+v", second.child("card"))
	}

	b.want(done, opDisableWallet, contract(), text("cardInd", "2"), object("walletIdList", text("walletId", "W")))
	b.want("02505", opWalletPayment, paidFrom("W", "", "C")...) // the default card is disabled
	b.want(approved, opWalletPayment, paidFrom("W", "1", "D")...)
	if n := len(b.want(done, opGetCards, asking("W", "")...).child("cardsList").children); n != 2 {
		t.Errorf("%d cards, want 2", n)
	}
}

func TestWalletsAreRefusedForWhatIsWrongWithThem(t *testing.T) {
	for name, test := range map[string]struct {
		want   string
		wallet *element
		more   []*element
	}{
		"no id":                      {"02513", object("wallet", anyCard()), nil},
		"an id of 51":                {"02305", object("wallet", text("walletId", strings.Repeat("w", 51)), anyCard()), nil},
		"an expired card":            {"02624", object("wallet", text("walletId", "W"), cardWith(visaNumber, "VISA", "1026")), nil},
		"a type that is not its own": {"02511", object("wallet", text("walletId", "W"), cardWith(visaNumber, "MASTERCARD", "0139")), nil},
		"no card":                    {"02305", object("wallet", text("walletId", "W"), object("card")), nil},
		"a transaction that is none": {"02301", object("wallet", text("walletId", "W"), object("card")), []*element{text("transactionID", "14000000000000")}},
		"a hundred private data":     {"02514", object("wallet", text("walletId", "W"), anyCard()), []*element{privateOf(make([]datum, 100))}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, stage.Options{})
			b.want(test.want, opCreateWallet, append(test.more, contract(), test.wallet)...)
			b.want("02503", opGetWallet, asking("W", "")...)
		})
	}
	t.Run("no contract", func(t *testing.T) {
		newBench(t, stage.Options{}).want("02303", opCreateWallet, object("wallet", text("walletId", "W"), anyCard()))
	})
}

func TestAWalletFromATransactionAndATokenFromAWallet(t *testing.T) {
	b := newBench(t, stage.Options{})
	id := b.authorize("A", actionCaptured)
	made := b.want(done, opCreateWallet, contract(), object("wallet", text("walletId", "W"), object("card")), text("transactionID", id))
	token := made.get("card", "token")
	if len(token) != 19 || !strings.HasPrefix(token, "5123") || !strings.HasSuffix(token, "0008") {
		t.Fatalf("token %q", token)
	}
	b.want(approved, opAuthorization, paying(actionCaptured, "1000"), object("card", text("token", token), text("type", "CB")), ordering("B"))
	b.want(done, opUpdateWallet, changing("W", "", cardWith(visaNumber, "VISA", "0139"))...)
	b.want("02540", opAuthorization, paying(actionCaptured, "1000"), object("card", text("token", token), text("type", "CB")), ordering("C"))
}

func TestManyWalletsAreDisabledAtOnce(t *testing.T) {
	b := newBench(t, stage.Options{})
	ids := object("walletIdList")
	for i := range 500 {
		id := fmt.Sprintf("W%d", i)
		if i != 7 {
			b.openWallet(id, "0139")
		}
		ids.children = append(ids.children, text("walletId", id))
	}
	out := b.want("02517", opDisableWallet, contract(), ids)
	if failed := out.child("walletIdList").children; len(failed) != 1 || failed[0].text != "W7" {
		t.Errorf("%d are listed, want W7 alone", len(failed))
	}
	ids.children = append(ids.children, text("walletId", "W500"))
	if status, body := b.post(direct, opDisableWallet, string(object("disableWalletRequest", contract(), ids).envelope())); status != 500 || !strings.Contains(body, "unexpected element walletId") {
		t.Errorf("501 wallets: %d %s", status, body)
	}
}

func TestMaxTokens(t *testing.T) {
	b := newBench(t, stage.Options{MaxTokens: 1})
	b.openWallet("W", "0139")
	status, body := b.post(direct, opCreateWallet, string(object("createWalletRequest", contract(), object("wallet", text("walletId", "V"), anyCard())).envelope()))
	if status != 503 || !strings.Contains(body, "Fault") {
		t.Errorf("got %d %s", status, body)
	}
}

func TestCardsUnderSmartBill(t *testing.T) {
	const amex, smartBill = "371881634498004", smartBillContract + "-1"
	b := newBench(t, stage.Options{})
	open := func(want, id string, c *element) {
		t.Helper()
		b.want(want, opCreateWallet, text("contractNumber", smartBill), object("wallet", text("walletId", id), c))
	}
	status := func(id string) string {
		t.Helper()
		shown := b.want(done, opGetWallet, asking(id, "")...)
		return shown.get("wallet", "cardStatus") + shown.get("isDisabled")
	}
	open("02511", "V", anyCard())
	open(done, "W", cardWith(amex, "AMEX", "0139"))
	open(done, "R", cardWith(amex, "AMEX", stage.DeclinedExpiry))
	if status("W") != "WR0" || status("R") != "WR0" {
		t.Errorf("before the answer: %s, %s", status("W"), status("R"))
	}
	b.want("02523", opWalletPayment, paidFrom("W", "", "A")...)
	b.now = b.now.Add(24 * time.Hour)
	if status("W") != "EA0" || status("R") != "ER1" {
		t.Errorf("after it: %s, %s", status("W"), status("R"))
	}
	b.want(approved, opWalletPayment, paidFrom("W", "", "A")...)
	b.want("02505", opWalletPayment, paidFrom("R", "", "B")...)

	for _, wrong := range [][3]string{{"R", "CC", ""}, {"V", "CC", ""}, {"W", "EA", ""}, {"W", "EDU", ""}, {"W", "EDU", "1345"}, {"W", "CC", "0145"}} {
		if b.gateway.Tell(wrong[0], 1, wrong[1], wrong[2]) == nil {
			t.Errorf("told %v", wrong)
		}
	}
	for _, told := range []struct{ status, expiry, want, code string }{{"EDU", "0145", "EDU0", approved}, {"PU", "", "PU0", approved}, {"CC", "", "CC1", "02505"}} {
		if err := b.gateway.Tell("W", 0, told.status, told.expiry); err != nil {
			t.Fatal(err)
		}
		if status("W") != told.want {
			t.Errorf("told %s: %s, want %s", told.status, status("W"), told.want)
		}
		b.want(told.code, opWalletPayment, paidFrom("W", "", "paid "+told.status)...)
	}
	if shown := b.want(done, opGetWallet, asking("W", "")...); shown.get("wallet", "card", "expirationDate") != "0145" {
		t.Errorf("the new expiry is not shown: %+v", shown)
	}
	if b.gateway.Tell("W", 1, "PU", "") == nil {
		t.Error("a cancelled card was changed")
	}
}
