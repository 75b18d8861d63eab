package config

import (
	"errors"
	"strings"
	"testing"
)

// full uses most of what there is.
const full = `environment: LIVE
time_zone: Europe/Paris
merchants:
  - id: acme
    limits:
      amounts: {EUR: 100}
  - id: zeta
contracts:
  - id: "1"
    merchant: acme
    gateway: mc
    card_types: [VISA]
    currencies: [EUR]
gateways:
  - name: mc
    kind: mastercard
    endpoint: https://eu-gateway.mastercard.com
    merchant_id: ACME
    password: cmd:pass show gateway
    circuit: {consecutive: 3}
remotes:
  - name: drop
    host: sftp.example.com
    user: u
    known_hosts: keys/known_hosts
    key: keys/id
    key_passphrase: file:secrets/pass
sources:
  - name: one
    merchants: [acme]
    inbound:
      remote: drop
      folder: in
      ready: stable
      stable_for: 2m
    outbound:
      remote: drop
      folder: out
    expected:
      - pattern: PAY-*.csv
        by: 22:30
  - name: two
    merchants: [acme]
    inbound:
      folder: in
      ready: done-file
    outbound:
      folder: out
    control: none
    separator: tab
    columns: {Invoice: line_ref, Sum: amount}
    constants: {currency: EUR, private.batch: night}
run:
  until: "05:00"
`

