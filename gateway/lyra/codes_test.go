package lyra

import (
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway/internal/codetable"
)

// said is an answer as far as it is judged.
type said struct {
	kind                                  kind
	http                                  int
	result, status, detailed, error, bank string
}

func (s said) judge() codetable.Meaning {
	v := &verdict{transaction: &transaction{Status: s.status, DetailedStatus: s.detailed, ErrorCode: s.error, DetailedErrorCode: s.bank}, answer: &answer{}}
	return judge(s.kind, s.http, s.result, v)
}

// Every detailed status of the facts, section 7.5, with the status that goes with it.
func TestEveryListedStatusIsJudged(t *testing.T) {
	statuses := map[string]string{
		"PAID":    "ACCEPTED AUTHORISED CAPTURED PARTIALLY_AUTHORISED",
		"RUNNING": "INITIAL CAPTURE_PENDING WAITING_AUTHORISATION WAITING_AUTHORISATION_TO_VALIDATE UNDER_VERIFICATION PRE_AUTHORISED WAITING_FOR_PAYMENT AUTHORISED_TO_VALIDATE SUSPENDED PENDING REFUND_TO_RETRY",
		"UNPAID":  "REFUSED CANCELLED ERROR EXPIRED",
	}
	approved := map[kind]string{
		kindPayment:       "AUTHORISED CAPTURED",
		kindAuthorization: "AUTHORISED CAPTURED AUTHORISED_TO_VALIDATE",
		kindToken:         "ACCEPTED",
		kindCapture:       "AUTHORISED CAPTURED CAPTURE_PENDING",
		kindReset:         "CANCELLED",
		kindRefund:        "AUTHORISED CAPTURED",
	}
	for k, words := range approved {
		for status, detailed := range statuses {
			for _, d := range strings.Fields(detailed) {
				isApproved := strings.Contains(" "+words+" ", " "+d+" ")
				for _, k := range []kind{k, find(k)} {
					m := said{k, 200, "SUCCESS", status, d, "", ""}.judge()
					if (m.State == batch.Approved) != isApproved {
						t.Errorf("%s %s %s: got %s", k, status, d, m.Outcome)
					}
					if status == "UNPAID" && !isApproved && m.State != batch.Declined && m.State != batch.Refused && k != kindReset && k != find(kindReset) && k != kindCapture {
						t.Errorf("%s %s %s: got %s, want declined or refused", k, status, d, m.Outcome)
					}
				}
				// A status that contradicts the detailed one is not believed.
				for other := range statuses {
					if m := (said{k, 200, "SUCCESS", other, d, "", ""}).judge(); other != status && (m.State == batch.Approved || m.State == batch.Declined) {
						t.Errorf("%s %s %s: got %s, want no answer", k, other, d, m.Outcome)
					}
				}
			}
		}
		for _, k := range []kind{k, find(k)} {
			if m := (said{k, 200, "SUCCESS", "PAID", "BRAND_NEW", "", ""}).judge(); m.Outcome != codetable.NoAnswer {
				t.Errorf("%s with an unknown status: got %s", k, m.Outcome)
			}
		}
	}
}

// Every error code of the facts, section 7.3, ends a payment without a doubt, those aside
// that mean that the platform does not know.
func TestEveryListedErrorIsJudged(t *testing.T) {
	const definite = "ACQ_001 PSP_001 PSP_002 PSP_003 PSP_013 PSP_016 PSP_020 PSP_021 PSP_022 PSP_023 PSP_024 PSP_025 PSP_026 PSP_027 PSP_030 PSP_031 PSP_032 " +
		"PSP_033 PSP_035 PSP_036 PSP_040 PSP_041 PSP_042 PSP_043 PSP_050 PSP_051 PSP_052 PSP_053 PSP_054 PSP_055 PSP_056 PSP_057 PSP_076 PSP_083 PSP_099 " +
		"PSP_561 PSP_607 INT_015 INT_030 INT_902 CLIENT_001 AUTH_001"
	for _, code := range strings.Fields(definite) {
		for _, k := range []kind{kindPayment, kindToken, kindCapture, kindRefund, kindSchedule} {
			if m := (said{k, 200, "ERROR", "", "", code, ""}).judge(); m.State != batch.Refused && m.State != batch.Declined || len(m.Code) != 5 {
				t.Errorf("%s %s: got %s %q", k, code, m.Outcome, m.Code)
			}
		}
		if m := (said{find(kindPayment), 200, "ERROR", "", "", code, ""}).judge(); m.Outcome != codetable.NoAnswer {
			t.Errorf("a look-up that fails with %s: got %s, want no answer", code, m.Outcome)
		}
	}
}

