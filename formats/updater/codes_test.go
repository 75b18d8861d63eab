package updater

import (
	"encoding/csv"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/formats/layout"
)

func codes(t testing.TB, name string) *Codes {
	t.Helper()
	c, err := ShippedCodes(name)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// normalised is the table of account updaters, section 6, and what sections 1 to 5 add to
// it: outcome, source, scheme, codes. A code after a slash is the reason; a dash is no code.
const normalised = `
new_number          paysafe          VISA        A
new_number          paysafe          MASTERCARD  UPDATE
new_number          visa             VISA        A
new_number          mastercard       MASTERCARD  UPDATE
new_number          mastercard-rest  MASTERCARD  ACCOUNT_UPDATE
new_number          mastercard-push  MASTERCARD  A
new_number          cybersource      VISA        NAN NAN/800
new_number          worldpay         VISA        500
new_number          jpmorgan         VISA        NEW_ACCOUNT NEW_ACCOUNT_AND_EXPIRY
new_number          discover         DISCOVER    A O
new_number          checkout         VISA        card_updated
new_number          tokenex          VISA        801
new_number          payrix           VISA        500
new_number          chargehive       VISA        bin-update
new_expiry          paysafe          VISA        E
new_expiry          paysafe          MASTERCARD  EXPIRY
new_expiry          visa             VISA        E
new_expiry          mastercard       MASTERCARD  EXPIRY
new_expiry          mastercard-rest  MASTERCARD  EXPIRY
new_expiry          mastercard-push  MASTERCARD  E
new_expiry          cybersource      VISA        NED
new_expiry          worldpay         VISA        502
new_expiry          jpmorgan         VISA        NEW_EXPIRY
new_expiry          discover         DISCOVER    E
new_expiry          checkout         VISA        card_expiry_updated
new_expiry          tokenex          VISA        802
new_expiry          payrix           VISA        502
new_expiry          chargehive       VISA        expiry-update
new_expiry          smartbill        AMEX        EDU
new_product         smartbill        AMEX        PU
new_but_expired     paysafe          VISA        F
closed              paysafe          VISA        C
closed              paysafe          MASTERCARD  CONTACT CONTAC
closed              visa             VISA        C
closed              mastercard       MASTERCARD  CONTAC CONTACT
closed              mastercard-rest  MASTERCARD  CONTACT
closed              mastercard-push  MASTERCARD  C
closed              cybersource      VISA        ACL
closed              worldpay         VISA        501
closed              jpmorgan         VISA        CLOSED_ACCOUNT
closed              discover         DISCOVER    C
closed              checkout         MASTERCARD  card_closed
closed              tokenex          VISA        803
closed              payrix           VISA        501
closed              chargehive       VISA        account-closed
closed              smartbill        AMEX        CC
contact             paysafe          VISA        Q
contact             paysafe          MASTERCARD  CONTACH
contact             visa             VISA        Q
contact             mastercard       MASTERCARD  CONTACH
contact             cybersource      VISA        CCH
contact             worldpay         VISA        504
contact             jpmorgan         VISA        CONTACT_CARDHOLDER
contact             tokenex          VISA        804
contact             payrix           VISA        504
contact             chargehive       VISA        contact-holder
opt_out             paysafe          VISA        O
opt_out             paysafe          MASTERCARD  34
opt_out             visa             VISA        O
opt_out             cybersource      AMEX        DEC/862 ERR/862
opt_out             worldpay         VISA        507
opt_out             jpmorgan         VISA        PAN_OPT_OUT STOP_ADVICE_ON_MERCHANT
opt_out             checkout         VISA        VAU011 VAU014 VAU016
opt_out             tokenex          VISA        805
opt_out             payrix           VISA        507
unchanged           paysafe          VISA        V
unchanged           paysafe          MASTERCARD  VALID -
unchanged           visa             VISA        V
unchanged           mastercard       MASTERCARD  VALID - NOUPDT
unchanged           mastercard-rest  MASTERCARD  VALID
unchanged           cybersource      VISA        CUR
unchanged           worldpay         VISA        506
unchanged           jpmorgan         VISA        MATCH_NO_UPDATE
unchanged           checkout         VISA        VAU012 VAU013
unchanged           tokenex          VISA        800
unchanged           payrix           VISA        506
unchanged           chargehive       VISA        no-update
no_match            paysafe          VISA        P
no_match            paysafe          MASTERCARD  MC_P UNKNWN NOMATH
no_match            visa             VISA        P
no_match            mastercard       MASTERCARD  UNKNWN NOMATH NOMTCH
no_match            mastercard-rest  MASTERCARD  UNKNOWN
no_match            worldpay         VISA        505
no_match            jpmorgan         VISA        NO_MATCH_PARTICIPATING_BIN
no_match            tokenex          VISA        806
no_match            payrix           VISA        505
not_participating   paysafe          VISA        N G
not_participating   paysafe          MASTERCARD  MC_N 43
not_participating   visa             VISA        N
not_participating   mastercard-rest  MASTERCARD  NON_PARTICIPATING
not_participating   worldpay         VISA        503
not_participating   jpmorgan         VISA        NO_MATCH_NON_PARTICIPATING_BIN
not_participating   checkout         VISA        VAU003 VAU009
not_participating   tokenex          VISA        807 810
not_participating   payrix           VISA        503
not_participating   chargehive       VISA        not-available
input_error         paysafe          MASTERCARD  000101 000102 000103 000105
input_error         visa             VISA        1 3 4 5
input_error         visa-rejects     VISA        1 3 4 5 V 9 B
input_error         mastercard       MASTERCARD  000101 000102 000103 000105
input_error         cybersource      VISA        DEC/801 DEC/802 DEC/803 DEC/804 DEC/805 DEC/806 DEC/808 DEC/850 DEC/851 DEC/852 DEC/853 DEC/861
input_error         cybersource      VISA        ERR/801 ERR/802 ERR/803 ERR/804 ERR/805 ERR/806 ERR/808 ERR/850 ERR/851 ERR/852 ERR/853 ERR/861
input_error         worldpay         VISA        301 320
input_error         checkout         VISA        VAU001 VAU002 VAU004 VAU005 VAU006 VAU015
input_error         tokenex          VISA        809 899
configuration_error paysafe          MASTERCARD  000104 000122
configuration_error visa-rejects     VISA        A M
configuration_error mastercard       MASTERCARD  000104 000122
configuration_error cybersource      VISA        DEC/807 ERR/807 DEC/810 ERR/810
configuration_error checkout         VISA        VAU007 VAU008 VAU010
no_decision         visa-rejects     VISA        E
no_decision         cybersource      VISA        DEC/809 ERR/809 DEC/811 ERR/811
no_decision         worldpay         VISA        000
no_decision         tokenex          VISA        808
no_decision         chargehive       VISA        error retry
`

func TestEveryCodeMeansWhatTheFactsSay(t *testing.T) {
	told := map[string]map[string]bool{}
	for line := range strings.Lines(strings.TrimSpace(normalised)) {
		words := strings.Fields(line)
		outcome, source, scheme := batch.UpdateOutcome(words[0]), words[1], words[2]
		if told[source] == nil {
			told[source] = map[string]bool{}
		}
		for _, word := range words[3:] {
			code, reason, _ := strings.Cut(strings.TrimPrefix(word, "-"), "/")
			told[source][fold(code)+"/"+fold(reason)] = true
			if got, _ := codes(t, source).Decide(scheme, code, reason); got != outcome {
				t.Errorf("%s %s %q %q: %s, want %s", source, scheme, code, reason, got, outcome)
			}
		}
	}
	for _, name := range CodeTables {
		for _, r := range codes(t, name).Rows() {
			if !told[name][fold(r.Code)+"/"+strings.Trim(r.Reason, "*")] {
				t.Errorf("%s: %s %q %q is in the table and not among the facts", name, r.Scheme, r.Code, r.Reason)
			}
		}
	}
}

func TestTheSameWordMeansSomethingElseElsewhere(t *testing.T) {
	for _, row := range []struct {
		name, source, scheme, code string
		want                       batch.UpdateOutcome
	}{
		{"CONTACT is closed", "paysafe", batch.TypeMastercard, "CONTACT", batch.AccountClosed},
		{"its six letters, too", "paysafe", batch.TypeMastercard, "CONTAC", batch.AccountClosed},
		{"CONTACH is contact", "paysafe", batch.TypeMastercard, "CONTACH", batch.ContactHolder},
		{"O is an opt-out at Visa", "visa", batch.TypeVisa, "O", batch.OptOut},
		{"O is newer data at Discover", "discover", batch.TypeDiscover, "O", batch.NewNumber},
		{"A is a new number in an answer", "visa", batch.TypeVisa, "A", batch.NewNumber},
		{"A is a merchant's trouble in a reject", "visa-rejects", batch.TypeVisa, "A", batch.ConfigurationError},
		{"800 is a card that is valid at TokenEx", "tokenex", batch.TypeVisa, "800", batch.UpdateUnchanged},
		{"a code of Visa is none of Mastercard", "paysafe", batch.TypeMastercard, "C", batch.UnknownUpdate},
		{"a code of Mastercard is none of Visa", "paysafe", batch.TypeVisa, "CONTACT", batch.UnknownUpdate},
		{"no code is one at Mastercard", "paysafe", batch.TypeMastercard, "  ", batch.UpdateUnchanged},
		{"no code is none at Visa", "paysafe", batch.TypeVisa, "", batch.UnknownUpdate},
		{"a scheme that nobody knows", "paysafe", "", "A", batch.UnknownUpdate},
		{"another scheme", "paysafe", batch.TypeAmex, "A", batch.UnknownUpdate},
		{"spaces around it and small letters", "paysafe", batch.TypeMastercard, " contach ", batch.ContactHolder},
		{"a part of a code", "paysafe", batch.TypeMastercard, "CONTA", batch.UnknownUpdate},
		{"more than a code", "paysafe", batch.TypeMastercard, "CONTACTS", batch.UnknownUpdate},
		{"the sign for any", "cybersource", batch.TypeVisa, "*", batch.UnknownUpdate},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, note := codes(t, row.source).Decide(row.scheme, row.code, "")
			if got != row.want || got == batch.UnknownUpdate && note == "" {
				t.Errorf("%s, %q", got, note)
			}
		})
	}
	if got, _ := codes(t, "cybersource").Decide(batch.TypeVisa, "DEC", "899"); got != batch.UnknownUpdate {
		t.Errorf("a reason that nobody knows is %s", got)
	}
	if _, note := codes(t, "paysafe").Decide(batch.TypeVisa, "4111111111111111", ""); batch.HasCardNumber(note) {
		t.Error(note)
	}
}