func TestProblemsSayWhereAndWhatToDo(t *testing.T) {
	for _, row := range []struct {
		name     string
		old, new string // one change to full
		want     string
	}{
		{"an unknown key is named with its likely meaning", "stable_for: 2m", "stable_fro: 2m",
			`35:7: sources[0].inbound.stable_fro: unknown key; did you mean stable_for?`},
		{"an unknown key without a likely meaning shows what there is", "run:\n  until", "run:\n  colour: red\n  until",
			`54:3: run.colour: unknown key; known here: chunk, resolve_wait, until`},
		{"a misspelt mandatory key is one problem", "ready: done-file", "raedy: done-file",
			`46:7: sources[1].inbound.raedy: unknown key; did you mean ready?`},
		{"a key given twice", "environment: LIVE", "environment: LIVE\nenvironment: LIVE",
			`2:1: environment: is given twice, first in line 1; remove one`},
		{"a key of a table given twice", "{EUR: 100}", "{EUR: 100, EUR: 200}",
			`6:27: merchants[0].limits.amounts.EUR: is given twice, first in line 6; remove one`},
		{"a mandatory setting is missing", "    host: sftp.example.com\n", "",
			`22:5: remotes[0].host: is missing: Host name or address, without port.`},
		{"readiness is never none by accident", "      ready: done-file\n", "",
			`45:7: sources[1].inbound.ready: is missing: How a file shows that it is complete: unchanged for stable_for, a second file beside it, a name it only gets at the end, or its trailer record. One of stable done-file rename trailer.`},
		{"the environment is missing", "environment: LIVE\n", "",
			`1:1: environment: is missing: The world this installation belongs to. Files, store and endpoints of the other one are refused. One of TEST LIVE.`},
		{"an empty list where something is needed", "  - name: one\n    merchants: [acme]", "  - name: one\n    merchants: []",
			`30:16: sources[0].merchants: is empty; at least one is needed`},
		{"a key without a value", "  until: \"05:00\"", "  until:",
			`54:9: run.until: has no value; give one or remove the key`},
		{"an empty value", "  until: \"05:00\"", "  until: \"\"",
			`54:10: run.until: is empty; give a value or remove the key`},
		{"a word that is not accepted", "ready: done-file", "ready: donefile",
			`46:14: sources[1].inbound.ready: must be one of stable done-file rename trailer; did you mean done-file?`},
		{"a word far from any accepted one", "kind: mastercard", "kind: paypal",
			`16:11: gateways[0].kind: must be one of mastercard mastercard-batch payline lyra paysafe smartbill`},
		{"a yes that is no true", "    key: keys/id\n", "    key: keys/id\n    agent: yes\n",
			`27:12: remotes[0].agent: must be true or false`},
		{"a number in words", "consecutive: 3", "consecutive: three",
			`20:28: gateways[0].circuit.consecutive: must be a whole number, digits only`},
		{"a number with a leading zero", "consecutive: 3", "consecutive: 010",
			`20:28: gateways[0].circuit.consecutive: must be a whole number, digits only`},
		{"a number outside its limits", "consecutive: 3", "consecutive: 0",
			`20:28: gateways[0].circuit.consecutive: must be from 1 to 1000 (requests)`},
		{"a fraction as an amount", "{EUR: 100}", "{EUR: 100.50}",
			`6:22: merchants[0].limits.amounts.EUR: must be a whole number, digits only`},
		{"a duration without a unit", "stable_for: 2m", "stable_for: 2",
			`35:19: sources[0].inbound.stable_for: must be a duration such as 500ms, 30s, 5m or 24h`},
		{"a duration outside its limits", "stable_for: 2m", "stable_for: 0s",
			`35:19: sources[0].inbound.stable_for: must be from 1s to 24h`},
		{"a time that no clock shows", "by: 22:30", "by: 25:00",
			`41:13: sources[0].expected[0].by: a time of day is written HH:MM, 00:00 to 23:59`},
		{"a list where a value belongs", "user: u", "user: [u]",
			`24:11: remotes[0].user: must be one value, not a list`},
		{"a value where a list belongs", "card_types: [VISA]", "card_types: VISA",
			`12:17: contracts[0].card_types: must be a list, not a single value`},
		{"a value where keys belong", "circuit: {consecutive: 3}", "circuit: 3",
			`20:14: gateways[0].circuit: must be a group of keys, not a single value`},
		{"a value where a mandatory group belongs", "    outbound:\n      folder: out\n", "    outbound: out\n",
			`47:15: sources[1].outbound: must be a group of keys, not a single value`},
		{"an anchor", "id: zeta", "id: &z zeta",
			`7:9: merchants[1].id: anchors and aliases are not read; write the value out`},
		{"a tag", "id: zeta", "id: !!str zeta",
			`7:9: merchants[1].id: tags (!…) are not read; remove it`},
		{"a control character", "id: zeta", `id: "ze\tta"`,
			`7:9: merchants[1].id: holds a control character`},
		{"a second document", "run:\n", "---\nrun:\n",
			`53:1: the file holds more than one document; keep the first and remove the rest`},
		{"a secret written out is never repeated", "cmd:pass show gateway", "hunter2",
			`19:15: gateways[0].password: a secret is given by reference: env:NAME, file:PATH or cmd:PROGRAM ARGS`},
		{"a key set without a kind", "run:\n", "vault: {key_set: keys/vault.json}\nrun:\n",
			`53:18: vault.key_set: a key set is given as file:PATH`},
		{"a time zone that does not exist", "Europe/Paris", "Europe/Pariss",
			`2:12: time_zone: is no IANA time zone such as Europe/Paris`},
		{"the machine's own time zone", "id: zeta", "id: zeta\n    time_zone: Local",
			`8:16: merchants[1].time_zone: is no IANA time zone such as Europe/Paris`},
		{"a merchant twice", "id: zeta", "id: acme",
			`7:9: merchants[1].id: is the id of merchants[0] already; give each its own`},
		{"a source twice", "name: two", "name: one",
			`42:11: sources[1].name: is the name of sources[0] already; give each its own`},
		{"a contract twice", "gateways:\n", "  - {id: \"1\", merchant: acme, gateway: mc}\ngateways:\n",
			`14:10: contracts[1].id: is the id of contracts[0] of the same merchant already; ids must differ`},
		{"a contract of nobody", "merchant: acme", "merchant: acne",
			`10:15: contracts[0].merchant: names no merchant of this file; did you mean acme?`},
		{"a gateway that is not there", "gateway: mc", "gateway: other",
			`11:14: contracts[0].gateway: names no gateway of this file`},
		{"a currency in a contract that ISO does not know", "currencies: [EUR]", "currencies: [EUR, EURO]",
			`13:23: contracts[0].currencies[1]: is no ISO 4217 alphabetic currency code`},
		{"a currency in a limit that ISO does not know", "{EUR: 100}", "{euro: 100}",
			`6:23: merchants[0].limits.amounts.euro: is no ISO 4217 alphabetic currency code`},
		{"a card type that does not exist", "card_types: [VISA]", "card_types: [VISA, VIZA]",
			`12:24: contracts[0].card_types[1]: must be one of CB VISA MASTERCARD AMEX JCB`},
		{"the simulator in LIVE", "https://eu-gateway.mastercard.com", `"embedded:"`,
			`17:15: gateways[0].endpoint: the embedded simulator charges nobody; it is for TEST only`},
		{"a test endpoint in LIVE", "https://eu-gateway", "https://test-gateway",
			`17:15: gateways[0].endpoint: belongs to a test world, but environment is LIVE`},
		{"a test account in LIVE", "merchant_id: ACME", "merchant_id: TESTACME",
			`18:18: gateways[0].merchant_id: is a test account, but environment is LIVE`},
		{"a live account in TEST", "environment: LIVE", "environment: TEST",
			`17:15: gateways[0].endpoint: nothing in endpoint or merchant_id says that this is a test account, but environment is TEST`},
		{"an endpoint in clear", "https://eu-gateway", "http://eu-gateway",
			`17:15: gateways[0].endpoint: must begin with https://`},
		{"an endpoint with a path", "mastercard.com\n", "mastercard.com/api\n",
			`17:15: gateways[0].endpoint: must be https://HOST, without path and credentials, or embedded:`},
		{"an endpoint with a password", "https://eu-gateway", "https://user:secret@eu-gateway",
			`17:15: gateways[0].endpoint: must be https://HOST, without path and credentials, or embedded:`},
		{"a real gateway without its password", "    password: cmd:pass show gateway\n", "",
			`15:5: gateways[0].password: is missing: the gateway is not embedded`},
		{"a real gateway without an account", "    merchant_id: ACME\n", "",
			`15:5: gateways[0].merchant_id: is missing: the gateway is not embedded`},
		{"a remote without a way in", "    key: keys/id\n    key_passphrase: file:secrets/pass\n", "",
			`22:5: remotes[0]: has no way to sign in; give key, agent or password`},
		{"a passphrase without a key", "key: keys/id\n", "agent: true\n",
			`27:21: remotes[0].key_passphrase: has no effect without key`},
		{"a certificate without a key", "    key: keys/id\n    key_passphrase: file:secrets/pass\n", "    password: env:P\n    certificate: c.pub\n",
			`27:18: remotes[0].certificate: goes with a key; give key or agent too`},
		{"a port in the host", "host: sftp.example.com", "host: sftp.example.com:22",
			`23:11: remotes[0].host: must be a host name or address alone; port and user have keys of their own`},
		{"a remote that is not there", "    outbound:\n      remote: drop", "    outbound:\n      remote: dorp",
			`37:15: sources[0].outbound.remote: names no remote of this file; did you mean drop?`},
		{"a merchant of a source that is not there", "  - name: two\n    merchants: [acme]", "  - name: two\n    merchants: [nobody]",
			`43:17: sources[1].merchants[0]: names no merchant of this file`},
		{"a pattern that is none", "pattern: PAY-*.csv", `pattern: "PAY-[.csv"`,
			`40:18: sources[0].expected[0].pattern: must be a pattern of file names: letters, * ? and [a-z], without /`},
		{"a setting of another readiness rule", "ready: done-file", "ready: rename\n      done_suffix: .ok",
			`47:20: sources[1].inbound.done_suffix: has no effect with ready: rename; remove it`},
		{"a trailer that cannot come", "ready: done-file", "ready: trailer",
			`46:14: sources[1].inbound.ready: a file with control: none has no trailer; choose stable, done-file or rename`},
		{"a suffix that is a path", "ready: done-file", "ready: done-file\n      done_suffix: /done",
			`47:20: sources[1].inbound.done_suffix: must be the end of a file name, without /`},
		{"a separator that the file names itself", "    expected:", "    separator: \",\"\n    expected:",
			`39:16: sources[0].separator: has no effect with control: header, where each file names its own; remove it`},
		{"a plain file that may be anybody's", "  - name: two\n    merchants: [acme]", "  - name: two\n    merchants: [acme, zeta]",
			`43:16: sources[1].merchants: a file with control: none does not say whose it is; name one merchant`},
		{"a column that does not exist", "Sum: amount", "Sum: amuont",
			`51:39: sources[1].columns.Sum: amuont is no column of the batch interface; did you mean amount?`},
		{"two columns that lead to one", "Sum: amount", "Sum: line_ref",
			`51:39: sources[1].columns.Sum: leads to the same column as Invoice`},
		{"a card verification value by another name", "Sum: amount", "CVV: amount",
			`51:39: sources[1].columns.CVV: is a card verification value, which is never accepted (PCI DSS 3.3.1)`},
		{"a constant for a column that is sent", "currency: EUR, private", "amount: 100, private",
			`52:25: sources[1].constants.amount: has a value of its own: columns.Sum leads there`},
		{"a card number as a constant", "currency: EUR, private", "card_number: 4111111111111111, private",
			`52:30: sources[1].constants.card_number: a card number cannot be a constant`},
		{"a folder read by two sources", "      folder: in\n      ready: done-file", "      remote: drop\n      folder: ./in/\n      ready: done-file",
			`46:15: sources[1].inbound.folder: is the inbound folder of sources[0] already; a file has one source`},
		{"answers that come back in", "    outbound:\n      folder: out\n", "    outbound:\n      folder: in/\n",
			`48:15: sources[1].outbound.folder: is the inbound folder of sources[1]; answers would be read as files`},
	} {
		t.Run(row.name, func(t *testing.T) {
			if strings.Count(full, row.old) < 1 {
				t.Fatalf("full does not hold %q", row.old)
			}
			_, err := parse(t, strings.Replace(full, row.old, row.new, 1), Options{})
			var problems Problems
			if !errors.As(err, &problems) {
				t.Fatalf("got %v, want %q", err, row.want)
			}
			if got, want := err.Error(), "/etc/cardbatch/cardbatch.yaml:"+row.want; got != want {
				t.Errorf("\n got %s\nwant %s", got, want)
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "4111") {
				t.Error("the problem repeats a secret")
			}
		})
	}
}

