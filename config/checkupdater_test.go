package config

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// withUpdaters has a provider that is asked by files, and a folder that a processor's
// update files arrive in.
const withUpdaters = `environment: TEST
merchants:
  - {id: acme, updater_report: {every: monthly, mail: [billing@example.com], since: 2026-11}}
  - {id: zeta, updater_report: {every: daily, source: in}}
contracts:
  - {merchant: acme, id: "1", gateway: sim, updater: {name: asked, account: "89987201"}}
  - {merchant: zeta, id: "2", gateway: sim, updater: {name: asked, account: "89987201"}}
  - {merchant: zeta, id: "3", gateway: safe}
gateways:
  - {name: sim, kind: mastercard, endpoint: "embedded:"}
  - {name: safe, kind: paysafe, endpoint: "embedded:"}
updaters:
  - name: asked
    kind: paysafe
    outbound: {folder: Incoming}
    inbound: {folder: Outgoing, ready: stable}
    store_id: s1
    store_password: env:STORE
    encrypt_to: keys/public.asc
    decrypt_with: keys/private.asc
    layouts: {response: layouts/response.yaml}
    codes: codes.csv
  - name: read
    kind: files
    format: cybersource
    merchants: [acme]
    inbound: {folder: updates, ready: rename}
notify: {mail: {host: smtp.example.com}}
sources:
  - {name: in, merchants: [acme, zeta], inbound: {folder: in, ready: rename}, outbound: {folder: out}}
  - {name: other, merchants: [acme], inbound: {folder: in2, ready: rename}, outbound: {folder: out2}}
`

func TestAnUpdaterHasItsDefaultsAndPathsStartAtTheFile(t *testing.T) {
	c := mustParse(t, withUpdaters, Options{})
	asked, read := c.Updater("asked"), c.Updater("read")
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"no updater of another name", c.Updater("nobody"), (*Updater)(nil)},
		{"format", asked.Format, "paysafe"},
		{"schemes", asked.Schemes, []string{"VISA", "MASTERCARD"}},
		{"cut-off", asked.CutOff, UpdaterCutOff{At: "05:30", TimeZone: "America/New_York"}},
		{"wait", asked.Wait, 96 * time.Hour},
		{"acknowledge within", asked.AcknowledgeWithin, 12 * time.Hour},
		{"largest request", asked.MaxBytes, 1000000},
		{"most records", asked.MaxRecords, 50000},
		{"select", asked.Select, "monthly"},
		{"apply", asked.Apply, true},
		{"responses", asked.ResponsePattern, "*"},
		{"time zone", asked.TimeZone, "UTC"},
		{"outbound", asked.Outbound.Folder, Path("/etc/cardbatch/Incoming")},
		{"inbound", asked.Inbound.Folder, Path("/etc/cardbatch/Outgoing")},
		{"public key", asked.EncryptTo, Path("/etc/cardbatch/keys/public.asc")},
		{"private key", asked.DecryptWith, Path("/etc/cardbatch/keys/private.asc")},
		{"layouts", asked.Layouts, UpdaterLayouts{Response: "/etc/cardbatch/layouts/response.yaml"}},
		{"codes", asked.Codes, Path("/etc/cardbatch/codes.csv")},
		{"no outbound where nobody is asked", read.Outbound, Outbound{}},
		{"account of a contract", c.Contract("acme", "1").Updater, ContractUpdater{Name: "asked", Account: "89987201"}},
		{"report", c.Merchant("acme").UpdaterReport, UpdaterReport{
			Every: "monthly", Format: "csv", Fields: "standard", Folder: true, Mail: []string{"billing@example.com"}, Language: "en", Since: "2026-11",
		}},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %v, want %v", check.what, check.got, check.want)
		}
	}
}

func TestTheDefaultOfAListGivesWayToWhatIsGiven(t *testing.T) {
	c := mustParse(t, strings.Replace(withUpdaters, "    codes:", "    schemes: [JCB]\n    codes:", 1), Options{})
	if got := c.Updater("asked").Schemes; !reflect.DeepEqual(got, []string{"JCB"}) {
		t.Errorf("got %v", got)
	}
}

func TestWhatPrintWritesOfUpdatersReadsBack(t *testing.T) {
	c := mustParse(t, withUpdaters, Options{})
	var printed bytes.Buffer
	if err := c.Print(&printed); err != nil {
		t.Fatal(err)
	}
	if again := mustParse(t, printed.String(), Options{}); again.Hash() != c.Hash() {
		t.Errorf("hash differs after printing:\n%s", &printed)
	}
	golden(t, "print-updaters.yaml", printed.Bytes())
}

