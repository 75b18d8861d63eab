// Package config reads the one YAML file that describes an installation: what
// comes from where, whose it is, and which gateway charges it.
//
// Reading is strict. A key that does not exist, a key given twice, a value that is
// not what it should be: each is a problem with its line and column and what to do,
// and all of them are reported at once, before anything is opened. A setting
// comes from the command line, else from the environment, else from the file, else
// from its default. Secrets are only ever references (see Secret).
//
// The structs of this file are the one table of the settings: their tags give
// every key its name, default, limits and description, and the reader, the
// checks, the printout, the JSON Schema and docs/configuration.md follow from them.
//
//	yaml      the key
//	doc       one sentence for the reader of the documentation; every setting has it
//	default   what holds when nothing is said; of a list: its words, separated by spaces
//	enum      the accepted words, separated by spaces
//	min, max  limits of a number, included
//	unit      what a number counts
//	required  "true": there is no default
//	optional  "true": a group that may be left out, and its mandatory settings with it
//	example   a value for the documentation, where no default shows the form
package config

import (
	"path/filepath"
	"time"
)

// Config is an effective configuration: complete, checked, defaults applied.
type Config struct {
	Environment string     `yaml:"environment" required:"true" enum:"TEST LIVE" doc:"The world this installation belongs to. Files, store and endpoints of the other one are refused."`
	TimeZone    string     `yaml:"time_zone" default:"UTC" example:"Europe/Paris" doc:"IANA time zone of run.until and of the expected files, and of merchants that name none."`
	Store       Path       `yaml:"store" default:"state/cardbatch.db" doc:"The SQLite file that holds the durable state. It must lie on a local disk."`
	StateDir    Path       `yaml:"state_dir" default:"state" doc:"Folder of the encrypted archive and of the answers that wait for delivery."`
	Vault       Vault      `yaml:"vault" doc:"Keys that protect card data at rest."`
	Merchants   []Merchant `yaml:"merchants" required:"true" doc:"Who bills."`
	Contracts   []Contract `yaml:"contracts" required:"true" doc:"Acceptance contracts: what a merchant may charge, and through which gateway."`
	Gateways    []Gateway  `yaml:"gateways" required:"true" doc:"Accounts at processors."`
	Exchanges   []Exchange `yaml:"exchanges" doc:"Folders shared with a partner: American Express SmartBill by files."`
	Updaters    []Updater  `yaml:"updaters" doc:"Sources of newer data of stored cards: account updaters."`
	Notify      Notify     `yaml:"notify" doc:"How notifications leave."`
	Remotes     []Remote   `yaml:"remotes" doc:"SFTP servers that sources read from and write to."`
	Sources     []Source   `yaml:"sources" required:"true" doc:"Inbound folders, each with the outbound folder of its answers."`
	Run         Run        `yaml:"run" doc:"How a run works."`
	Retention   Retention  `yaml:"retention" doc:"How long things are kept."`
	Log         Log        `yaml:"log" doc:"What is said on stderr."`

	file    string
	words   Words
	origins map[string]Origin
}

// Vault says where the keys are.
type Vault struct {
	KeySet KeySetRef `yaml:"key_set" default:"file:keys/vault.json" doc:"The key set, made by 'cardbatch vault init'. Never keep it beside the store or its backups."`
}

// Merchant is one merchant.
type Merchant struct {
	ID            string        `yaml:"id" required:"true" example:"acme" doc:"As in the header record of its files."`
	TimeZone      string        `yaml:"time_zone" example:"Europe/Paris" doc:"IANA time zone of date-times without an offset. Default: the installation's."`
	Limits        Limits        `yaml:"limits" doc:"A file beyond one of these is held for an operator."`
	Lookalike     Lookalike     `yaml:"lookalike" doc:"When a file resembles others so much that it is held: same wallet, amount and currency."`
	UpdaterReport UpdaterReport `yaml:"updater_report" doc:"The report of what account updaters, and others that tell of cards, changed."`
}

