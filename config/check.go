package config

import (
	"cmp"
	"fmt"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
	"unicode"
)

// checker looks at a configuration as a whole: what each key says is known to be well formed.
type checker struct {
	*Config
	problems Problems
}

func (c *Config) check() Problems {
	k := &checker{Config: c}
	k.zone("time_zone", c.TimeZone)
	k.merchants()
	k.contracts()
	k.establishments()
	k.gateways()
	k.exchanges()
	k.updaters()
	k.remotes()
	k.sources()
	k.folders()
	k.idle()
	return k.problems
}

// problem reports at the setting, or at the nearest group around it that the file holds.
func (k *checker) problem(setting, format string, args ...any) {
	at := setting
	origin, ok := k.origins[at]
	for !ok && at != "" {
		at = at[:max(0, strings.LastIndexAny(at, ".["))]
		origin, ok = k.origins[at]
	}
	if !ok {
		origin = Origin{File: k.file}
	}
	k.problems = append(k.problems, Problem{Setting: setting, Origin: origin, Text: fmt.Sprintf(format, args...)})
}

// given reports whether something was written, be it right or wrong.
func (k *checker) given(setting string) bool {
	_, ok := k.origins[setting]
	return ok
}

// unique reports names that are used twice. Unnamed things were reported before.
func (k *checker) unique(list, key string, names []string) {
	first := map[string]int{}
	for i, name := range names {
		if name == "" {
			continue
		}
		if j, twice := first[name]; twice {
			k.problem(fmt.Sprintf("%s[%d].%s", list, i, key), "is the %s of %s[%d] already; give each its own", key, list, j)
			continue
		}
		first[name] = i
	}
}

func (k *checker) zone(setting, name string) {
	if _, err := time.LoadLocation(name); err != nil || name == "Local" {
		k.problem(setting, "is no IANA time zone such as Europe/Paris")
	}
}

func (k *checker) merchants() {
	for i, m := range k.Merchants {
		at := fmt.Sprintf("merchants[%d]", i)
		if m.TimeZone != "" {
			k.zone(at+".time_zone", m.TimeZone)
		}
		for _, currency := range sorted(m.Limits.Amounts) {
			k.currency(at+".limits.amounts."+currency, currency)
		}
		k.updaterReport(at+".updater_report", &k.Merchants[i])
	}
	k.unique("merchants", "id", names(k.Merchants, func(m Merchant) string { return m.ID }))
}

func (k *checker) currency(setting, code string) {
	if k.words.Currencies != nil && !k.words.Currencies(code) {
		k.problem(setting, "is no ISO 4217 alphabetic currency code")
	}
}

func (k *checker) contracts() {
	first := map[[2]string]int{}
	for i, c := range k.Contracts {
		at := fmt.Sprintf("contracts[%d]", i)
		k.merchant(at+".merchant", c.Merchant)
		k.named(at+".gateway", c.Gateway, "gateway", names(k.Gateways, func(g Gateway) string { return g.Name }))
		k.cardTypes(at+".card_types", c.CardTypes)
		for j, currency := range c.Currencies {
			k.currency(fmt.Sprintf("%s.currencies[%d]", at, j), currency)
		}
		k.smartBill(at, &k.Contracts[i])
		k.contractUpdater(at+".updater", &k.Contracts[i])
		key := [2]string{c.Merchant, c.ID}
		if j, twice := first[key]; twice && c.ID != "" {
			k.problem(at+".id", "is the id of contracts[%d] of the same merchant already; ids must differ", j)
			continue
		}
		first[key] = i
	}
}

func (k *checker) cardTypes(list string, types []string) {
	for i, cardType := range types {
		if len(k.words.CardTypes) > 0 && !slices.Contains(k.words.CardTypes, cardType) {
			k.problem(fmt.Sprintf("%s[%d]", list, i), "must be one of %s", strings.Join(k.words.CardTypes, " "))
		}
	}
}

func (k *checker) merchant(setting, id string) {
	k.named(setting, id, "merchant", names(k.Merchants, func(m Merchant) string { return m.ID }))
}

