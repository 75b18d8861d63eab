package batch

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"time"
)

// NoticeKind is what somebody is told about: an event of a contract (smartbill, section 5), or a
// report for the merchant.
type NoticeKind string

const (
	NoticeEnrolment     NoticeKind = "enrolment_result"
	NoticeCancelled     NoticeKind = "card_cancelled"
	NoticeExpiring      NoticeKind = "card_expiring"
	NoticeWalletCreated NoticeKind = "wallet_created"
	NoticeInstalment    NoticeKind = "instalment_paid"
	NoticeWalletPayment NoticeKind = "wallet_payment"
	// NoticeUpdaterReport carries an account-updater report to whom the merchant names.
	// It is no event of a contract. Source: Paysafe account updater, section 3.2.
	NoticeUpdaterReport NoticeKind = "updater_report"
)

// NoticeKinds lists the events that a contract may ask to be told of, in the order of smartbill,
// section 5. AllNoticeKinds has what else is told.
var NoticeKinds = []NoticeKind{NoticeEnrolment, NoticeCancelled, NoticeExpiring, NoticeWalletCreated, NoticeInstalment, NoticeWalletPayment}

// AllNoticeKinds lists every kind: the events of contracts, then what is told without one.
var AllNoticeKinds = append(slices.Clone(NoticeKinds), NoticeUpdaterReport)

// NoticeChannel is the way by which a notification leaves.
type NoticeChannel string

const (
	ByMail NoticeChannel = "mail"
	ByHTTP NoticeChannel = "http" // a server notification: HTTP GET
)

var noticeChannels = map[NoticeKind][]NoticeChannel{
	NoticeEnrolment:     {ByMail, ByHTTP},
	NoticeCancelled:     {ByHTTP},
	NoticeExpiring:      {ByMail},
	NoticeWalletCreated: {ByHTTP},
	NoticeInstalment:    {ByHTTP},
	NoticeWalletPayment: {ByHTTP},
	NoticeUpdaterReport: {ByMail},
}

// Leaves reports whether the kind may leave by the channel: the table of smartbill, section 5;
// reports leave by e-mail alone.
func (k NoticeKind) Leaves(by NoticeChannel) bool { return slices.Contains(noticeChannels[k], by) }

// NotificationState is where a notification of the outbox stands. waiting becomes sent or
// dead; dead becomes waiting by an operator's word.
type NotificationState string

const (
	NotificationWaiting NotificationState = "waiting"
	NotificationSent    NotificationState = "sent"
	NotificationDead    NotificationState = "dead" // refused for good, or tried often enough
)

// NotificationStates lists every state.
var NotificationStates = []NotificationState{NotificationWaiting, NotificationSent, NotificationDead}

// NoticeFacts are what a notice tells; each kind fills what it names.
// There is never a card number in them beyond first six and last four digits.
type NoticeFacts struct {
	Accepted      bool          `json:"accepted,omitempty"` // enrolment: American Express said yes
	Code          string        `json:"code,omitempty"`     // American Express' reason
	Text          string        `json:"text,omitempty"`     // the reason in words
	Card          string        `json:"card,omitempty"`     // masked
	Expiry        string        `json:"expiry,omitempty"`   // MMYY
	TransactionID TransactionID `json:"transaction_id,omitempty"`
	PaymentRecord string        `json:"payment_record,omitempty"`
	BillingDate   string        `json:"billing_date,omitempty"` // of the instalment, YYYY-MM-DD
	OrderRef      string        `json:"order_ref,omitempty"`
	Report        int64         `json:"report,omitempty"`  // its number in the store
	File          string        `json:"file,omitempty"`    // name of the report's file
	Period        string        `json:"period,omitempty"`  // of the report: YYYY-MM, or YYYY-MM-DD up to that day's end
	Records       int           `json:"records,omitempty"` // of the report
	Folder        bool          `json:"folder,omitempty"`  // the report lies in the outbound folder, too
}

// Notice is an event before it is decided whom to tell.
type Notice struct {
	Kind     NoticeKind
	Merchant MerchantID
	Contract ContractID
	Wallet   WalletID
	Email    string // of the wallet; may be empty
	Language string // of the wallet; may be empty
	// Event tells this event from others of its kind and wallet: the same event always has the same.
	Event string
	Facts NoticeFacts
}

// Notification is one message of the outbox.
type Notification struct {
	ID        string // NotificationID; the receiver knows a second sending by it
	Number    int64  // of the store, in order of creation
	Kind      NoticeKind
	Channel   NoticeChannel
	Merchant  MerchantID
	Contract  ContractID
	Wallet    WalletID
	To        string // e-mail address or URL
	Language  string // "fr" or "en"
	Facts     NoticeFacts
	CreatedAt time.Time

	State     NotificationState
	Due       time.Time // not tried before; of no meaning unless waiting
	Attempts  int       // since it was made, or retried by an operator
	LastError string
	SentAt    time.Time // zero until sent
}

// Delivery is what became of one attempt to deliver a notification.
type Delivery struct {
	ID     string
	At     time.Time
	Sent   bool
	Reason string    // why not
	Next   time.Time // when it is tried again; zero: it is dead
}

// NoticeRoutes say which notices of a contract are sent, and where.
type NoticeRoutes struct {
	URL  string       // where server notifications go; empty: none is sent
	HTTP []NoticeKind // that are sent there
	Mail []NoticeKind // that are sent by e-mail
	// MailTo takes the place of the wallet's own address. A wallet without an address
	// is told nothing by e-mail when this is empty.
	MailTo   string
	Language string // of wallets that have none: "fr" or "en"; empty: "en"
}