// UpdaterReport is the report of the updates of a merchant's cards, a month or its days so
// far (Paysafe account updater, section 3.2).
type UpdaterReport struct {
	Every     string   `yaml:"every" enum:"daily monthly" doc:"When it is made: each day, of the month so far, or once the month is over. Empty: only on demand, with format and fields; the other settings then have no effect."`
	Format    string   `yaml:"format" default:"csv" enum:"csv html" doc:"How it is written."`
	Fields    string   `yaml:"fields" default:"standard" enum:"standard extended" doc:"The fields of Paysafe's own report, or also what was there before, scheme, outcome, source and times."`
	Folder    bool     `yaml:"folder" default:"true" doc:"It goes to the outbound folder of a source."`
	Source    string   `yaml:"source" example:"acme-billing" doc:"The source whose outbound folder it goes to. Default: the first one of the merchant."`
	Mail      []string `yaml:"mail" example:"[billing@example.com]" doc:"Addresses that it is sent to by e-mail. Default: none."`
	Language  string   `yaml:"language" default:"en" enum:"en fr" doc:"Language of the e-mail. The report itself is in English."`
	SendEmpty bool     `yaml:"send_empty" default:"false" doc:"It is also sent when it has no record."`
	Since     string   `yaml:"since" example:"\"2026-11\"" doc:"First month, YYYY-MM. Default: that of the merchant's first update."`
}

// Limits hold a file back (batch interface, section 4, LIMIT).
type Limits struct {
	Lines   int              `yaml:"lines" default:"0" min:"0" max:"10000000" unit:"lines per file, 0 without limit" doc:"Most lines of one file."`
	Amounts map[string]int64 `yaml:"amounts" min:"1" max:"999999999999999" unit:"minor units per file" example:"{EUR: 5000000}" doc:"Highest total of one file, by currency. A currency that is not named has no limit."`
}

// Lookalike holds a file back (batch interface, section 4, LOOKALIKE).
type Lookalike struct {
	Lines   int `yaml:"lines" default:"10" min:"0" max:"10000000" unit:"lines, 0 to switch the check off" doc:"From so many resembling lines on."`
	Percent int `yaml:"percent" default:"25" min:"0" max:"100" unit:"percent of the file's lines" doc:"And from this share on."`
	Days    int `yaml:"days" default:"5" min:"1" max:"400" unit:"days" doc:"Files so far back are compared."`
}

// Contract is an acceptance contract.
type Contract struct {
	ID              string          `yaml:"id" required:"true" example:"\"1234567\"" doc:"As in the contract column. Unique per merchant."`
	Merchant        string          `yaml:"merchant" required:"true" example:"acme" doc:"The merchant it belongs to."`
	Gateway         string          `yaml:"gateway" required:"true" example:"mastercard-eu" doc:"The gateway that charges."`
	CardTypes       []string        `yaml:"card_types" example:"[VISA, MASTERCARD]" doc:"Accepted card types. Default: every type."`
	Currencies      []string        `yaml:"currencies" example:"[EUR]" doc:"Accepted currencies, ISO 4217 alphabetic. Default: every currency."`
	MerchantSource  bool            `yaml:"merchant_source" default:"true" doc:"The gateway account allows MERCHANT as the source of a payment. Without it, merchant-initiated lines are refused."`
	Reauthorization bool            `yaml:"reauthorization" default:"false" doc:"The contract has the option to authorize an earlier payment again (doReAuthorization)."`
	SmartBill       SmartBill       `yaml:"smartbill" doc:"American Express SmartBill for the cards of this contract."`
	FollowUp        FollowUp        `yaml:"follow_up" doc:"Daily files of what became of the contract's transactions (docs/followup-files.md)."`
	Updater         ContractUpdater `yaml:"updater" doc:"The account updater of the contract's cards."`
	Notify          ContractNotify  `yaml:"notify" doc:"Which notifications the contract wants."`
	UnknownSeries   string          `yaml:"unknown_series" default:"refuse" enum:"refuse hold send" doc:"What happens to a merchant-initiated payment whose series has no first transaction on record."`
}

