package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/user"
	"path"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"time"

	"cardbatch/batch"
	"cardbatch/config"
	"cardbatch/formats/batchfile"
	"cardbatch/gateway"
	"cardbatch/gateway/simulator"
	gateways "cardbatch/gateway/smartbill"
	"cardbatch/money"
	"cardbatch/pipeline"
	"cardbatch/sftpio"
	"cardbatch/smartbill"
	"cardbatch/store"
	"cardbatch/store/sqlite"
	"cardbatch/vault"
)

// installation is everything concrete that a command works with. It is built here
// and nowhere else.
type installation struct {
	cfg   *config.Config
	clock func() time.Time
	log   *slog.Logger
	store store.Store
	close []func() error // in reverse order of opening

	exchanges map[string]*smartbill.Exchange // by gateway
}

// load reads the configuration; nothing is opened.
func (a *app) load() (*installation, error) {
	cfg, err := a.config()
	if err != nil {
		return nil, err
	}
	clock, err := a.clock(cfg.Environment)
	if err != nil {
		return nil, err
	}
	return &installation{cfg: cfg, clock: clock, log: a.logger(cfg)}, nil
}

// open loads the configuration and opens the store. With create, a store that
// does not exist is made.
func (a *app) open(ctx context.Context, create bool) (*installation, error) {
	in, err := a.load()
	if err != nil {
		return nil, err
	}
	if err := in.openStore(ctx, sqlite.Options{Create: create}); err != nil {
		return nil, err
	}
	return in, nil
}

// openStore opens the store; environment and clock are the installation's.
func (in *installation) openStore(ctx context.Context, o sqlite.Options) (err error) {
	o.Environment, o.Clock = batch.Mode(in.cfg.Environment), in.clock
	in.store, err = sqlite.Open(ctx, string(in.cfg.Store), o)
	if errors.Is(err, store.ErrNotFound) {
		return &codeError{exitFailure, fmt.Errorf("there is no store at %s yet", in.cfg.Store), "The first `cardbatch run` makes it."}
	}
	if err != nil {
		return err
	}
	in.close = append(in.close, in.store.Close)
	return nil
}

// Close closes what was opened, last first.
func (in *installation) Close() error {
	var errs []error
	for i := len(in.close) - 1; i >= 0; i-- {
		errs = append(errs, in.close[i]())
	}
	return errors.Join(errs...)
}

// begin takes the store's lock for the named command.
func (in *installation) begin(ctx context.Context, command string) (store.Session, error) {
	return in.store.Begin(ctx, in.actor(command))
}

// actor is who works, for lock and journal.
func (in *installation) actor(command string) store.Actor {
	name := command
	if u, err := user.Current(); err == nil {
		name += " by " + u.Username
	}
	return store.Actor{Name: name, Version: version(), Config: in.cfg.Hash()}
}

// run builds a pipeline over the installation. The session must be ended by the caller.
func (in *installation) run(session store.Session) (*pipeline.Run, error) {
	r, err := in.offline(session)
	if err != nil {
		return nil, err
	}
	r.Gateways, err = in.gateways(session, r.Vault)
	if err != nil {
		return nil, err
	}
	r.Partners, r.FollowUps = in.partners(), in.followUps()
	for _, x := range in.exchanges {
		x.Tell = r.TellStatuses
	}
	updaters, err := in.updaters(r)
	if err != nil {
		return nil, err
	}
	for _, x := range updaters {
		r.Updaters = append(r.Updaters, pipeline.Updater{Name: x.Name, Exchange: x})
	}
	r.UpdaterReports = in.updaterReports()
	sender, err := in.sender()
	if err != nil {
		return nil, err
	}
	r.Deliver = func(ctx context.Context) (int, error) {
		tally, err := sender.Pass(ctx, store.Outbox{Reader: in.store, Session: session})
		return tally.Sent, err
	}
	return r, nil
}