func TestJudgement(t *testing.T) {
	for why, c := range map[string]struct {
		said
		outcome codetable.Outcome
		code    string
	}{
		"401 is ours to mend":                             {said{kindPayment, 401, "ERROR", "", "", "INT_905", ""}, codetable.Credentials, ""},
		"401 without a body":                              {said{kindPayment, 401, "", "", "", "", ""}, codetable.Credentials, ""},
		"401 is never unknown":                            {said{find(kindPayment), 401, "ERROR", "", "", "PSP_010", ""}, codetable.Credentials, ""},
		"bad credentials in a 200":                        {said{kindPayment, 200, "ERROR", "", "", "INT_905", ""}, codetable.Credentials, ""},
		"a shop without REST":                             {said{kindPayment, 200, "ERROR", "", "", "PSP_100", ""}, codetable.Credentials, ""},
		"slow down":                                       {said{kindPayment, 429, "", "", "", "", ""}, codetable.Busy, ""},
		"an approval with a server's error":               {said{kindPayment, 500, "SUCCESS", "PAID", "AUTHORISED", "", ""}, codetable.NoAnswer, ""},
		"an approval with another success":                {said{kindPayment, 201, "SUCCESS", "PAID", "AUTHORISED", "", ""}, codetable.NoAnswer, ""},
		"an approval without a result":                    {said{kindPayment, 200, "", "PAID", "AUTHORISED", "", ""}, codetable.NoAnswer, ""},
		"an approval in an error":                         {said{kindPayment, 200, "ERROR", "PAID", "AUTHORISED", "", ""}, codetable.NoAnswer, ""},
		"an approval with an error code":                  {said{kindPayment, 200, "SUCCESS", "PAID", "AUTHORISED", "ACQ_001", "05"}, codetable.NoAnswer, ""},
		"an order that is not known":                      {said{find(kindPayment), 200, "ERROR", "", "", "PSP_010", ""}, codetable.UnknownKey, ""},
		"a payment is never unknown":                      {said{kindPayment, 200, "ERROR", "", "", "PSP_010", ""}, codetable.NoAnswer, ""},
		"the original of a capture is not unknown":        {said{find(kindCapture), 200, "ERROR", "", "", "PSP_010", ""}, codetable.NoAnswer, ""},
		"the order of a refund is not unknown":            {said{find(kindRefund), 200, "ERROR", "", "", "PSP_010", ""}, codetable.NoAnswer, ""},
		"a follow-up on nothing":                          {said{kindRefund, 200, "ERROR", "", "", "PSP_010", ""}, codetable.Refused, "02604"},
		"less than asked":                                 {said{kindPayment, 200, "SUCCESS", "PAID", "PARTIALLY_AUTHORISED", "", ""}, codetable.InDoubt, "02612"},
		"a payment that waits for a person":               {said{kindPayment, 200, "SUCCESS", "RUNNING", "AUTHORISED_TO_VALIDATE", "", ""}, codetable.Pending, "02000"},
		"a verification is no payment":                    {said{kindPayment, 200, "SUCCESS", "PAID", "ACCEPTED", "", ""}, codetable.NoAnswer, ""},
		"insufficient funds":                              {said{kindPayment, 200, "SUCCESS", "UNPAID", "REFUSED", "ACQ_001", "51"}, codetable.Declined, "01116"},
		"insufficient funds, looked up":                   {said{find(kindPayment), 200, "SUCCESS", "UNPAID", "REFUSED", "ACQ_001", "51"}, codetable.Declined, "01116"},
		"insufficient funds, in an error":                 {said{kindPayment, 200, "ERROR", "", "", "ACQ_001", "51"}, codetable.Declined, "01116"},
		"a bank's code that is not listed":                {said{kindPayment, 200, "SUCCESS", "UNPAID", "REFUSED", "ACQ_001", "X7"}, codetable.Declined, "02012"},
		"an American Express code":                        {said{kindPayment, 200, "SUCCESS", "UNPAID", "REFUSED", "ACQ_001", "101"}, codetable.Declined, "01101"},
		"refused without a code":                          {said{kindPayment, 200, "SUCCESS", "UNPAID", "REFUSED", "", ""}, codetable.Declined, "02998"},
		"an expired authorization cannot be captured":     {said{find(kindCapture), 200, "SUCCESS", "UNPAID", "EXPIRED", "", ""}, codetable.Refused, "02602"},
		"captured, and then refused by the bank":          {said{find(kindCapture), 200, "SUCCESS", "UNPAID", "REFUSED", "ACQ_001", "51"}, codetable.Declined, "01116"},
		"still waiting for its capture":                   {said{find(kindCapture), 200, "SUCCESS", "RUNNING", "AUTHORISED_TO_VALIDATE", "", ""}, codetable.UnknownKey, ""},
		"a capture that changed nothing":                  {said{kindCapture, 200, "SUCCESS", "RUNNING", "AUTHORISED_TO_VALIDATE", "", ""}, codetable.NoAnswer, ""},
		"not cancelled":                                   {said{find(kindReset), 200, "SUCCESS", "PAID", "AUTHORISED", "", ""}, codetable.UnknownKey, ""},
		"captured, so never cancelled":                    {said{find(kindReset), 200, "SUCCESS", "PAID", "CAPTURED", "", ""}, codetable.Refused, "02105"},
		"a cancellation that changed nothing":             {said{kindReset, 200, "SUCCESS", "PAID", "AUTHORISED", "", ""}, codetable.NoAnswer, ""},
		"it may be captured already, by us":               {said{kindCapture, 200, "ERROR", "", "", "PSP_011", ""}, codetable.Confirm, "02313"},
		"too late to cancel, or cancelled before":         {said{kindReset, 200, "ERROR", "", "", "PSP_075", ""}, codetable.Confirm, "02105"},
		"lowered before":                                  {said{kindReduce, 200, "ERROR", "", "", "PSP_014", ""}, codetable.Approved, "00000"},
		"nothing changed is no capture":                   {said{kindCapture, 200, "ERROR", "", "", "PSP_014", ""}, codetable.NoAnswer, ""},
		"a technical error":                               {said{kindPayment, 200, "ERROR", "", "", "PSP_999", ""}, codetable.NoAnswer, ""},
		"a code of the platform that is not listed":       {said{kindPayment, 200, "ERROR", "", "", "PSP_777", ""}, codetable.NoAnswer, ""},
		"a code of an unknown family":                     {said{kindPayment, 200, "ERROR", "", "", "NEW_001", ""}, codetable.NoAnswer, ""},
		"a code of the integration that is not listed":    {said{kindPayment, 200, "ERROR", "", "", "INT_777", ""}, codetable.Refused, "02305"},
		"a schedule":                                      {said{kindSchedule, 200, "SUCCESS", "", "", "", ""}, codetable.Approved, "02500"},
		"a schedule with an unlisted code stays in doubt": {said{kindSchedule, 200, "ERROR", "", "", "PSP_777", ""}, codetable.NoAnswer, ""},
		"a subscription that has ended before":            {said{kindRecord, 200, "ERROR", "", "", "PSP_033", ""}, codetable.Confirm, "02508"},
		"a rule that is none":                             {said{kindSchedule, 200, "ERROR", "", "", "PSP_033", ""}, codetable.Refused, "02305"},
		"response code 0":                                 {said{kindRecord, 200, "SUCCESS", "", "", "0", ""}, codetable.Approved, "02500"},
		"response code 32":                                {said{kindRecord, 200, "SUCCESS", "", "", "32", ""}, codetable.Refused, "02507"},
		"response code 99":                                {said{kindRecord, 200, "SUCCESS", "", "", "99", ""}, codetable.NoAnswer, ""},
		"no response code":                                {said{kindRecord, 200, "SUCCESS", "", "", "", ""}, codetable.NoAnswer, ""},
	} {
		t.Run(why, func(t *testing.T) {
			if m := c.judge(); m.Outcome != c.outcome || m.Code != c.code {
				t.Errorf("got %s %q, want %s %q", m.Outcome, m.Code, c.outcome, c.code)
			}
		})
	}
}