// SmartBill is how the American Express cards of a contract are enrolled and charged.
type SmartBill struct {
	Via      string        `yaml:"via" enum:"files payline" doc:"Who talks to American Express: this program by files, or Payline. Empty: the contract has no SmartBill."`
	SE       string        `yaml:"se" example:"\"1234567890\"" doc:"Service establishment number, ten digits; it fixes the currency. With via: files."`
	AliasPad int           `yaml:"alias_pad" default:"0" min:"0" max:"3" unit:"digits" doc:"Least digits of a card's index in its alias; 0: it is not padded. American Express says which."`
	Deadline time.Duration `yaml:"enrolment_deadline" default:"48h" min:"1h" max:"720h" doc:"How long a payment waits for the enrolment of its card; then it is refused. Cards that wait longer are reported."`
	CutOff   CutOff        `yaml:"cut_off" doc:"Until when a payment counts for its day."`
}

// CutOff is a time of the day, and the days that count.
type CutOff struct {
	At       TimeOfDay `yaml:"at" default:"17:00" doc:"Payments sent from then on count for the next working day."`
	TimeZone string    `yaml:"time_zone" default:"Europe/Paris" doc:"IANA time zone of that clock."`
	Calendar string    `yaml:"calendar" default:"target" enum:"target every-day" doc:"Working days: Monday to Friday without the holidays of TARGET, or every day."`
	Closed   []string  `yaml:"closed" example:"[2026-12-24]" doc:"Further days without work."`
}

// FollowUp is the daily files of a contract.
type FollowUp struct {
	Files    []string `yaml:"files" enum:"transactions payments" doc:"Which files are made. Default: none."`
	Source   string   `yaml:"source" example:"acme-billing" doc:"The source whose outbound folder they go to. Default: the first one of the merchant."`
	Encoding string   `yaml:"encoding" default:"ISO-8859-1" enum:"ISO-8859-1 UTF-8" doc:"How they are written."`
	Since    string   `yaml:"since" example:"2026-12-01" doc:"First day, YYYY-MM-DD. Default: that of the merchant's first file."`
}

// ContractUpdater is the account updater of the cards of a contract.
type ContractUpdater struct {
	Name    string `yaml:"name" example:"paysafe-updater" doc:"The updater. Empty: nobody is asked about the cards."`
	Account string `yaml:"account" example:"\"89987201\"" doc:"The contract's merchant account number there. Mandatory for an updater of kind paysafe: digits."`
}

// ContractNotify says which events of a contract are told, and how (docs/notifications.md).
type ContractNotify struct {
	Mail   []string `yaml:"mail" enum:"enrolment_result card_expiring" doc:"Events that the wallet's holder is told by e-mail."`
	Server []string `yaml:"server" enum:"enrolment_result card_cancelled wallet_created instalment_paid wallet_payment" doc:"Events that the merchant's server is told by HTTP GET."`
	URL    string   `yaml:"url" example:"https://www.example.com/notify" doc:"The merchant's server."`
}

// Notify is how notifications leave.
type Notify struct {
	Mail      Mail          `yaml:"mail" doc:"The mail server."`
	Templates Path          `yaml:"templates" example:"templates" doc:"Folder of templates that replace shipped ones."`
	Timeout   time.Duration `yaml:"timeout" default:"30s" min:"1s" max:"10m" doc:"How long a mail server or a merchant's server may take."`
}

// Mail is the mail server that takes e-mails.
type Mail struct {
	Host     string `yaml:"host" example:"smtp.example.com" doc:"Host name. Empty: no e-mail leaves."`
	Port     int    `yaml:"port" default:"587" min:"1" max:"65535" unit:"TCP port" doc:"Where it listens."`
	TLS      string `yaml:"tls" default:"starttls" enum:"starttls implicit none" doc:"How the connection is protected; none is for a server on this machine."`
	User     string `yaml:"user" example:"cardbatch" doc:"The account there. Empty: none is needed."`
	Password Secret `yaml:"password" example:"env:ACME_SMTP_PASSWORD" doc:"Its password."`
	From     string `yaml:"from" example:"billing@example.com" doc:"Sender of the e-mails."`
}

// Exchange is the pair of folders shared with American Express, and how its files are written.
type Exchange struct {
	Name     string   `yaml:"name" required:"true" example:"amex" doc:"Its name here."`
	Outbound Outbound `yaml:"outbound" doc:"Where our files go: enrolments and charges."`
	Inbound  Inbound  `yaml:"inbound" doc:"Where its files come from: statuses and responses."`
	TimeZone string   `yaml:"time_zone" default:"UTC" doc:"IANA time zone of the times in the files."`
	Layouts  Layouts  `yaml:"layouts" doc:"Tables that replace the shipped ones (docs/layouts.md)."`
}