// Notifications are the messages that the routes make of a notice, due at once.
func (r NoticeRoutes) Notifications(n Notice, at time.Time) []Notification {
	var all []Notification
	add := func(by NoticeChannel, to string) {
		if to == "" || !n.Kind.Leaves(by) {
			return
		}
		all = append(all, Notification{
			ID: NotificationID(n, by), Kind: n.Kind, Channel: by, Merchant: n.Merchant, Contract: n.Contract, Wallet: n.Wallet,
			To: to, Language: r.language(n.Language), Facts: n.Facts, CreatedAt: at, State: NotificationWaiting, Due: at,
		})
	}
	if slices.Contains(r.Mail, n.Kind) {
		to := r.MailTo
		if to == "" {
			to = n.Email
		}
		add(ByMail, to)
	}
	if slices.Contains(r.HTTP, n.Kind) {
		add(ByHTTP, r.URL)
	}
	return all
}

func (r NoticeRoutes) language(wallet string) string {
	for _, language := range []string{wallet, r.Language} {
		if language == "fr" || language == "en" {
			return language
		}
	}
	return "en"
}

// NotificationID is the stable id of a notice on a channel: 26 characters of lower-case
// base 32. The address is no part of it: whoever is told, an event is told once per channel.
// Only a report goes to several addresses, and has them in its event.
func NotificationID(n Notice, by NoticeChannel) string {
	h := sha256.New()
	h.Write([]byte("cardbatch notification v1"))
	for _, part := range []string{string(n.Kind), string(by), string(n.Merchant), string(n.Wallet), n.Event} {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	return keyEncoding.EncodeToString(h.Sum(nil)[:16])
}

func (w *Wallet) notice(kind NoticeKind, event string, facts NoticeFacts) Notice {
	return Notice{Kind: kind, Merchant: w.Merchant, Contract: w.Contract, Wallet: w.ID, Email: w.Email, Language: w.Language, Event: event, Facts: facts}
}

// EnrolmentNotice tells the result of the enrolment of the wallet's card: American Express
// refused it, or said something of it that presumes that it accepted.
func EnrolmentNotice(w *Wallet, index int, e StatusEvent) Notice {
	return w.notice(NoticeEnrolment, strconv.Itoa(index), NoticeFacts{
		Accepted: e.Status != CardRefused, Code: e.Code, Text: MaskCardNumbers(e.Text), Card: w.masked(index),
	})
}

// CancellationNotice tells that American Express cancelled the wallet's card.
func CancellationNotice(w *Wallet, index int, e StatusEvent) Notice {
	return w.notice(NoticeCancelled, strconv.Itoa(index), NoticeFacts{Code: e.Code, Text: MaskCardNumbers(e.Text), Card: w.masked(index)})
}

// ExpiryNotice tells that a card of the wallet is about to expire; once per card and expiry.
func ExpiryNotice(w *Wallet, c Card) Notice {
	return w.notice(NoticeExpiring, strconv.Itoa(c.Index)+" "+c.Expiry, NoticeFacts{Card: c.Masked(), Expiry: c.Expiry})
}

// CreationNotice tells that the wallet was created.
func CreationNotice(w *Wallet) Notice { return w.notice(NoticeWalletCreated, "", NoticeFacts{}) }

// PaymentNotice tells of a wallet payment from a file; key is that of its attempt.
func PaymentNotice(w *Wallet, key Key, id TransactionID) Notice {
	return w.notice(NoticeWalletPayment, string(key), NoticeFacts{TransactionID: id})
}

// InstalmentNotice tells of the payment of an instalment; key is that of its attempt and
// date (YYYY-MM-DD) the day on which it was due.
func InstalmentNotice(w *Wallet, key Key, record, date, orderRef string, id TransactionID) Notice {
	return w.notice(NoticeInstalment, string(key), NoticeFacts{PaymentRecord: record, BillingDate: date, OrderRef: orderRef, TransactionID: id})
}

// ReportFacts are what an e-mail tells of the account-updater report that it carries.
type ReportFacts struct {
	Merchant MerchantID
	Report   int64  // its number in the store
	File     string // its name, unique among the merchant's reports
	Period   string // YYYY-MM, or YYYY-MM-DD: the month up to that day's end
	Records  int
	Folder   bool // it lies in the outbound folder, too
}

// UpdaterReportMail is the e-mail that carries a report to an address, due at once. Language is
// "fr" or "en"; empty: "en". The same report has the same id, once per address, whenever it is made.
func UpdaterReportMail(r ReportFacts, to, language string, at time.Time) Notification {
	n := Notice{Kind: NoticeUpdaterReport, Merchant: r.Merchant, Event: r.File + "\n" + to} // neither has a line feed
	return Notification{
		ID: NotificationID(n, ByMail), Kind: n.Kind, Channel: ByMail, Merchant: r.Merchant, To: to, Language: NoticeRoutes{}.language(language),
		Facts:     NoticeFacts{Report: r.Report, File: r.File, Period: r.Period, Records: r.Records, Folder: r.Folder},
		CreatedAt: at, State: NotificationWaiting, Due: at,
	}
}

func (w *Wallet) masked(index int) string {
	c, _ := w.Card(index)
	return c.Masked()
}
