package config

import (
	"fmt"
	"net/mail"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
)

func (k *checker) updaters() {
	for i := range k.Updaters {
		at := fmt.Sprintf("updaters[%d]", i)
		u := &k.Updaters[i]
		switch u.Kind {
		case "paysafe":
			k.askedUpdater(at, u)
		case "files":
			k.readUpdater(at, u)
		}
		k.remote(at+".inbound.remote", u.Inbound.Remote)
		k.remote(at+".outbound.remote", u.Outbound.Remote)
		k.glob(at+".inbound.pattern", u.Inbound.Pattern)
		k.glob(at+".response_pattern", u.ResponsePattern)
		k.doneSuffix(at+".inbound.done_suffix", u.Inbound.DoneSuffix)
		if u.Inbound.Ready == "trailer" {
			k.problem(at+".inbound.ready", "the files of an account updater have no trailer; choose stable, done-file or rename")
		}
		k.zone(at+".time_zone", u.TimeZone)
		k.updaterName(at+".name", u.Name)
	}
	k.unique("updaters", "name", names(k.Updaters, func(u Updater) string { return u.Name }))
}

// updaterName keeps the sources of updates apart: reports name an updater beside
// gateways and SmartBill's routes, which tell of cards too.
func (k *checker) updaterName(setting, name string) {
	if name == "smartbill" || name == "payline" {
		k.problem(setting, "%s is what reports call American Express SmartBill by that route; choose another name", name)
	}
	for i, g := range k.Gateways {
		if g.Name == name && name != "" {
			k.problem(setting, "is the name of gateways[%d] too, which tells of cards itself; choose another name", i)
		}
	}
}

// acknowledgement is a name such as a provider gives to acknowledgements (Paysafe account
// updater, section 2.5).
const acknowledgement = "upd_x_20261201_000001.csv_20261201_060001_1.ack"

// askedUpdater checks an updater that is asked by files.
func (k *checker) askedUpdater(at string, u *Updater) {
	for _, need := range []struct{ key, why string }{
		{".outbound", "requests go there"},
		{".encrypt_to", "requests are encrypted to the provider's public key"},
		{".decrypt_with", "responses are encrypted to our key"},
	} {
		if !k.given(at + need.key) {
			k.problem(at+need.key, "is missing: %s", need.why)
		}
	}
	if u.Format != "paysafe" {
		k.problem(at+".format", "must be paysafe, as the kind; layouts and codes replace its tables")
	}
	if id, password := k.given(at+".store_id"), k.given(at+".store_password"); id && !password {
		k.problem(at+".store_password", "is missing: it goes with store_id")
	} else if password && !id {
		k.problem(at+".store_id", "is missing: it goes with store_password")
	}
	if strings.ContainsFunc(u.StoreID, func(c rune) bool { return c == ',' || c == '"' || unicode.IsSpace(c) }) {
		k.problem(at+".store_id", "must have no space, comma or quotation mark: no record of a request could hold it")
	}
	if matches, err := path.Match(u.Inbound.Pattern, acknowledgement); err == nil && !matches && u.Inbound.Pattern != "" {
		k.problem(at+".inbound.pattern", "would hide acknowledgements; say it in response_pattern")
	}
	if len(u.Schemes) == 0 {
		k.problem(at+".schemes", "is empty; at least one is needed")
	}
	k.cardTypes(at+".schemes", u.Schemes)
	k.zone(at+".cut_off.time_zone", u.CutOff.TimeZone)
	if u.AcknowledgeWithin > u.Wait {
		k.problem(at+".acknowledge_within", "is longer than wait: responses come after the acknowledgement")
	}
	named := slices.ContainsFunc(k.Contracts, func(c Contract) bool { return c.Updater.Name == u.Name })
	if u.Name != "" && !named && u.Select == "monthly" {
		k.problem(at, "is named by no contract, so that nothing is asked; name it in contracts[].updater, or say select: manual when only answers are awaited")
	}
}

// readUpdater checks an updater that only takes files.
func (k *checker) readUpdater(at string, u *Updater) {
	if !k.given(at + ".format") {
		k.problem(at+".format", "is missing: say whose files they are")
	}
	if u.Format == "own" && u.Layouts.Response == "" {
		k.problem(at+".layouts.response", "is missing: with format: own no shipped table reads the files")
	}
	if u.Format == "own" && u.Codes == "" {
		k.problem(at+".codes", "is missing: with format: own no shipped table says what codes mean")
	}
	if k.given(at+".passphrase") && !k.given(at+".decrypt_with") {
		k.problem(at+".passphrase", "has no effect without decrypt_with")
	}
	for i, id := range u.Merchants {
		k.merchant(fmt.Sprintf("%s.merchants[%d]", at, i), id)
	}
}