// Layouts are tables of an operator's own.
type Layouts struct {
	Enrolment Path `yaml:"enrolment" example:"layouts/enrolment.yaml" doc:"Default: the shipped smartbill-enrolment."`
	Status    Path `yaml:"status" example:"layouts/status.yaml" doc:"Default: the shipped smartbill-status."`
	Charge    Path `yaml:"charge" example:"layouts/charge.yaml" doc:"Default: the shipped smartbill-charge."`
	Response  Path `yaml:"response" example:"layouts/response.yaml" doc:"Default: the shipped smartbill-response."`
}

// Updater is a source of newer data of stored cards: a provider that is asked by files, or
// a folder of update files that a processor sends unasked.
type Updater struct {
	Name              string         `yaml:"name" required:"true" example:"paysafe-updater" doc:"Its name here, and in reports."`
	Kind              string         `yaml:"kind" required:"true" enum:"paysafe files" doc:"Asked and answered by files, as Paysafe's account updater, or only a folder that update files arrive in."`
	Format            string         `yaml:"format" default:"paysafe" enum:"paysafe cybersource jpmorgan checkout own" doc:"Whose files they are; it says which shipped tables read answers and their codes. With 'own', layouts.response and codes say it. Mandatory for kind files."`
	Merchants         []string       `yaml:"merchants" example:"[acme]" doc:"files: merchants whose cards the files are about. Default: every merchant. For kind paysafe the contracts say it."`
	Outbound          Outbound       `yaml:"outbound" optional:"true" doc:"paysafe: where our requests go. Mandatory there."`
	Inbound           Inbound        `yaml:"inbound" required:"true" doc:"Where acknowledgements and responses, or update files, come from. Ready cannot be trailer."`
	StoreID           string         `yaml:"store_id" example:"acme-store" doc:"paysafe: the store's id, in each record of a request, without spaces, commas and quotation marks. Empty: the field stays blank."`
	StorePassword     Secret         `yaml:"store_password" example:"env:ACME_STORE_PASSWORD" doc:"paysafe: its password, of the same kind. Both, or none."`
	EncryptTo         Path           `yaml:"encrypt_to" example:"keys/paysafe-public.asc" doc:"paysafe: the provider's public OpenPGP key, for requests. Mandatory there."`
	DecryptWith       Path           `yaml:"decrypt_with" example:"keys/updater-private.asc" doc:"Our private OpenPGP key, for responses. Mandatory for kind paysafe; for kind files when they come encrypted."`
	Passphrase        Secret         `yaml:"passphrase" example:"file:secrets/updater-passphrase" doc:"Opens the private key."`
	Schemes           []string       `yaml:"schemes" default:"VISA MASTERCARD" doc:"paysafe: card types that are asked about."`
	CutOff            UpdaterCutOff  `yaml:"cut_off" doc:"paysafe: when the provider collects requests, every day."`
	Wait              time.Duration  `yaml:"wait" default:"96h" min:"24h" max:"720h" doc:"paysafe: how long responses are waited for, from the cut-off that collects the request on. Cards without a decision by then are reported."`
	AcknowledgeWithin time.Duration  `yaml:"acknowledge_within" default:"12h" min:"1h" max:"720h" doc:"paysafe: how long after the cut-off the acknowledgement may stay away before it is reported."`
	MaxBytes          int            `yaml:"max_bytes" default:"1000000" min:"1000" max:"3000000" unit:"bytes, before encryption" doc:"paysafe: largest request; more cards are asked about in further files."`
	MaxRecords        int            `yaml:"max_records" default:"50000" min:"1" max:"50000" unit:"records" doc:"paysafe: most cards of a request."`
	Select            string         `yaml:"select" default:"monthly" enum:"monthly manual" doc:"paysafe: when cards are selected: by the first run of a month, or only by 'cardbatch updater select'."`
	Apply             bool           `yaml:"apply" default:"true" doc:"Change the cards. Otherwise it is only told what would be done."`
	Layouts           UpdaterLayouts `yaml:"layouts" doc:"Tables that replace the shipped ones (docs/layouts.md)."`
	Codes             Path           `yaml:"codes" example:"layouts/codes.csv" doc:"Table of the codes of answers. Default: the shipped one of the format."`
	ResponsePattern   string         `yaml:"response_pattern" default:"*" example:"resp_*.gpg" doc:"paysafe: which files of the inbound folder that are no acknowledgements are responses (* ? [a-z])."`
	TimeZone          string         `yaml:"time_zone" default:"UTC" doc:"IANA time zone of the times in the files."`
}