// twoAtAmex has two merchants whose cards American Express charges by files.
const twoAtAmex = `environment: TEST
merchants: [{id: acme}, {id: zeta}]
contracts:
  - {merchant: acme, id: "1", gateway: amex, card_types: [AMEX], currencies: [EUR], smartbill: {via: files, se: "1234567890"}}
  - {merchant: zeta, id: "2", gateway: amex, card_types: [AMEX], currencies: [EUR], smartbill: {via: files, se: "1234567891"}}
gateways: [{name: amex, kind: smartbill, exchange: amex}]
exchanges: [{name: amex, inbound: {folder: from, ready: rename}, outbound: {folder: to}}]
sources: [{name: in, merchants: [acme, zeta], inbound: {folder: in, ready: rename}, outbound: {folder: out}}]
`

func TestProblemsOfSmartBillSayWhereAndWhatToDo(t *testing.T) {
	if _, err := parse(t, twoAtAmex, Options{}); err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct{ name, old, new, want string }{
		{"two merchants under one service establishment", "1234567891", "1234567890",
			`5:113: contracts[1].smartbill.se: is that of contracts[0], of another merchant; each needs its own`},
		{"two merchants under one contract", `id: "2"`, `id: "1"`,
			`5:26: contracts[1].id: is that of contracts[0] at the same gateway, of another merchant; each needs its own`},
		{"a service establishment of nine digits", "1234567891", "123456789",
			`5:113: contracts[1].smartbill.se: must be the ten digits of the service establishment number`},
		{"a route of another gateway", `{via: files, se: "1234567891"}`, "{via: payline}",
			`5:102: contracts[1].smartbill.via: must be files: the contract's gateway is American Express`},
		{"two currencies under one service establishment", `currencies: [EUR], smartbill: {via: files, se: "1234567891"}`, `currencies: [EUR, JPY], smartbill: {via: files, se: "1234567891"}`,
			`5:78: contracts[1].currencies: must name one currency: the service establishment number fixes it`},
		{"an exchange of two gateways", "gateways: [", "gateways: [{name: other, kind: smartbill, exchange: amex}, ",
			`6:100: gateways[1].exchange: is the exchange of gateways[0] already; give each its own`},
		{"a gateway without its exchange", ", exchange: amex", "",
			`6:12: gateways[0].exchange: must name an exchange of this file`},
		{"an exchange that reads what it writes", "folder: to", "folder: from",
			`7:44: exchanges[0].inbound.folder: is the outbound folder too; our own files would be read as American Express'`},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parse(t, strings.Replace(twoAtAmex, row.old, row.new, 1), Options{})
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

func TestAllProblemsComeAtOnceInTheOrderOfTheFile(t *testing.T) {
	text := strings.NewReplacer("kind: mastercard", "kind: paypal", "user: u", "usr: u", "by: 22:30", "by: noon", "environment: LIVE", "environment: PROD").Replace(full)
	_, err := parse(t, text, Options{
		Environ: []string{"CARDBATCH_LOG_LEVEL=loud", "CARDBATCH_LOG_FROMAT=json"},
		Flags:   map[string]string{"run.chunk": "0", "run.chunks": "1"},
	})
	if err == nil {
		t.Fatal("accepted")
	}
	lines := strings.Split(err.Error(), "\n")
	want := []string{
		"environment variable CARDBATCH_LOG_LEVEL: log.level: must be one of debug info warn error",
		"environment variable CARDBATCH_LOG_FROMAT: overrides nothing; did you mean CARDBATCH_LOG_FORMAT?",
		"command line: run.chunk: must be from 1 to 10000 (lines)",
		"command line: run.chunks: there is no such setting",
		"/etc/cardbatch/cardbatch.yaml:1:14: environment: must be one of TEST LIVE",
		"/etc/cardbatch/cardbatch.yaml:16:11: gateways[0].kind: must be one of mastercard mastercard-batch payline lyra paysafe smartbill",
		"/etc/cardbatch/cardbatch.yaml:24:5: remotes[0].usr: unknown key; did you mean user?",
		"/etc/cardbatch/cardbatch.yaml:41:13: sources[0].expected[0].by: a time of day is written HH:MM, 00:00 to 23:59",
	}
	if got := strings.Join(lines, "\n"); got != strings.Join(want, "\n") {
		t.Errorf("\n got %s\nwant %s", got, strings.Join(want, "\n"))
	}
}

func TestFilesThatAreNoConfiguration(t *testing.T) {
	for _, row := range []struct{ name, text, want string }{
		{"nothing", "", "/etc/cardbatch/cardbatch.yaml: the file is empty; 'cardbatch init' writes one to start from"},
		{"broken YAML", "environment: [TEST\n", "/etc/cardbatch/cardbatch.yaml: line 1: did not find expected ',' or ']'"},
		{"a list", "- a\n", "/etc/cardbatch/cardbatch.yaml:1:1: must be a group of keys, not a list"},
		{"an endless alias", "merchants: &a [*a]\n", "/etc/cardbatch/cardbatch.yaml:1:12: merchants: anchors and aliases are not read; write the value out"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := parse(t, row.text, Options{})
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("\n got %v\nwant %s", err, row.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add(minimal)
	f.Add(full)
	f.Add(string(Sample()))
	f.Add("a: &a [*a]\n? [x]\n: y\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := Parse("x.yaml", []byte(text), Options{Words: testWordList})
		var problems Problems
		if err != nil && !errors.As(err, &problems) {
			t.Fatalf("an error that is no list of problems: %v", err)
		}
		if (c == nil) != (err != nil) {
			t.Fatal("both or neither")
		}
	})
}