// followUps are the daily files that contracts want.
func (in *installation) followUps() (all []pipeline.FollowUp) {
	for _, c := range in.cfg.Contracts {
		source := c.FollowUp.Source
		for _, s := range in.cfg.Sources {
			if source == "" && slices.Contains(s.Merchants, c.Merchant) {
				source = s.Name
			}
		}
		kinds := slices.Clone(c.FollowUp.Files)
		if c.SmartBill.Via == string(batch.ViaFiles) {
			kinds = append(kinds, string(store.ExceptionsOfDay))
		}
		for _, kind := range kinds {
			all = append(all, pipeline.FollowUp{
				Series: store.Series{Merchant: batch.MerchantID(c.Merchant), Contract: batch.ContractID(c.ID), Kind: store.FollowUpKind(kind)},
				Source: source, Zone: in.cfg.Location(in.cfg.Merchant(c.Merchant)), Encoding: c.FollowUp.Encoding, Since: c.FollowUp.Since,
			})
		}
	}
	return all
}

// notices are whom a contract tells of what.
func notices(c config.ContractNotify) batch.NoticeRoutes {
	kinds := func(names []string) (all []batch.NoticeKind) {
		for _, name := range names {
			all = append(all, batch.NoticeKind(name))
		}
		return all
	}
	return batch.NoticeRoutes{URL: c.URL, HTTP: kinds(c.Server), Mail: kinds(c.Mail)}
}

// offline builds a pipeline that reaches no gateway: enough to decide, not to submit.
func (in *installation) offline(session store.Session) (*pipeline.Run, error) {
	keys, archive, err := in.keys()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(in.cfg.OutboxDir(), 0o700); err != nil {
		return nil, err
	}
	day := 24 * time.Hour
	return &pipeline.Run{
		Store: in.store, Session: session, Vault: keys, Archive: archive, Outbox: in.cfg.OutboxDir(),
		Mode:    batch.Mode(in.cfg.Environment),
		Sources: in.sources(), Merchants: in.merchants(), Contracts: in.contracts(),
		Retention: pipeline.Retention{
			Archive: time.Duration(in.cfg.Retention.ArchiveDays) * day,
			Lines:   time.Duration(in.cfg.Retention.LinesDays) * day,
		},
		Chunk: in.cfg.Run.Chunk, ResolveWait: in.cfg.Run.ResolveWait,
		Clock: in.clock, Sleep: sleep, Log: in.log, Stop: make(chan struct{}), Reached: reached,
	}, nil
}

// keys opens the key set and the archive that it protects.
func (in *installation) keys() (*vault.Vault, *vault.Archive, error) {
	keys, err := vault.Open(in.cfg.Vault.KeySet.Path())
	if err != nil {
		return nil, nil, err
	}
	archive, err := vault.OpenArchive(keys, in.cfg.ArchiveDir())
	return keys, archive, err
}

// sleep waits, or returns early with the context's error.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// circuitCooldown outlasts any run: a run gives a gateway up when its circuit opens,
// and the next run begins with a closed one.
const circuitCooldown = 24 * time.Hour

// gateways builds a connector per configured gateway, with its limits around it.
func (in *installation) gateways(session store.Session, keys *vault.Vault) (map[batch.GatewayName]pipeline.Gateway, error) {
	all := map[batch.GatewayName]pipeline.Gateway{}
	for _, g := range in.cfg.Gateways {
		connector, err := in.connector(g, session, keys)
		if err != nil {
			return nil, err
		}
		connector = gateway.Limit(connector, float64(g.Rate), g.Concurrency)
		connector = gateway.WithCircuit(connector, g.Circuit.Consecutive, circuitCooldown, in.clock)
		all[batch.GatewayName(g.Name)] = pipeline.Gateway{Connector: connector, Concurrency: g.Concurrency, BatchLines: batchLines(connector, g)}
	}
	return all, nil
}

// batchLines is how many lines are submitted together: a gateway that takes no batches
// takes lines in the run's own chunks.
func batchLines(c gateway.Connector, g config.Gateway) int {
	if _, ok := c.(gateway.Batcher); ok {
		return g.BatchLines
	}
	return 0
}