// idle lists the settings of the updater that its kind leaves without effect.
func (u *Updater) idle(at string, idle map[string]string) {
	u.Inbound.idle(at+".inbound", idle)
	var keys []string
	switch u.Kind {
	case "paysafe":
		keys = []string{"merchants"}
	case "files":
		keys = []string{
			"outbound", "store_id", "store_password", "encrypt_to", "schemes", "cut_off", "wait", "acknowledge_within", "max_bytes", "max_records",
			"select", "layouts.request", "layouts.acknowledgement", "response_pattern",
		}
	}
	for _, key := range keys {
		idle[at+"."+key] = "with kind: " + u.Kind
	}
}

// contractUpdater checks that somebody can be asked about the cards of a contract.
func (k *checker) contractUpdater(at string, c *Contract) {
	name := at + ".name"
	if c.Updater.Name == "" {
		if k.given(at+".account") && !k.given(name) {
			k.problem(name, "is missing: account is that of the contract at an updater")
		}
		return
	}
	if len(k.Updaters) == 0 {
		k.problem(name, "names no updater of this file; there is no list of updaters")
	}
	k.named(name, c.Updater.Name, "updater", names(k.Updaters, func(u Updater) string { return u.Name }))
	if c.SmartBill.Via == "files" {
		k.problem(name, "goes with no contract under SmartBill: its cards are registered at American Express, not asked about; remove it")
	}
	u := k.Updater(c.Updater.Name)
	if u == nil {
		return
	}
	if u.Kind == "files" && len(u.Merchants) > 0 && !slices.Contains(u.Merchants, c.Merchant) {
		k.problem(name, "is not for the contract's merchant; add it to the updater's merchants")
	}
	if u.Kind != "paysafe" {
		return
	}
	if g := k.Gateway(c.Gateway); g != nil && g.Kind == "paysafe" {
		// Paysafe account updater, section 2.4: its own profiles are not to be asked about by file.
		k.problem(name, "the gateway keeps the contract's cards in Paysafe profiles, which Paysafe updates by itself and does not take by file; remove it")
	}
	switch account := at + ".account"; {
	case c.Updater.Account == "" && !k.given(account):
		k.problem(account, "is missing: the updater is asked under the contract's merchant account number")
	case strings.Trim(c.Updater.Account, "0123456789") != "":
		k.problem(account, "must be the digits of a merchant account number")
	}
}

// updaterReport checks that a merchant's report has somewhere to go.
func (k *checker) updaterReport(at string, m *Merchant) {
	r := &m.UpdaterReport
	if r.Every == "" {
		return
	}
	own := names(slices.DeleteFunc(slices.Clone(k.Sources), func(s Source) bool { return !slices.Contains(s.Merchants, m.ID) }), func(s Source) string { return s.Name })
	switch s := k.Source(r.Source); {
	case !r.Folder && len(r.Mail) == 0:
		k.problem(at+".folder", "must be true, or mail given: the report would go nowhere")
	case !r.Folder:
	case r.Source != "" && s == nil:
		k.named(at+".source", r.Source, "source", names(k.Sources, func(s Source) string { return s.Name }))
	case r.Source != "" && !slices.Contains(own, r.Source):
		k.problem(at+".source", "is no source of this merchant; name one that lists it")
	case r.Source == "" && len(own) == 0 && len(k.Sources) > 0:
		k.problem(at+".folder", "must be false: the merchant has no source whose outbound folder the report could go to")
	}
	for i, address := range r.Mail {
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address {
			k.problem(fmt.Sprintf("%s.mail[%d]", at, i), "must be an e-mail address such as billing@example.com")
		}
	}
	if len(r.Mail) > 0 && k.Notify.Mail.Host == "" {
		k.problem(at+".mail", "needs notify.mail.host: e-mails are to be sent")
	}
	if _, err := time.Parse("2006-01", r.Since); err != nil && r.Since != "" {
		k.problem(at+".since", "must be a month, YYYY-MM")
	}
}