// named reports a reference that leads nowhere. Without any of its kind that was reported before.
func (k *checker) named(setting, name, kind string, known []string) {
	if name == "" || len(known) == 0 || slices.Contains(known, name) {
		return
	}
	if near := nearest(name, known); near != "" {
		k.problem(setting, "names no %s of this file; did you mean %s?", kind, near)
		return
	}
	k.problem(setting, "names no %s of this file", kind)
}

func names[T any](all []T, name func(T) string) []string {
	list := make([]string, len(all))
	for i, one := range all {
		list[i] = name(one)
	}
	return list
}

func (k *checker) gateways() {
	for i := range k.Gateways {
		at := fmt.Sprintf("gateways[%d]", i)
		g := &k.Gateways[i]
		switch {
		case g.Kind == "smartbill" && (g.Exchange == "" || len(k.Exchanges) == 0):
			k.problem(at+".exchange", "must name an exchange of this file")
		case g.Kind == "smartbill":
			k.named(at+".exchange", g.Exchange, "exchange", names(k.Exchanges, func(x Exchange) string { return x.Name }))
		case g.Endpoint == "":
			k.problem(at+".endpoint", "is missing")
		case g.Embedded():
			if k.Environment == "LIVE" {
				k.problem(at+".endpoint", "the embedded simulator charges nobody; it is for TEST only")
			}
		default:
			k.endpoint(at+".endpoint", g.Endpoint, g)
			for j, fallback := range g.Fallbacks {
				k.endpoint(fmt.Sprintf("%s.fallbacks[%d]", at, j), fallback, g)
			}
			if g.Directory != "" {
				k.endpoint(at+".directory", g.Directory, g)
			}
			if g.Kind == "paysafe" && g.User == "" {
				k.problem(at+".user", "is missing: a Paysafe API key has a user and a password")
			}
			if !k.given(at + ".merchant_id") {
				k.problem(at+".merchant_id", "is missing: the gateway is not embedded")
			}
			if !k.given(at + ".password") {
				k.problem(at+".password", "is missing: the gateway is not embedded")
			}
		}
	}
	all := names(k.Gateways, func(g Gateway) string { return g.Name })
	for i, g := range k.Gateways {
		if g.Account == "" {
			continue
		}
		at := fmt.Sprintf("gateways[%d].account", i)
		k.named(at, g.Account, "gateway", all)
		for _, other := range k.Gateways {
			if other.Name == g.Account && (other.Kind != "mastercard" || g.Kind != "mastercard-batch" || other.Endpoint != g.Endpoint || other.MerchantID != g.MerchantID) {
				k.problem(at, "must be a gateway of kind mastercard with the same endpoint and merchant_id, and this one of kind mastercard-batch: two transports of one account")
			}
		}
	}
	k.unique("gateways", "name", all)
}

// endpoint checks the form of a URL and that it belongs to the environment (promise
// P9). A Mastercard test profile's id starts with TEST (mastercard-gateway facts, section
// 7). Lyra has one host for both worlds: there the connector looks at the password, and at the
// mode in every answer.
func (k *checker) endpoint(at, text string, g *Gateway) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		k.problem(at, "must be https://HOST, without path and credentials, or embedded:")
		return
	}
	loopback := isLoopback(u.Hostname())
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback || k.Environment == "LIVE") {
		k.problem(at, "must begin with https://")
	}
	if g.Kind == "lyra" {
		return
	}
	testHost := saysTest(u.Hostname())
	testMerchant := strings.HasPrefix(g.Kind, "mastercard") && strings.HasPrefix(g.MerchantID, "TEST")
	switch {
	case k.Environment == "LIVE" && testHost:
		k.problem(at, "belongs to a test world, but environment is LIVE")
	case k.Environment == "LIVE" && testMerchant:
		k.problem(strings.TrimSuffix(at, ".endpoint")+".merchant_id", "is a test account, but environment is LIVE")
	case k.Environment == "TEST" && !testHost && !testMerchant && !loopback:
		k.problem(at, "nothing in endpoint or merchant_id says that this is a test account, but environment is TEST")
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// testWords in the name of a host mark a test world.
var testWords = []string{"test", "homologation", "mtf", "sandbox", "uat", "staging", "demo", "dev", "simulator"}

func saysTest(host string) bool {
	words := strings.FieldsFunc(strings.ToLower(host), func(c rune) bool { return !unicode.IsLetter(c) })
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(testWords, w) })
}