// UpdaterCutOff is when a provider collects requests (Paysafe account updater, section 2.1).
type UpdaterCutOff struct {
	At       TimeOfDay `yaml:"at" default:"05:30" doc:"Requests that are there by then are handled the same day."`
	TimeZone string    `yaml:"time_zone" default:"America/New_York" doc:"IANA time zone of that clock."`
}

// UpdaterLayouts are tables of an operator's own.
type UpdaterLayouts struct {
	Request         Path `yaml:"request" example:"layouts/request.yaml" doc:"paysafe. Default: the shipped updater-request."`
	Acknowledgement Path `yaml:"acknowledgement" example:"layouts/acknowledgement.yaml" doc:"paysafe. Default: the shipped updater-acknowledgement."`
	Response        Path `yaml:"response" example:"layouts/response.yaml" doc:"Answers, or update files. Default: the shipped one of the format."`
}

// Gateway is an account at a processor.
type Gateway struct {
	Name            string            `yaml:"name" required:"true" example:"mastercard-eu" doc:"Its name here, and in results."`
	Kind            string            `yaml:"kind" required:"true" enum:"mastercard mastercard-batch payline lyra paysafe smartbill" doc:"What the processor speaks."`
	Endpoint        string            `yaml:"endpoint" example:"https://test-gateway.mastercard.com" doc:"Base URL without path, or 'embedded:' for the simulator inside the program (TEST only). Mandatory, but for smartbill."`
	Fallbacks       []string          `yaml:"fallbacks" example:"[https://homologation-cc.payline.com]" doc:"Payline: further endpoints of the same account, tried in this order where nothing can be charged twice."`
	Directory       string            `yaml:"directory" example:"https://homologation-payment.payline.com" doc:"Payline: base URL of the directory of endpoints. Empty: none is asked."`
	MerchantID      string            `yaml:"merchant_id" example:"TESTACME" doc:"The account's id at the processor: merchant profile, merchant, shop, or account number. Mandatory unless embedded."`
	Accounts        map[string]string `yaml:"accounts" example:"{USD: \"1001234568\"}" doc:"Paysafe: account numbers of other currencies than that of merchant_id. Any currency that has none is refused."`
	User            string            `yaml:"user" example:"acme-api" doc:"Paysafe: the user of the API key. Elsewhere merchant_id signs in."`
	Password        Secret            `yaml:"password" example:"env:ACME_GATEWAY_PASSWORD" doc:"The account's API password or access key. Mandatory unless embedded."`
	Account         string            `yaml:"account" example:"mastercard-eu" doc:"Another gateway that speaks for the same account and keeps its wallets: mastercard-batch beside mastercard."`
	Version         int               `yaml:"version" default:"0" min:"0" max:"999" unit:"interface version, 0 for the newest that the program knows" doc:"Version of the processor's interface: Mastercard 74 to 100, Payline 4 to 34."`
	Exchange        string            `yaml:"exchange" example:"amex" doc:"smartbill: the exchange by which American Express is reached."`
	BatchLines      int               `yaml:"batch_lines" default:"5000" min:"1" max:"18000" unit:"lines" doc:"mastercard-batch and smartbill: most lines of a batch, or of a charge file."`
	Tokens          string            `yaml:"tokens" default:"generated" enum:"generated supplied" doc:"Mastercard: who names a card's token: the processor ('generated'), or this program ('supplied', for repositories that accept ids from the merchant)."`
	Currency        string            `yaml:"currency" default:"EUR" doc:"Paysafe: the currency of merchant_id; an account has one. Lyra: of the verification that comes with a new token; the shop's acquirer must take it."`
	SeriesRevokedBy []string          `yaml:"series_revoked_by" example:"[\"82\"]" doc:"Lyra: the banks' codes that revoke one series of payments; the published lists disagree, ask the acquirer. Default: 82 and 84. Code 83 revokes every series of a card without being listed."`
	SeriesActions   bool              `yaml:"series_actions" default:"false" doc:"Payline: send the actions 110, 111, 120 and 121 for the payments of a series. Ask Monext first: which commands take them is not published."`
	Concurrency     int               `yaml:"concurrency" default:"16" min:"1" max:"1024" unit:"requests" doc:"Requests in flight at once."`
	Rate            int               `yaml:"rate" default:"0" min:"0" max:"100000" unit:"requests per second, 0 without limit" doc:"Requests that may be started per second."`
	Timeout         time.Duration     `yaml:"timeout" default:"60s" min:"1s" max:"10m" doc:"How long an answer may take. What has none by then is in doubt."`
	Settle          time.Duration     `yaml:"settle" default:"1m" min:"0s" max:"72h" doc:"How long after a request the gateway may still not know it although it will carry it out. Only a lookup after that proves that it was never received."`
	ReplayWindow    time.Duration     `yaml:"replay_window" default:"0s" min:"0s" max:"720h" doc:"How long the same request may be sent again under the same key without a second charge. 0s never sends again. Only what the processor has confirmed in writing."`
	Circuit         Circuit           `yaml:"circuit" doc:"When a sick gateway is left alone."`
}

