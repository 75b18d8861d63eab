package batch

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTheTableOfCodesIsWellFormed(t *testing.T) {
	form := regexp.MustCompile(`^[0-9]{5}$`)
	shorts := []string{"ACCEPTED", "REFUSED", "ERROR", "ONHOLD_PARTNER", "CANCELLED", "INPROGRESS", "PENDING_RISK"}
	classes := []CodeClass{ClassSuccess, ClassWarning, ClassReview, ClassPartial, ClassPending, ClassReplay, ClassTechnical, ClassReconcile,
		ClassSoft, ClassBuyer, ClassStop, ClassDuplicate, ClassRequest, ClassConfiguration, ClassOther}
	for i, c := range Codes {
		if !form.MatchString(c.Code) || !slices.Contains(shorts, c.Short) || !slices.Contains(classes, c.Class) || c.Long == "" {
			t.Errorf("row %d is malformed: %+v", i, c)
		}
		if i > 0 && Codes[i-1].Code >= c.Code {
			t.Errorf("%s is out of order", c.Code)
		}
		if len(c.Long) > 255 || strings.ContainsAny(c.Long, "\t\r\n") {
			t.Errorf("%s: the text does not fit a field", c.Code)
		}
	}
	if len(Codes) < 180 {
		t.Errorf("only %d codes are known", len(Codes))
	}
}

func TestCodesHaveTheClassesOfSectionFourSix(t *testing.T) {
	for class, codes := range map[CodeClass]string{
		ClassSuccess:       "00000 02400 02500 03000 04000",
		ClassWarning:       "01001 02501 02616",
		ClassReview:        "04001 04003",
		ClassPartial:       "02517 02520 02401",
		ClassPending:       "02000 02005 02006 02015 02016 02306 02402",
		ClassReplay:        "02101 04901",
		ClassTechnical:     "02102 02103 02104 02106 01196 01197 01199 01907 01909 01912 01940 01941 01942 01943",
		ClassReconcile:     "02003 02009 02011 02013",
		ClassSoft:          "01100 01103 01108 01113 01116 01119 01121 01123 01200",
		ClassBuyer:         "01131 01117 01130",
		ClassStop:          "01101 01201 01111 01114 01118 01125 01129 01132 01133 01202 01208 01209 01280 04002",
		ClassDuplicate:     "01913 02001 02002",
		ClassRequest:       "02110 02301 02308 02313 02502 02503 02614 02620 04101",
		ClassConfiguration: "01109 01115 01198 02010 02303 02523 02532 09101 09201",
		ClassOther:         "01102 99999",
	} {
		for code := range strings.FieldsSeq(codes) {
			if got := CodeClassOf(code); got != class {
				t.Errorf("%s has class %q, want %q", code, got, class)
			}
		}
	}
}

func TestAnUnknownCodeGetsTheGeneralTextOfItsFamily(t *testing.T) {
	for code, want := range map[string]string{"01999": "acquirer", "02999": "platform", "03999": "3-D Secure", "04999": "fraud", "09999": "account", "77777": "not listed", "": "not listed"} {
		c, ok := FindCode(code)
		if ok || c.Short != "ERROR" || !strings.Contains(c.Long, want) || c.Class != ClassOther || c.Code != code {
			t.Errorf("%q: %+v, %v", code, c, ok)
		}
	}
	if short, long := CodeText("02503"); short != "REFUSED" || long != "the wallet does not exist" {
		t.Errorf("02503 reads %q, %q", short, long)
	}
}

func TestEveryCodeThatTheRulesReturnIsListed(t *testing.T) {
	for _, code := range []string{
		CodeAccepted, CodeCurrencyRefused, CodeDuplicate, CodeDuplicatePending, CodeUnavailable, CodeBadTransaction, CodeBadContract,
		CodeBadField, CodeBadMode, CodeDone, CodeWalletExists, CodeWalletUnknown, CodeWalletDisabled, CodeCardTypeRefused, CodeCardIndex,
		CodeCardInWallet, CodeNumberAndToken, CodeLuhn, CodeCardExpired, CodeCardFormat,
	} {
		if _, ok := FindCode(code); !ok {
			t.Errorf("%s is not listed", code)
		}
	}
}