func TestTheMostSpecificRowWins(t *testing.T) {
	c, err := parseCodes("mine.csv", []byte(`scheme,code,reason,outcome,note,facts
*,X,*,unchanged,any,
*,X,1,closed,reason,
VISA,X,*,contact,scheme,
VISA,X,1,opt_out,both,
VISA,X,,no_match,no reason,
`))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ scheme, reason, note string }{
		{"VISA", "1", "both"}, {"VISA", "2", "scheme"}, {"VISA", "", "no reason"}, {"AMEX", "1", "reason"}, {"AMEX", "", "any"}, {"", "1", "reason"},
	} {
		if _, note := c.Decide(row.scheme, "x", row.reason); note != row.note {
			t.Errorf("%+v: %s", row, note)
		}
	}
}

func TestATableOfCodesIsReadStrictly(t *testing.T) {
	const head = "scheme,code,reason,outcome,note,facts\n"
	for _, row := range []struct{ name, text, want string }{
		{"empty", "", "mine.csv: the file is empty"},
		{"an unknown column", "scheme,code,reason,outcome,note,facts,mood\n", "mine.csv:1:39: unknown column; known here: scheme, code"},
		{"a column twice", "scheme,code,code,reason,outcome,note,facts\n", "mine.csv:1:13: column code is given twice"},
		{"a column left out", "scheme,code,reason,outcome,note\n", "mine.csv:1:1: column facts is missing"},
		{"an unknown scheme", head + "visa,A,*,closed,,\n", "mine.csv:2:1: unknown scheme"},
		{"no scheme", head + ",A,*,closed,,\n", "mine.csv:2:1: unknown scheme"},
		{"an unknown outcome", head + "*,A,*,shut,,\n", "mine.csv:2:7: unknown outcome; write one of new_number, new_expiry"},
		{"no outcome", head + "*,A,*,,,\n", "mine.csv:2:7: unknown outcome"},
		{"any code", head + "*,*,*,closed,,\n", "mine.csv:2:3: write every code out"},
		{"a row twice", head + "*,A,*,closed,,\n*,a ,*,contact,,\n", "mine.csv:3:3: the row of line 2 is for the same scheme, code and reason"},
		{"too few columns", head + "*,A,*,closed,\n", "mine.csv:2:1: has 5 columns, the first line has 6"},
		{"too many columns", head + "*,A,*,closed,,,\n", "mine.csv:2:1: has 7 columns"},
		{"a quotation mark within", head + "*,A,*,closed,a \"b\",\n", "mine.csv:2:16: bare"},
		{"a quotation mark that never ends", head + "*,A,*,closed,\"a,\n", "mine.csv:2:18: extraneous or missing"},
		{"a card number", head + "*,A,*,closed,as 4111111111111111,\n", "mine.csv:2:14: holds a card number"},
		{"a card number for a heading", "4111111111111111\n", "mine.csv:1:1: unknown column"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parseCodes("mine.csv", []byte(row.text))
			var problems layout.Problems
			if !errors.As(err, &problems) || !strings.Contains(err.Error(), row.want) || batch.HasCardNumber(err.Error()) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
	_, err := parseCodes("mine.csv", []byte(head+"x,A,*,closed,,\n*,B,*,x,,\n*,C,*\n*,D,*,closed,,\n"))
	var problems layout.Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Errorf("not all is told at once: %v", err)
	}
}

func TestATableOfCodesOfOnesOwnIsLoadedFromItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "codes.csv")
	if _, err := LoadCodes(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte("\ufefffacts,outcome,code,reason,scheme,note\r\nours,closed,gone,*,*,\"left, for good\"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := LoadCodes(path)
	if err != nil {
		t.Fatal(err)
	}
	if outcome, note := c.Decide("", "GONE", ""); outcome != batch.AccountClosed || note != "left, for good" {
		t.Error(outcome, note)
	}
	if err := os.WriteFile(path, make([]byte, maxCodesBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadCodes(path); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a huge file: %v", err)
	}
}

func TestEveryShippedRowSaysWhereItComesFrom(t *testing.T) {
	entries, err := codeTables.ReadDir("codes")
	if err != nil || len(entries) != len(CodeTables) {
		t.Fatalf("%d files, %d names, %v", len(entries), len(CodeTables), err)
	}
	for _, name := range CodeTables {
		content, err := CodesSource(name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := csv.NewReader(strings.NewReader(string(content))).ReadAll()
		if err != nil || !slices.Equal(rows[0], codeColumns) || len(rows)-1 != len(codes(t, name).Rows()) {
			t.Errorf("%s: %v, %v", name, rows[0], err)
		}
		for _, r := range codes(t, name).Rows() {
			if !strings.Contains(r.Facts, ", section") {
				t.Errorf("%s: %q has no source", name, r.Code)
			}
		}
	}
	if _, err := ShippedCodes("nothing"); err == nil || !strings.Contains(err.Error(), `"nothing"`) {
		t.Errorf("%v", err)
	}
}