func (k *checker) exchanges() {
	remotes := names(k.Remotes, func(r Remote) string { return r.Name })
	for i, x := range k.Exchanges {
		at := fmt.Sprintf("exchanges[%d]", i)
		k.zone(at+".time_zone", x.TimeZone)
		k.named(at+".inbound.remote", x.Inbound.Remote, "remote", remotes)
		k.named(at+".outbound.remote", x.Outbound.Remote, "remote", remotes)
		if k.place(x.Inbound.Remote, x.Inbound.Folder) == k.place(x.Outbound.Remote, x.Outbound.Folder) {
			k.problem(at+".inbound.folder", "is the outbound folder too; our own files would be read as American Express'")
		}
	}
	k.unique("gateways", "exchange", names(k.Gateways, func(g Gateway) string { return g.Exchange }))
	k.unique("exchanges", "name", names(k.Exchanges, func(x Exchange) string { return x.Name }))
}

// establishments checks that what American Express tells by service establishment, and what a
// desk finds by contract, is about one merchant.
func (k *checker) establishments() {
	type at struct{ gateway, contract string }
	bySE, byID := map[string]int{}, map[at]int{}
	for i, c := range k.Contracts {
		if c.SmartBill.Via != "files" {
			continue
		}
		if j, taken := bySE[c.SmartBill.SE]; taken && k.Contracts[j].Merchant != c.Merchant {
			k.problem(fmt.Sprintf("contracts[%d].smartbill.se", i), "is that of contracts[%d], of another merchant; each needs its own", j)
		} else {
			bySE[c.SmartBill.SE] = i
		}
		if j, taken := byID[at{c.Gateway, c.ID}]; taken && k.Contracts[j].Merchant != c.Merchant {
			k.problem(fmt.Sprintf("contracts[%d].id", i), "is that of contracts[%d] at the same gateway, of another merchant; each needs its own", j)
		} else {
			byID[at{c.Gateway, c.ID}] = i
		}
	}
}

// smartBill checks that a contract's route is one that its gateway can go.
func (k *checker) smartBill(at string, c *Contract) {
	kind := ""
	for _, g := range k.Gateways {
		if g.Name == c.Gateway {
			kind = g.Kind
		}
	}
	switch {
	case c.SmartBill.Via == "files" && kind != "smartbill":
		k.problem(at+".smartbill.via", "goes with a gateway of kind smartbill")
	case c.SmartBill.Via != "files" && kind == "smartbill":
		k.problem(at+".smartbill.via", "must be files: the contract's gateway is American Express")
	case c.SmartBill.Via == "payline" && kind != "payline":
		k.problem(at+".smartbill.via", "goes with a gateway of kind payline")
	}
	if c.SmartBill.Via == "files" && (len(c.SmartBill.SE) != 10 || strings.Trim(c.SmartBill.SE, "0123456789") != "") {
		k.problem(at+".smartbill.se", "must be the ten digits of the service establishment number")
	}
	if c.SmartBill.Via == "files" && len(c.Currencies) != 1 {
		k.problem(at+".currencies", "must name one currency: the service establishment number fixes it")
	}
	k.zone(at+".smartbill.cut_off.time_zone", c.SmartBill.CutOff.TimeZone)
	for i, day := range c.SmartBill.CutOff.Closed {
		if _, err := time.Parse(time.DateOnly, day); err != nil {
			k.problem(fmt.Sprintf("%s.smartbill.cut_off.closed[%d]", at, i), "must be a date, YYYY-MM-DD")
		}
	}
	k.named(at+".follow_up.source", c.FollowUp.Source, "source", names(k.Sources, func(s Source) string { return s.Name }))
	if _, err := time.Parse(time.DateOnly, c.FollowUp.Since); err != nil && c.FollowUp.Since != "" {
		k.problem(at+".follow_up.since", "must be a date, YYYY-MM-DD")
	}
	if len(c.Notify.Server) > 0 && c.Notify.URL == "" {
		k.problem(at+".notify.url", "is missing: the merchant's server is to be told")
	}
	if len(c.Notify.Mail) > 0 && k.Notify.Mail.Host == "" {
		k.problem(at+".notify.mail", "needs notify.mail.host: e-mails are to be sent")
	}
}