// Circuit opens when answers stay away (promise P10).
type Circuit struct {
	Consecutive int `yaml:"consecutive" default:"5" min:"1" max:"1000" unit:"requests" doc:"So many requests in a row without an answer open it; the rest of the file is not sent."`
}

// EmbeddedEndpoint is the endpoint of the simulator inside the program.
const EmbeddedEndpoint = "embedded:"

// Embedded reports whether the gateway is the simulator inside the program.
func (g *Gateway) Embedded() bool { return g.Endpoint == EmbeddedEndpoint }

// Remote is an SFTP server and how to sign in. At least one of key, agent and password.
type Remote struct {
	Name           string        `yaml:"name" required:"true" example:"acme-sftp" doc:"Its name here."`
	Host           string        `yaml:"host" required:"true" example:"sftp.example.com" doc:"Host name or address, without port."`
	Port           int           `yaml:"port" default:"22" min:"1" max:"65535" unit:"TCP port" doc:"Where it listens."`
	User           string        `yaml:"user" required:"true" example:"cardbatch" doc:"The account there."`
	KnownHosts     Path          `yaml:"known_hosts" required:"true" example:"keys/known_hosts" doc:"Pinned host keys in OpenSSH's format; several per host allow a rotation. No other key is ever accepted."`
	Key            Path          `yaml:"key" example:"keys/id_ed25519" doc:"Private key in OpenSSH's format, readable by its owner only."`
	KeyPassphrase  Secret        `yaml:"key_passphrase" example:"file:secrets/passphrase" doc:"Opens the private key."`
	Certificate    Path          `yaml:"certificate" example:"keys/id_ed25519-cert.pub" doc:"OpenSSH certificate that goes with the key."`
	Agent          bool          `yaml:"agent" default:"false" doc:"Sign in with the keys of the SSH agent at SSH_AUTH_SOCK."`
	Password       Secret        `yaml:"password" example:"env:ACME_SFTP_PASSWORD" doc:"For servers that take no key."`
	ConnectTimeout time.Duration `yaml:"connect_timeout" default:"15s" min:"1s" max:"5m" doc:"How long connecting and signing in may take."`
	IdleTimeout    time.Duration `yaml:"idle_timeout" default:"60s" min:"1s" max:"1h" doc:"How long the server may stay silent before the connection counts as dead."`
	Quirks         Quirks        `yaml:"quirks" doc:"For servers that deviate."`
}