func TestUpdatersThatAreRight(t *testing.T) {
	for _, row := range []struct{ name, old, new string }{
		{"neither store id nor store password", "    store_id: s1\n    store_password: env:STORE\n", ""},
		{"a readiness by a second file", "ready: stable", "ready: done-file"},
		{"an updater whose last contract left it and whose answers are awaited", withUpdaters[strings.Index(withUpdaters, "contracts:"):strings.Index(withUpdaters, "    outbound: {folder: Incoming")],
			`contracts: [{merchant: acme, id: "1", gateway: sim}]
gateways: [{name: sim, kind: mastercard, endpoint: "embedded:"}]
updaters:
  - name: asked
    kind: paysafe
    select: manual
`},
		{"update files that come encrypted", "    format: cybersource", "    decrypt_with: k.asc\n    passphrase: env:P\n    format: cybersource"},
		{"update files of every merchant", "    merchants: [acme]\n", ""},
		{"update files that only own tables read", "    format: cybersource", "    format: own\n    layouts: {response: r.yaml}\n    codes: c.csv"},
		{"a contract that update files are matched to by its account", `gateway: safe}`, `gateway: safe, updater: {name: other, account: A-7}}`},
		{"a pattern that lets acknowledgements through", "ready: stable", `ready: stable, pattern: "upd_*.[ag]*"`},
		{"update files by a pattern", "{folder: updates, ready", `{folder: updates, pattern: "*.txt", ready`},
		{"a report on demand that is written otherwise", "every: daily, source: in", "format: html, fields: extended"},
		{"no source is needed where only mail goes", "daily, source: in", "daily, folder: false, mail: [a@example.com]"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if strings.Count(withUpdaters, row.old) != 1 {
				t.Fatalf("withUpdaters does not hold %q once", row.old)
			}
			text := strings.Replace(withUpdaters, row.old, row.new, 1)
			if strings.Contains(row.new, "name: other") {
				text = strings.Replace(text, "updaters:\n", "updaters:\n  - {name: other, kind: files, format: jpmorgan, inbound: {folder: jpm, ready: rename}}\n", 1)
			}
			mustParse(t, text, Options{})
		})
	}
}

const noRecord = "must have no space, comma or quotation mark: no record of a request could hold it"