func (k *checker) remotes() {
	for i, r := range k.Remotes {
		at := fmt.Sprintf("remotes[%d]", i)
		if r.Key == "" && !r.Agent && !k.given(at+".password") {
			k.problem(at, "has no way to sign in; give key, agent or password")
		}
		if r.Certificate != "" && r.Key == "" && !r.Agent {
			k.problem(at+".certificate", "goes with a key; give key or agent too")
		}
		if k.given(at+".key_passphrase") && r.Key == "" {
			k.problem(at+".key_passphrase", "has no effect without key")
		}
		if strings.ContainsAny(r.Host, "/@ ") || strings.Count(r.Host, ":") == 1 {
			k.problem(at+".host", "must be a host name or address alone; port and user have keys of their own")
		}
	}
	k.unique("remotes", "name", names(k.Remotes, func(r Remote) string { return r.Name }))
}

func (k *checker) sources() {
	for i := range k.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		s := &k.Sources[i]
		for j, id := range s.Merchants {
			k.merchant(fmt.Sprintf("%s.merchants[%d]", at, j), id)
		}
		k.remote(at+".inbound.remote", s.Inbound.Remote)
		k.remote(at+".outbound.remote", s.Outbound.Remote)
		k.glob(at+".inbound.pattern", s.Inbound.Pattern)
		for j, e := range s.Expected {
			k.glob(fmt.Sprintf("%s.expected[%d].pattern", at, j), e.Pattern)
		}
		k.doneSuffix(at+".inbound.done_suffix", s.Inbound.DoneSuffix)
		if s.Inbound.Ready == "trailer" && s.Control == "none" {
			k.problem(at+".inbound.ready", "a file with control: none has no trailer; choose stable, done-file or rename")
		}
		if s.Control == "none" && len(s.Merchants) > 1 {
			k.problem(at+".merchants", "a file with control: none does not say whose it is; name one merchant")
		}
		k.columns(at, s)
	}
	k.unique("sources", "name", names(k.Sources, func(s Source) string { return s.Name }))
}

// remote reports a remote that is not there.
func (k *checker) remote(setting, name string) {
	if name != "" && len(k.Remotes) == 0 {
		k.problem(setting, "names no remote of this file; there is no list of remotes")
	}
	k.named(setting, name, "remote", names(k.Remotes, func(r Remote) string { return r.Name }))
}

func (k *checker) glob(setting, pattern string) {
	if _, err := path.Match(pattern, ""); err != nil || strings.Contains(pattern, "/") {
		k.problem(setting, "must be a pattern of file names: letters, * ? and [a-z], without /")
	}
}

func (k *checker) doneSuffix(setting, suffix string) {
	if strings.Contains(suffix, "/") {
		k.problem(setting, "must be the end of a file name, without /")
	}
}

// idle reports settings that do nothing: whoever wrote one believes that it works.
func (k *checker) idle() {
	idle := k.Config.idle()
	for _, setting := range sorted(idle) {
		if k.given(setting) {
			k.problem(setting, "has no effect %s; remove it", idle[setting])
		}
	}
}

// idle lists the settings that another setting leaves without effect, each with why.
func (c *Config) idle() map[string]string {
	idle := map[string]string{}
	for i, s := range c.Sources {
		at := fmt.Sprintf("sources[%d]", i)
		s.Inbound.idle(at+".inbound", idle)
		if s.Control == "header" {
			idle[at+".separator"] = "with control: header, where each file names its own"
		}
	}
	for i := range c.Updaters {
		c.Updaters[i].idle(fmt.Sprintf("updaters[%d]", i), idle)
	}
	for i, m := range c.Merchants {
		at := fmt.Sprintf("merchants[%d].updater_report", i)
		if _, given := c.origins[at+".every"]; !given && m.UpdaterReport.Every == "" {
			// Format and fields are also those of a report on demand.
			for _, key := range []string{"folder", "source", "mail", "language", "send_empty", "since"} {
				idle[at+"."+key] = "without every: daily or monthly"
			}
		}
		if !m.UpdaterReport.Folder {
			idle[at+".source"] = "with folder: false"
		}
	}
	return idle
}