// connector builds the connector of a gateway and makes sure that its endpoint
// lives in the world of this installation (promise P9).
func (in *installation) connector(g config.Gateway, session store.Session, keys *vault.Vault) (gateway.Connector, error) {
	if g.Kind == gateways.Kind {
		x, err := in.exchange(g, session, keys)
		if err != nil {
			return nil, err
		}
		return in.dialSmartBill(g, x)
	}
	c, err := in.dial(g)
	if errors.Is(err, config.ErrNoSecret) {
		return nil, fmt.Errorf("gateway %s: %w", g.Name, err)
	}
	if err != nil {
		return nil, &codeError{exitConfig, fmt.Errorf("gateway %s: %w", g.Name, err), "Correct the gateway in the configuration."}
	}
	if world := c.Profile().Environment; world != batch.Mode(in.cfg.Environment) {
		return nil, &codeError{exitSafety, fmt.Errorf("gateway %s: its endpoint belongs to %s and this installation to %s", g.Name, world, in.cfg.Environment), "Correct `environment` or the gateway in the configuration."}
	}
	return c, nil
}

func (in *installation) dial(g config.Gateway) (gateway.Connector, error) {
	k := kinds[g.Kind]
	a := account{Gateway: g, world: batch.Mode(in.cfg.Environment), password: revealer(g.Password), clock: in.clock}
	if g.Embedded() {
		endpoint, err := in.embedded(g.Name)
		if err != nil {
			return nil, err
		}
		a.Endpoint, a.MerchantID, a.Accounts, a.User, a.password = endpoint, k.merchantID, k.accounts, k.user, simulated
	} else if !g.Password.IsZero() {
		// A secret that is missing must be known before the first line is submitted.
		if _, err := g.Password.Resolve(context.Background()); err != nil {
			return nil, fmt.Errorf("password: %w", err)
		}
	}
	return k.dial(a)
}

// embedded starts a simulator inside the program. Its memory lies beside the
// store, so that the next run finds the orders and tokens of this one.
func (in *installation) embedded(name string) (endpoint string, err error) {
	if err := os.MkdirAll(string(in.cfg.StateDir), 0o700); err != nil {
		return "", err
	}
	s, err := simulator.New(simulator.Options{StateFile: filepath.Join(string(in.cfg.StateDir), "simulator-"+name+".log")})
	if err != nil {
		return "", err
	}
	in.close = append(in.close, s.Close)
	return s.Start("127.0.0.1:0")
}

func (in *installation) merchants() map[batch.MerchantID]pipeline.Merchant {
	all := map[batch.MerchantID]pipeline.Merchant{}
	for _, m := range in.cfg.Merchants {
		id := batch.MerchantID(m.ID)
		all[id] = pipeline.Merchant{
			ID: id, MaxLines: m.Limits.Lines, MaxAmounts: m.Limits.Amounts,
			Lookalike: pipeline.Lookalike{Lines: m.Lookalike.Lines, Percent: m.Lookalike.Percent, Days: m.Lookalike.Days},
		}
	}
	return all
}

func (in *installation) contracts() map[batch.MerchantID]map[batch.ContractID]*batch.Contract {
	all := map[batch.MerchantID]map[batch.ContractID]*batch.Contract{}
	for _, c := range in.cfg.Contracts {
		merchant := batch.MerchantID(c.Merchant)
		if all[merchant] == nil {
			all[merchant] = map[batch.ContractID]*batch.Contract{}
		}
		contract := &batch.Contract{
			ID: batch.ContractID(c.ID), Merchant: merchant, Gateway: batch.GatewayName(c.Gateway),
			CardTypes: c.CardTypes, MerchantSource: c.MerchantSource, Reauthorize: c.Reauthorization,
			Account:       in.account(c.Gateway),
			UnknownSeries: batch.SeriesPolicy(c.UnknownSeries),
			SmartBill:     smartBill(c),
			Updater:       in.keepsNumbers(c),
			Notices:       notices(c.Notify),
			Zone:          in.cfg.Location(in.cfg.Merchant(c.Merchant)),
		}
		for _, code := range c.Currencies {
			contract.Currencies = append(contract.Currencies, money.Currency(code))
		}
		all[merchant][contract.ID] = contract
	}
	return all
}