func TestProblemsOfUpdatersSayWhereAndWhatToDo(t *testing.T) {
	for _, row := range []struct{ name, old, new, want string }{
		{"an updater twice", "name: read", "name: asked",
			`23:11: updaters[1].name: is the name of updaters[0] already; give each its own`},
		{"an updater called as a gateway", "name: read", "name: sim",
			`23:11: updaters[1].name: is the name of gateways[0] too, which tells of cards itself; choose another name`},
		{"an updater called as SmartBill", "name: read", "name: smartbill",
			`23:11: updaters[1].name: smartbill is what reports call American Express SmartBill by that route; choose another name`},
		{"a provider that is asked without a folder for requests", "    outbound: {folder: Incoming}\n", "",
			`13:5: updaters[0].outbound: is missing: requests go there`},
		{"an outbound folder that is not named", "outbound: {folder: Incoming}", "outbound: {}",
			`15:15: updaters[0].outbound.folder: is missing: The folder. On a remote: its path there.`},
		{"no inbound folder", "    inbound: {folder: updates, ready: rename}\n", "",
			`23:5: updaters[1].inbound: is missing: Where acknowledgements and responses, or update files, come from. Ready cannot be trailer.`},
		{"requests to nobody's key", "    encrypt_to: keys/public.asc\n", "",
			`13:5: updaters[0].encrypt_to: is missing: requests are encrypted to the provider's public key`},
		{"responses that nobody can read", "    decrypt_with: keys/private.asc\n", "",
			`13:5: updaters[0].decrypt_with: is missing: responses are encrypted to our key`},
		{"a store id alone", "    store_password: env:STORE\n", "",
			`13:5: updaters[0].store_password: is missing: it goes with store_id`},
		{"a store password alone", "    store_id: s1\n", "",
			`13:5: updaters[0].store_id: is missing: it goes with store_password`},
		{"a store id with a space", "store_id: s1", "store_id: my store", `17:15: updaters[0].store_id: ` + noRecord},
		{"a store id with a comma", "store_id: s1", `store_id: "s1,s2"`, `17:15: updaters[0].store_id: ` + noRecord},
		{"a store id with a quotation mark", "store_id: s1", `store_id: 's"1'`, `17:15: updaters[0].store_id: ` + noRecord},
		{"a store id with a control character", "store_id: s1", `store_id: "s\x7f1"`, `17:15: updaters[0].store_id: holds a control character`},
		{"a passphrase without a key", "    format: cybersource", "    passphrase: env:P\n    format: cybersource",
			`25:17: updaters[1].passphrase: has no effect without decrypt_with`},
		{"a scheme that does not exist", "    codes: codes.csv", "    schemes: [VISA, VIZA]",
			`22:21: updaters[0].schemes[1]: must be one of CB VISA MASTERCARD AMEX JCB`},
		{"no scheme", "    codes: codes.csv", "    schemes: []",
			`22:14: updaters[0].schemes: is empty; at least one is needed`},
		{"a cut-off that no clock shows", "    codes: codes.csv", "    cut_off: {at: 5:30}",
			`22:19: updaters[0].cut_off.at: a time of day is written HH:MM, 00:00 to 23:59`},
		{"a cut-off in no time zone", "    codes: codes.csv", "    cut_off: {time_zone: EST5}",
			`22:26: updaters[0].cut_off.time_zone: is no IANA time zone such as Europe/Paris`},
		{"times in no time zone", "    codes: codes.csv", "    time_zone: Eastern",
			`22:16: updaters[0].time_zone: is no IANA time zone such as Europe/Paris`},
		{"a wait below a day", "    codes: codes.csv", "    wait: 12h",
			`22:11: updaters[0].wait: must be from 24h to 720h`},
		{"an acknowledgement after the responses", "    codes: codes.csv", "    acknowledge_within: 97h",
			`22:25: updaters[0].acknowledge_within: is longer than wait: responses come after the acknowledgement`},
		{"a request larger than any that is taken", "    codes: codes.csv", "    max_bytes: 3000001",
			`22:16: updaters[0].max_bytes: must be from 1000 to 3000000 (bytes, before encryption)`},
		{"more records than are taken", "    codes: codes.csv", "    max_records: 50001",
			`22:18: updaters[0].max_records: must be from 1 to 50000 (records)`},
		{"responses by a pattern that is none", "    codes: codes.csv", `    response_pattern: "out/*"`,
			`22:23: updaters[0].response_pattern: must be a pattern of file names: letters, * ? and [a-z], without /`},
		{"a pattern that only responses have", "ready: stable", `ready: stable, pattern: "*.gpg"`,
			`16:57: updaters[0].inbound.pattern: would hide acknowledgements; say it in response_pattern`},
		{"a pattern that is none", "ready: stable", `ready: stable, pattern: "[a"`,
			`16:57: updaters[0].inbound.pattern: must be a pattern of file names: letters, * ? and [a-z], without /`},
		{"a trailer that cannot come", "ready: stable", "ready: trailer",
			`16:40: updaters[0].inbound.ready: the files of an account updater have no trailer; choose stable, done-file or rename`},
		{"a setting of another readiness rule", "ready: stable", "ready: rename, stable_for: 2m",
			`16:60: updaters[0].inbound.stable_for: has no effect with ready: rename; remove it`},
		{"a suffix that is a path", "ready: stable", "ready: done-file, done_suffix: /ok",
			`16:64: updaters[0].inbound.done_suffix: must be the end of a file name, without /`},
		{"a remote where there is none", "{folder: Incoming}", "{folder: Incoming, remote: r}",
			`15:42: updaters[0].outbound.remote: names no remote of this file; there is no list of remotes`},
		{"files of another processor from one that is asked", "kind: paysafe\n", "kind: paysafe\n    format: jpmorgan\n",
			`15:13: updaters[0].format: must be paysafe, as the kind; layouts and codes replace its tables`},
		{"merchants of an updater that contracts name", "    codes: codes.csv", "    merchants: [acme]",
			`22:16: updaters[0].merchants: has no effect with kind: paysafe; remove it`},
		{"update files of nobody in particular", "    format: cybersource\n", "",
			`23:5: updaters[1].format: is missing: say whose files they are`},
		{"own update files without a table", "    format: cybersource", "    format: own\n    codes: c.csv",
			`23:5: updaters[1].layouts.response: is missing: with format: own no shipped table reads the files`},
		{"own update files without codes", "    format: cybersource", "    format: own\n    layouts: {response: r.yaml}",
			`23:5: updaters[1].codes: is missing: with format: own no shipped table says what codes mean`},
		{"an outbound folder where nobody is asked", "    format: cybersource", "    outbound: {folder: x}\n    format: cybersource",
			`25:15: updaters[1].outbound: has no effect with kind: files; remove it`},
		{"a cut-off where nobody is asked", "    format: cybersource", "    cut_off: {at: \"05:30\"}\n    format: cybersource",
			`25:14: updaters[1].cut_off: has no effect with kind: files; remove it`},
		{"a merchant of update files that is not there", "    merchants: [acme]", "    merchants: [nobody]",
			`26:17: updaters[1].merchants[0]: names no merchant of this file`},
		{"a provider that no contract names", "    outbound: {folder: Incoming}\n", "    outbound: {folder: Incoming}\n" + `    inbound: {folder: x, ready: rename}
    encrypt_to: a
    decrypt_with: b
  - name: idler
    kind: paysafe
    outbound: {folder: y}
`,
			`19:5: updaters[1]: is named by no contract, so that nothing is asked; name it in contracts[].updater, or say select: manual when only answers are awaited`},
		{"an updater that reads what it writes", "{folder: Incoming}", "{folder: ./Outgoing/}",
			`15:24: updaters[0].outbound.folder: is the inbound folder of updaters[0]; requests would be read as files`},
		{"an updater that reads the folder of a source", "{folder: updates, ready", "{folder: in2, ready",
			`27:23: updaters[1].inbound.folder: is the inbound folder of sources[1] already; each needs its own`},
		{"answers to a source that an updater reads", "{folder: out2}", "{folder: updates}",
			`31:96: sources[1].outbound.folder: is the inbound folder of updaters[1]; answers would be read as files`},

		{"a contract with an updater that is not there", "name: asked, account: \"89987201\"}}\n  - {merchant: zeta, id: \"2\"", "name: aksed, account: \"89987201\"}}\n  - {merchant: zeta, id: \"2\"",
			`6:61: contracts[0].updater.name: names no updater of this file; did you mean asked?`},
		{"a contract without an account", `{name: asked, account: "89987201"}}` + "\n  - {merchant: zeta, id: \"2\"", "{name: asked}}\n  - {merchant: zeta, id: \"2\"",
			`6:54: contracts[0].updater.account: is missing: the updater is asked under the contract's merchant account number`},
		{"an account with letters", `{name: asked, account: "89987201"}}` + "\n  - {merchant: zeta, id: \"2\"", "{name: asked, account: 8998-7201}}\n  - {merchant: zeta, id: \"2\"",
			`6:77: contracts[0].updater.account: must be the digits of a merchant account number`},
		{"an account at nobody", "gateway: safe}", `gateway: safe, updater: {account: "1"}}`,
			`8:55: contracts[2].updater.name: is missing: account is that of the contract at an updater`},
		{"cards that Paysafe updates in its profiles", "gateway: safe}", `gateway: safe, updater: {name: asked, account: "1"}}`,
			`8:62: contracts[2].updater.name: the gateway keeps the contract's cards in Paysafe profiles, which Paysafe updates by itself and does not take by file; remove it`},
		{"a contract of a merchant that the update files are not about", "gateway: safe}", `gateway: safe, updater: {name: read}}`,
			`8:62: contracts[2].updater.name: is not for the contract's merchant; add it to the updater's merchants`},

		{"the source of a report on demand", "every: daily, source: in", "format: html, source: in",
			`4:55: merchants[1].updater_report.source: has no effect without every: daily or monthly; remove it`},
		{"the folder of one", "every: daily, source: in", "folder: true",
			`4:41: merchants[1].updater_report.folder: has no effect without every: daily or monthly; remove it`},
		{"the addresses of one", "every: daily, source: in", "mail: [a@example.com]",
			`4:39: merchants[1].updater_report.mail: has no effect without every: daily or monthly; remove it`},
		{"the language of one", "every: daily, source: in", "language: fr",
			`4:43: merchants[1].updater_report.language: has no effect without every: daily or monthly; remove it`},
		{"the first month of one", "every: daily, source: in", "since: 2026-11",
			`4:40: merchants[1].updater_report.since: has no effect without every: daily or monthly; remove it`},
		{"sending one that is empty", "every: daily, source: in", "send_empty: true",
			`4:45: merchants[1].updater_report.send_empty: has no effect without every: daily or monthly; remove it`},
		{"a report at a time that is none", "every: daily", "every: dayly",
			`4:40: merchants[1].updater_report.every: must be one of daily monthly; did you mean daily?`},
		{"a report to a source that is not there", "source: in}", "source: inn}",
			`4:55: merchants[1].updater_report.source: names no source of this file; did you mean in?`},
		{"a report to the source of another merchant", "source: in}", "source: other}",
			`4:55: merchants[1].updater_report.source: is no source of this merchant; name one that lists it`},
		{"a source of a report that goes to no folder", "source: in}", "source: in, folder: false, mail: [a@example.com]}",
			`4:55: merchants[1].updater_report.source: has no effect with folder: false; remove it`},
		{"a report that goes nowhere", "source: in}", "folder: false}",
			`4:55: merchants[1].updater_report.folder: must be true, or mail given: the report would go nowhere`},
		{"an address that is none", "mail: [billing@example.com]", "mail: [billing@example.com, billing]",
			`3:77: merchants[0].updater_report.mail[1]: must be an e-mail address such as billing@example.com`},
		{"an address with a name", "mail: [billing@example.com]", `mail: ["Billing <billing@example.com>"]`,
			`3:56: merchants[0].updater_report.mail[0]: must be an e-mail address such as billing@example.com`},
		{"a report by mail without a mail server", "notify: {mail: {host: smtp.example.com}}\n", "",
			`3:55: merchants[0].updater_report.mail: needs notify.mail.host: e-mails are to be sent`},
		{"a month that is a day", "since: 2026-11", "since: 2026-11-01",
			`3:85: merchants[0].updater_report.since: must be a month, YYYY-MM`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if strings.Count(withUpdaters, row.old) != 1 {
				t.Fatalf("withUpdaters does not hold %q once", row.old)
			}
			_, err := parse(t, strings.Replace(withUpdaters, row.old, row.new, 1), Options{})
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want %q", err, row.want)
			}
			if got, want := err.Error(), "/etc/cardbatch/cardbatch.yaml:"+row.want; got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
		})
	}
}