// Quirks are the known deviations of SFTP servers, each named for what the server does.
type Quirks struct {
	NoRename   bool `yaml:"no_rename" default:"false" doc:"The account may not rename in the inbound folder: files are read where they lie, without being claimed."`
	NoStat     bool `yaml:"no_stat" default:"false" doc:"The server fails, or deletes a file, when asked about it: listings are used, and reads go one after the other."`
	NoDotFiles bool `yaml:"no_dot_files" default:"false" doc:"The server refuses names that begin with a dot: temporary names end in .tmp instead."`
	NoFsync    bool `yaml:"no_fsync" default:"false" doc:"The server offers fsync and fails at it."`
	OneRequest bool `yaml:"one_request" default:"false" doc:"The server loses its way with several requests in flight. Slow over long distances."`
}

// Source is an inbound folder and the outbound folder of its answers.
type Source struct {
	Name              string            `yaml:"name" required:"true" example:"acme-billing" doc:"Its name in status and logs."`
	Merchants         []string          `yaml:"merchants" required:"true" example:"[acme]" doc:"Merchants whose files may arrive here."`
	Inbound           Inbound           `yaml:"inbound" required:"true" doc:"Where files arrive."`
	Outbound          Outbound          `yaml:"outbound" required:"true" doc:"Where acknowledgements and results go."`
	Layout            string            `yaml:"layout" default:"batch" enum:"batch" doc:"The file format."`
	Control           string            `yaml:"control" default:"header" enum:"header none" doc:"'header': files carry header, column and trailer records. 'none': a plain CSV with a row of column names."`
	Encoding          string            `yaml:"encoding" default:"UTF-8" enum:"UTF-8 ISO-8859-1 windows-1252" doc:"Character encoding of the files."`
	Separator         string            `yaml:"separator" default:";" enum:"; , tab |" doc:"Of plain files; others name theirs in the header record."`
	Columns           map[string]string `yaml:"columns" example:"{Invoice: line_ref}" doc:"Their column names, each with ours."`
	Constants         map[string]string `yaml:"constants" example:"{command: doImmediateWalletPayment}" doc:"Values of columns that they do not send."`
	OnLineError       string            `yaml:"on_line_error" default:"reject-file" enum:"reject-file reject-lines" doc:"What lines with errors cost: the whole file, or only themselves."`
	Sequence          string            `yaml:"sequence" default:"check" enum:"check ignore" doc:"'check': a gap in the sequence numbers holds a file, a number used twice rejects it."`
	AcceptCardLikeIDs bool              `yaml:"accept_card_like_ids" default:"false" doc:"Accept references that look like card numbers. Otherwise such a line is an error, so that no number slips into a text column."`
	MaxLines          int               `yaml:"max_lines" default:"10000000" min:"1" max:"10000000" unit:"lines" doc:"Longer files are rejected."`
	MaxFileBytes      int64             `yaml:"max_file_bytes" default:"2147483648" min:"1" max:"2147483648" unit:"bytes" doc:"Larger files are rejected."`
	MaxLineBytes      int               `yaml:"max_line_bytes" default:"16384" min:"64" max:"16384" unit:"bytes" doc:"Files with a longer line are rejected."`
	MaxFieldBytes     int               `yaml:"max_field_bytes" default:"4096" min:"16" max:"4096" unit:"bytes" doc:"A longer field is an error of its line."`
	Expected          []Expected        `yaml:"expected" doc:"Files that must have come by a time of day; a missing one has its own exit code."`
}

// Inbound is where files arrive.
type Inbound struct {
	Remote     string        `yaml:"remote" example:"acme-sftp" doc:"The remote the folder is on. Default: this machine."`
	Folder     Path          `yaml:"folder" required:"true" example:"inbound/acme" doc:"The folder. On a remote: its path there."`
	Pattern    string        `yaml:"pattern" default:"*" example:"PAY-*.csv" doc:"Only files whose name matches are taken (* ? [a-z])."`
	Ready      string        `yaml:"ready" required:"true" enum:"stable done-file rename trailer" doc:"How a file shows that it is complete: unchanged for stable_for, a second file beside it, a name it only gets at the end, or its trailer record."`
	StableFor  time.Duration `yaml:"stable_for" default:"60s" min:"1s" max:"24h" doc:"With ready: stable. How long size and time must not have changed."`
	DoneSuffix string        `yaml:"done_suffix" default:".done" doc:"With ready: done-file. What the second file's name has more."`
}

