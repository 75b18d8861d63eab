package payline

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/money"
)

// schemas derives from the vendor's WSDL what xmllint reads: its two schemas as files, and
// one for the envelope around them.
func schemas(t *testing.T) (envelope string) {
	t.Helper()
	wsdl, err := os.ReadFile("testdata/DirectPaymentAPI-4.77.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	// The schemas use prefixes that the description around them binds.
	const prefixes = `<schema xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:impl="` + messageSpace + `" xmlns:tns1="` + objectSpace + `" `
	rest := string(wsdl)
	for _, name := range []string{"message.xsd", "object.xsd"} {
		_, after, ok := strings.Cut(rest, "<schema ")
		text, remaining, ok2 := strings.Cut(after, "</schema>")
		if !ok || !ok2 {
			t.Fatal("the description has no two schemas")
		}
		text = strings.ReplaceAll(text, `<import namespace="`+objectSpace+`"`, `<import schemaLocation="object.xsd" namespace="`+objectSpace+`"`)
		text = strings.ReplaceAll(text, `<import namespace="`+messageSpace+`"`, `<import schemaLocation="message.xsd" namespace="`+messageSpace+`"`)
		text = strings.ReplaceAll(text, ` wsdl:required="true"`, "") // an attribute that no schema knows
		write(name, prefixes+text+"</schema>")
		rest = remaining
	}
	return write("envelope.xsd", `<schema xmlns="http://www.w3.org/2001/XMLSchema" xmlns:s="`+soapSpace+`" targetNamespace="`+soapSpace+`" elementFormDefault="qualified">
<import namespace="`+messageSpace+`" schemaLocation="message.xsd"/>
<element name="Envelope"><complexType><sequence><element name="Body"><complexType><sequence>
<any namespace="`+messageSpace+`" processContents="strict"/>
</sequence></complexType></element></sequence></complexType></element></schema>`)
}

// everyMessage is each message of the encoder, with as little and as much on it as can be.
func everyMessage() map[string][]byte {
	messages := map[string][]byte{}
	put := func(name, op string, version int, write func(*encoder)) {
		e := encoder{version: version, now: testNow, seriesActions: version == 34}
		e.message(op, write)
		messages[name] = e.Buf
	}
	for command, req := range requests() {
		op := operationOf(&req)
		put(string(command)+" full", op.name, 34, func(e *encoder) { op.write(e, &req) })
		put(string(command)+" in an old version", op.name, 4, func(e *encoder) { op.write(e, &req) })
		bare := bareRequest(req)
		op = operationOf(&bare)
		put(string(command)+" bare", op.name, 34, func(e *encoder) { op.write(e, &bare) })
	}
	byNumber := requests()[batch.DoAuthorization]
	byNumber.Wallet = nil
	byNumber.Card = gateway.Card{Token: "4978YYYYYYYYY0000", Type: "MASTERCARD"}
	put("doAuthorization by token", authorization.name, 34, func(e *encoder) { e.authorization(&byNumber) })
	made := requests()[batch.CreateWallet]
	made.Card, made.Original = gateway.Card{}, &batch.Transaction{ID: "TRX-1"}
	put("createWallet from a transaction", createWallet.name, 34, func(e *encoder) { e.createWallet(&made) })
	kept := requests()[batch.UpdateWallet]
	kept.Card = gateway.Card{}
	put("updateWallet without a card", updateWallet.name, 34, func(e *encoder) { e.updateWallet(&kept) })
	var many []batch.WalletID
	for i := range 500 {
		many = append(many, batch.WalletID(fmt.Sprintf("W-%d", i)))
	}
	put("disableWallet of 500", disableWallet.name, 34, func(e *encoder) { e.disableWallet("1234567", 0, many...) })
	put("getTransactionDetails by id", details.name, 34, func(e *encoder) { e.details("TRX-1", "", anytime) })
	put("getTransactionDetails by order", details.name, 34, func(e *encoder) { e.details("", string(testKey), period{testNow, testNow}) })
	put("transactionsSearch by order", search.name, 34, func(e *encoder) { e.search(criteria{orderRef: string(testKey)}, period{testNow, testNow}) })
	put("transactionsSearch by sequence", search.name, 34, func(e *encoder) { e.search(criteria{sequence: string(testKey)}, period{testNow, testNow}) })
	put("transactionsSearch by all", search.name, 34, func(e *encoder) { e.search(criteria{"TRX-1", "o", "s", "00000"}, period{testNow, testNow}) })
	state := requests()[batch.GetWallet]
	put("getWallet as it stands", stateWallet.name, 34, func(e *encoder) { e.getWallet(&state, 0) })
	put("getCards", stateCards.name, 34, func(e *encoder) { e.getCards(&state) })
	record := requests()[batch.DisablePaymentRecord]
	put("getPaymentRecord", stateRecord.name, 34, func(e *encoder) { e.getPaymentRecord(&record) })
	return messages
}

const testKey batch.Key = "aaaaaaaaaaaaaaaaaaaaaaaaaa"

var testNow = time.Date(2026, 11, 22, 3, 4, 5, 0, time.UTC)

const testCard = "5123450000000008"

// requests is one of each command with everything on it.
func requests() map[batch.Command]gateway.Request {
	all := map[batch.Command]gateway.Request{}
	for command := range newProfile(Config{}, batch.Test).Commands {
		req := gateway.Request{
			Key: testKey, Command: command, Contract: "1234567", Version: "", OrderRef: `INV <1> & "co"`, OrderDate: "2026-11-21T22:15:00+01:00",
			SoftDescriptor: "ACME*SHOP", Comment: "a 'comment'", Private: []batch.PrivateDatum{{Key: "shop", Value: "7"}, {Key: "é", Value: ""}},
			Amount: money.Amount{Minor: 2990, Currency: "EUR"}, Action: "101", Mode: "CPT",
			Wallet: &batch.Wallet{
				ID: "W-42", LastName: "Doe", FirstName: "Zoë", Email: "zoe@example.com", DefaultCard: 2,
				Cards: []batch.Card{{Index: 2, Type: "MASTERCARD", Expiry: "0139"}},
			},
			Credential: gateway.Credential{Source: batch.SourceMerchant, Use: gateway.Stored, Agreement: &batch.Agreement{ID: "AGR-7", FirstID: "TRX-FIRST"}},
		}
		number := gateway.Card{Number: batch.NewPAN(testCard), Expiry: "0139", Cardholder: "Zoë Doe", Type: "MASTERCARD"}
		switch command {
		case batch.CreateWallet, batch.UpdateWallet:
			req.Card = number
		case batch.DoAuthorization, batch.Verify:
			req.Card, req.Wallet = number, nil
		case batch.DisableWallet, batch.EnableWallet, batch.GetWallet:
			req.CardIndex = 2
		case batch.DoImmediateWalletPayment:
			req.Mode, req.CaptureDate = "DIF", "2026-11-25"
		case batch.DoScheduledWalletPayment:
			req.Schedule = &batch.Schedule{Date: "2026-12-31"}
		case batch.DoRecurrentWalletPayment:
			req.Mode = "REC"
			req.Schedule = &batch.Schedule{Date: "2026-12-31", First: 990, Recurring: 1000, Cycle: "40", Left: 3, Day: 31, Start: "2026-12-31", End: "2027-12-31"}
		case batch.DisablePaymentRecord:
			req.PaymentRecord = "173661"
		}
		if command.Phase() == batch.PhaseFollowUp {
			req.Original = &batch.Transaction{ID: "TRX-1", LastFollowUpID: "TRX-2", CompletedAt: testNow.AddDate(0, 0, -3)}
		}
		all[command] = req
	}
	return all
}

// bareRequest leaves only what a request cannot do without.
func bareRequest(req gateway.Request) gateway.Request {
	bare := gateway.Request{
		Key: req.Key, Command: req.Command, Contract: req.Contract, Amount: req.Amount, Card: req.Card,
		Original: req.Original, Schedule: req.Schedule, PaymentRecord: req.PaymentRecord,
	}
	bare.Card.Cardholder, bare.Card.Expiry, bare.Card.Type = "", "", ""
	if req.Wallet != nil {
		bare.Wallet = &batch.Wallet{ID: req.Wallet.ID}
	}
	if bare.Schedule != nil {
		bare.Schedule = &batch.Schedule{Date: req.Schedule.Date, Recurring: req.Schedule.Recurring, Cycle: req.Schedule.Cycle}
	}
	if req.Command == batch.DoReset {
		bare.Amount = money.Amount{}
	}
	return bare
}

// TestEveryMessageIsValid checks what is sent against the vendor's own schema.
func TestEveryMessageIsValid(t *testing.T) {
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("xmllint is missing; it is in Debian's package libxml2-utils")
		}
		t.Skip("xmllint is missing; it is in Debian's package libxml2-utils")
	}
	schema := schemas(t)
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", schema}
	names := map[string]string{}
	for name, message := range everyMessage() {
		path := filepath.Join(dir, strings.ReplaceAll(name, " ", "_")+".xml")
		if err := os.WriteFile(path, message, 0o600); err != nil {
			t.Fatal(err)
		}
		names[path] = name
		args = append(args, path)
	}
	// One that must not pass shows that something is checked.
	wrong := filepath.Join(dir, "wrong.xml")
	if err := os.WriteFile(wrong, bytes.ReplaceAll(everyMessage()["doCapture bare"], []byte("sequenceNumber"), []byte("sequence")), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	out, _ := exec.CommandContext(ctx, xmllint, append(args, wrong)...).CombinedOutput() // the wrong one fails it
	if !strings.Contains(string(out), wrong+" fails to validate") {
		t.Errorf("a wrong message passed:\n%s", out)
	}
	for path, name := range names {
		if !strings.Contains(string(out), path+" validates\n") {
			var about []string
			for line := range strings.Lines(string(out)) {
				if strings.HasPrefix(line, path) {
					about = append(about, strings.TrimPrefix(line, dir))
				}
			}
			t.Errorf("%s is not valid:\n%s", name, strings.Join(about, ""))
		}
	}
}