func (in *Inbound) idle(at string, idle map[string]string) {
	if in.Ready != "stable" && in.Ready != "" {
		idle[at+".stable_for"] = "with ready: " + in.Ready
	}
	if in.Ready != "done-file" && in.Ready != "" {
		idle[at+".done_suffix"] = "with ready: " + in.Ready
	}
}

// columns checks the map of their names to ours, and the constants.
func (k *checker) columns(at string, s *Source) {
	theirs := map[string]string{}
	for _, name := range sorted(s.Columns) {
		setting := at + ".columns." + name
		k.column(setting, s.Columns[name])
		if slices.Contains(k.words.ForbiddenColumns, strings.ToLower(name)) {
			k.problem(setting, "is a card verification value, which is never accepted (PCI DSS 3.3.1)")
		}
		if other, twice := theirs[s.Columns[name]]; twice {
			k.problem(setting, "leads to the same column as %s", other)
			continue
		}
		theirs[s.Columns[name]] = name
	}
	for _, name := range sorted(s.Constants) {
		setting := at + ".constants." + name
		k.column(setting, name)
		if name == "card_number" {
			k.problem(setting, "a card number cannot be a constant")
		}
		if other, mapped := theirs[name]; mapped {
			k.problem(setting, "has a value of its own: columns.%s leads there", other)
		}
	}
}

func (k *checker) column(setting, name string) {
	w := k.words
	if len(w.Columns) == 0 || slices.Contains(w.Columns, name) || w.PrivatePrefix != "" && strings.HasPrefix(name, w.PrivatePrefix) {
		return
	}
	if near := nearest(name, w.Columns); near != "" {
		k.problem(setting, "%s is no column of the batch interface; did you mean %s?", name, near)
		return
	}
	k.problem(setting, "%s is no column of the batch interface", name)
}

// folders reports folders that are read twice, or that what is written would come back in by.
func (k *checker) folders() {
	readers := map[string]string{}
	read := func(at string, in Inbound, why string) {
		if in.Folder == "" {
			return
		}
		place := k.place(in.Remote, in.Folder)
		if other, twice := readers[place]; twice {
			k.problem(at+".inbound.folder", "is the inbound folder of %s already; %s", other, why)
			return
		}
		readers[place] = at
	}
	for i, s := range k.Sources {
		read(fmt.Sprintf("sources[%d]", i), s.Inbound, "a file has one source")
	}
	for i, x := range k.Exchanges {
		read(fmt.Sprintf("exchanges[%d]", i), x.Inbound, "each needs its own")
	}
	for i, u := range k.Updaters {
		read(fmt.Sprintf("updaters[%d]", i), u.Inbound, "each needs its own")
	}
	written := func(at string, out Outbound, why string) {
		if reader, both := readers[k.place(out.Remote, out.Folder)]; both && out.Folder != "" {
			k.problem(at+".outbound.folder", "is the inbound folder of %s; %s", reader, why)
		}
	}
	for i, s := range k.Sources {
		written(fmt.Sprintf("sources[%d]", i), s.Outbound, "answers would be read as files")
	}
	for i, u := range k.Updaters {
		written(fmt.Sprintf("updaters[%d]", i), u.Outbound, "requests would be read as files")
	}
}

// place names a folder so that equal folders have equal names, whatever the remote is called.
func (k *checker) place(remote string, folder Path) string {
	r := k.Remote(remote)
	if r == nil {
		return filepath.Clean(string(folder))
	}
	return fmt.Sprintf("%s@%s:%d/%s", r.User, strings.ToLower(r.Host), r.Port, path.Clean(string(folder)))
}

func sorted[V any](table map[string]V) []string {
	keys := make([]string, 0, len(table))
	for key := range table {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, cmp.Compare[string])
	return keys
}