// Outbound is where answers go.
type Outbound struct {
	Remote string `yaml:"remote" example:"acme-sftp" doc:"The remote the folder is on. Default: this machine."`
	Folder Path   `yaml:"folder" required:"true" example:"outbound/acme" doc:"The folder. On a remote: its path there."`
}

// Expected is a file that must come every day.
type Expected struct {
	Pattern string    `yaml:"pattern" required:"true" example:"PAY-*.csv" doc:"Its name (* ? [a-z])."`
	By      TimeOfDay `yaml:"by" required:"true" example:"\"22:30\"" doc:"Time of day in the installation's time zone."`
}

// Run says how a run works.
type Run struct {
	Chunk       int           `yaml:"chunk" default:"250" min:"1" max:"10000" unit:"lines" doc:"Lines that become 'submitting' in one transaction. A crash may leave a few times as many in doubt, to be looked up."`
	ResolveWait time.Duration `yaml:"resolve_wait" default:"2m" min:"0s" max:"1h" doc:"How long a run may wait for gateways to settle, so that lines in doubt can still get their outcome."`
	Until       TimeOfDay     `yaml:"until" example:"\"05:00\"" doc:"Time of day after which a run starts no new payments. Default: it runs to the end."`
}

// Retention says how long things are kept.
type Retention struct {
	ArchiveDays int `yaml:"archive_days" default:"7" min:"1" max:"90" unit:"days" doc:"Encrypted originals, counted from their reception; never before their answers are delivered."`
	LinesDays   int `yaml:"lines_days" default:"400" min:"400" max:"4000" unit:"days" doc:"Lines and answers. References must stay unique for 400 days, so never less."`
}

// Log says what goes to stderr.
type Log struct {
	Level  string `yaml:"level" default:"info" enum:"debug info warn error" doc:"The least important entries that are written."`
	Format string `yaml:"format" default:"auto" enum:"auto text json" doc:"'auto': text on a terminal, JSON elsewhere."`
}

// ArchiveDir is where the encrypted originals are.
func (c *Config) ArchiveDir() string { return filepath.Join(string(c.StateDir), "archive") }

// OutboxDir is where built answers wait.
func (c *Config) OutboxDir() string { return filepath.Join(string(c.StateDir), "outbox") }

// File is the path that the configuration was read from.
func (c *Config) File() string { return c.file }

// Merchant finds a merchant; nil when there is none.
func (c *Config) Merchant(id string) *Merchant {
	return find(c.Merchants, func(m *Merchant) bool { return m.ID == id })
}

// Contract finds a merchant's contract; nil when there is none.
func (c *Config) Contract(merchant, id string) *Contract {
	return find(c.Contracts, func(k *Contract) bool { return k.Merchant == merchant && k.ID == id })
}

// Gateway finds a gateway; nil when there is none.
func (c *Config) Gateway(name string) *Gateway {
	return find(c.Gateways, func(g *Gateway) bool { return g.Name == name })
}

// Remote finds a remote; nil when there is none.
func (c *Config) Remote(name string) *Remote {
	return find(c.Remotes, func(r *Remote) bool { return r.Name == name })
}

// Source finds a source; nil when there is none.
func (c *Config) Source(name string) *Source {
	return find(c.Sources, func(s *Source) bool { return s.Name == name })
}

// Updater finds an account updater; nil when there is none.
func (c *Config) Updater(name string) *Updater {
	return find(c.Updaters, func(u *Updater) bool { return u.Name == name })
}

func find[T any](all []T, is func(*T) bool) *T {
	for i := range all {
		if is(&all[i]) {
			return &all[i]
		}
	}
	return nil
}

// Location is the merchant's time zone.
func (c *Config) Location(m *Merchant) *time.Location {
	return location(firstOf(m.TimeZone, c.TimeZone))
}

// Clock is the time zone of run.until and of the expected files.
func (c *Config) Clock() *time.Location { return location(c.TimeZone) }

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// location loads a time zone that the checks have accepted.
func location(name string) *time.Location {
	l, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	return l
}