func TestAContractNamesAnUpdaterOnlyWhereThereAreSome(t *testing.T) {
	text := strings.Replace(minimal, "gateway: sim\n", "gateway: sim\n    updater: {name: asked, account: \"1\"}\n", 1)
	_, err := parse(t, text, Options{})
	want := "/etc/cardbatch/cardbatch.yaml:8:21: contracts[0].updater.name: names no updater of this file; there is no list of updaters"
	if err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

func TestCardsUnderSmartBillAreNotAskedAbout(t *testing.T) {
	text := strings.Replace(twoAtAmex, `{merchant: zeta, id: "2", `, `{merchant: zeta, id: "2", updater: {name: read}, `, 1) +
		"updaters: [{name: read, kind: files, format: jpmorgan, inbound: {folder: updates, ready: rename}}]\n"
	_, err := parse(t, text, Options{})
	want := "/etc/cardbatch/cardbatch.yaml:5:47: contracts[1].updater.name: goes with no contract under SmartBill: its cards are registered at American Express, not asked about; remove it"
	if err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

func TestAReportOfAMerchantWithoutASourceGoesByMailOnly(t *testing.T) {
	text := strings.Replace(minimal, "  - id: acme\n", "  - id: acme\n  - {id: zeta, updater_report: {every: daily}}\n", 1)
	_, err := parse(t, text, Options{})
	want := "/etc/cardbatch/cardbatch.yaml:4:32: merchants[1].updater_report.folder: must be false: the merchant has no source whose outbound folder the report could go to"
	if err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}

func TestAnExchangeDoesNotReadTheFolderOfASource(t *testing.T) {
	_, err := parse(t, strings.Replace(twoAtAmex, "inbound: {folder: from,", "inbound: {folder: in,", 1), Options{})
	want := "/etc/cardbatch/cardbatch.yaml:7:44: exchanges[0].inbound.folder: is the inbound folder of sources[0] already; each needs its own"
	if err == nil || err.Error() != want {
		t.Errorf("\n got %v\nwant %s", err, want)
	}
}