// account is the gateway that keeps the wallets of the named one; empty: it does itself.
func (in *installation) account(name string) batch.GatewayName {
	for _, g := range in.cfg.Gateways {
		if g.Name == name {
			return batch.GatewayName(g.Account)
		}
	}
	return ""
}

func (in *installation) sources() []pipeline.Source {
	var all []pipeline.Source
	for _, s := range in.cfg.Sources {
		source := pipeline.Source{
			Name: s.Name, Format: formatOptions(in.cfg, s),
			RejectLines: s.OnLineError == "reject-lines", Sequence: s.Sequence == "check",
			OpenInbound: func(ctx context.Context) (sftpio.Inbound, error) {
				return sftpio.OpenInbound(ctx, in.inboundOptions(s))
			},
			OpenOutbound: func(ctx context.Context) (sftpio.Outbound, error) {
				return sftpio.OpenOutbound(ctx, in.folderOptions(s.Outbound.Remote, string(s.Outbound.Folder)))
			},
		}
		for _, m := range s.Merchants {
			source.Merchants = append(source.Merchants, batch.MerchantID(m))
		}
		for _, x := range s.Expected {
			source.Expected = append(source.Expected, pipeline.Expected{Pattern: x.Pattern, By: x.By.On, Zone: in.cfg.Clock()})
		}
		all = append(all, source)
	}
	return all
}

// formatOptions says how the files of a source are read.
func formatOptions(cfg *config.Config, s config.Source) batchfile.Options {
	o := batchfile.Options{
		Plain: s.Control == "none", Mode: batch.Mode(cfg.Environment), Encoding: s.Encoding,
		Columns: s.Columns, Constants: s.Constants,
		MaxLine: s.MaxLineBytes, MaxField: s.MaxFieldBytes, MaxLines: s.MaxLines, MaxBytes: s.MaxFileBytes,
		AcceptCardLikeIDs: s.AcceptCardLikeIDs,
	}
	if o.Plain {
		// Without a header record a file cannot name its merchant: the configuration allows one.
		o.Merchant = batch.MerchantID(s.Merchants[0])
		o.Separator = s.Separator[0]
		if s.Separator == "tab" {
			o.Separator = '\t'
		}
	}
	return o
}

func (in *installation) inboundOptions(s config.Source) sftpio.Options {
	o := in.folderOptions(s.Inbound.Remote, string(s.Inbound.Folder))
	o.Readiness = sftpio.Readiness(s.Inbound.Ready)
	o.StableFor, o.DoneSuffix, o.Pattern = s.Inbound.StableFor, s.Inbound.DoneSuffix, s.Inbound.Pattern
	o.Skipped = func(name string, why error) {
		in.log.Warn("a name in the inbound folder is left alone", "source", s.Name, "name", strconv.Quote(name), "why", why.Error())
	}
	return o
}

func (in *installation) folderOptions(remote, folder string) sftpio.Options {
	if remote == "" {
		return sftpio.Options{Location: folder}
	}
	r := in.cfg.Remote(remote)
	return sftpio.Options{
		Location:    location(r, folder),
		KnownHosts:  string(r.KnownHosts),
		DialTimeout: r.ConnectTimeout, IOTimeout: r.IdleTimeout,
		Auth: sftpio.Auth{
			KeyFile: string(r.Key), CertificateFile: string(r.Certificate), Agent: r.Agent,
			KeyPassphrase: revealer(r.KeyPassphrase), Password: revealer(r.Password),
		},
		Quirks: sftpio.Quirks(r.Quirks),
	}
}

// revealer asks for a secret when it is needed; nil for none.
func revealer(s config.Secret) func() (string, error) {
	if s.IsZero() {
		return nil
	}
	return func() (string, error) { return s.Resolve(context.Background()) }
}

// location is the URL of a folder on a remote; a relative one is below the login directory.
func location(r *config.Remote, folder string) string {
	if !path.IsAbs(folder) {
		folder = "/~/" + folder
	}
	u := url.URL{Scheme: "sftp", User: url.User(r.User), Host: net.JoinHostPort(r.Host, strconv.Itoa(r.Port)), Path: folder}
	return u.String()
}

// version is the program's, from its build information.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(devel)"
}