func TestEveryCodeIsKnown(t *testing.T) {
	for _, m := range meanings.Meanings() {
		if _, ok := batch.FindCode(m.Code); m.State != "" && !ok {
			t.Errorf("%s %s: no such code (%s)", m.Outcome, m.Code, m.Source)
		}
	}
}

// A code that no document lists is never one that a rule retries, and somebody is told.
func TestUnlistedCodesAreNeverRetried(t *testing.T) {
	for _, s := range []said{
		{kindPayment, 200, "SUCCESS", "UNPAID", "REFUSED", "ACQ_001", "X7"},
		{kindPayment, 200, "SUCCESS", "UNPAID", "REFUSED", "ACQ_777", ""},
		{kindPayment, 200, "SUCCESS", "UNPAID", "REFUSED", "PSP_777", ""},
		{kindPayment, 200, "ERROR", "", "", "AUTH_777", ""},
		{kindPayment, 200, "ERROR", "", "", "INT_777", ""},
	} {
		m := s.judge()
		switch class := batch.CodeClassOf(m.Code); class {
		case batch.ClassOther, batch.ClassBuyer, batch.ClassRequest:
		default:
			t.Errorf("%+v: class %s", s, class)
		}
		if !m.Unlisted {
			t.Errorf("%+v: nobody is told", s)
		}
	}
	for _, s := range []said{
		{kindPayment, 200, "SUCCESS", "UNPAID", "REFUSED", "ACQ_001", "05"},
		{kindPayment, 200, "SUCCESS", "PAID", "AUTHORISED", "", ""},
		{kindPayment, 200, "ERROR", "", "", "INT_902", ""},
	} {
		if s.judge().Unlisted {
			t.Errorf("%+v is listed", s)
		}
	}
}
