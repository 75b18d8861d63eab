package main

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cardbatch/batch"
	"cardbatch/config"
	"cardbatch/formats/layout"
	format "cardbatch/formats/updater"
	"cardbatch/internal/pgp"
	"cardbatch/internal/privatefile"
	"cardbatch/notify"
	"cardbatch/pipeline"
	"cardbatch/sftpio"
	"cardbatch/store"
	"cardbatch/updater"
	"cardbatch/vault"
)

// updaters builds the sources of card updates for a run.
func (in *installation) updaters(r *pipeline.Run) (all []*updater.Exchange, err error) {
	for _, c := range in.cfg.Updaters {
		x, err := in.updater(c, r)
		if err != nil {
			return nil, err
		}
		all = append(all, x)
	}
	return all, nil
}

// updater builds one source of card updates.
func (in *installation) updater(c config.Updater, r *pipeline.Run) (*updater.Exchange, error) {
	wrong := func(what string, err error) error {
		return &codeError{exitConfig, fmt.Errorf("updater %s: %s: %w", c.Name, what, err), "Correct the updater in the configuration; `cardbatch doctor` looks at it without asking anybody."}
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return nil, err // the configuration was checked
	}
	tables, codes, err := loadUpdaterTables(c)
	if err != nil {
		return nil, wrong("layouts", err)
	}
	copies, err := vault.OpenArchive(r.Vault, filepath.Join(string(in.cfg.StateDir), "updater-"+c.Name))
	if err != nil {
		return nil, err
	}
	x := &updater.Exchange{
		Name: c.Name, Tables: tables, Codes: codes, Zone: zone, Month: in.cfg.Clock(),
		Accounts: in.updaterAccounts(c), Merchants: in.updaterMerchants(c), Schemes: c.Schemes, Monthly: c.Select == "monthly", Shadow: !c.Apply,
		StoreID: c.StoreID, StorePassword: revealer(c.StorePassword), CutOff: updaterCutOff(c.CutOff), Wait: c.Wait, Acknowledged: c.AcknowledgeWithin,
		MaxBytes: c.MaxBytes, MaxRecords: c.MaxRecords, Responses: c.ResponsePattern,
		OpenInbound: func(ctx context.Context) (sftpio.Inbound, error) {
			o := in.folderOptions(c.Inbound.Remote, string(c.Inbound.Folder))
			o.Readiness = sftpio.Readiness(c.Inbound.Ready)
			o.StableFor, o.DoneSuffix, o.Pattern = c.Inbound.StableFor, c.Inbound.DoneSuffix, c.Inbound.Pattern
			return sftpio.OpenInbound(ctx, o)
		},
		Store: r.Store, Session: r.Session, Vault: r.Vault, Copies: copies, Terms: r.TakeTerms, Clock: in.clock, Log: in.log, Reached: reached,
	}
	if c.Kind == "paysafe" {
		x.OpenOutbound = func(ctx context.Context) (sftpio.Outbound, error) {
			return sftpio.OpenOutbound(ctx, in.folderOptions(c.Outbound.Remote, string(c.Outbound.Folder)))
		}
		if x.EncryptTo, err = readPublicKey(c.EncryptTo); err != nil {
			return nil, wrong("encrypt_to", err)
		}
	}
	if c.DecryptWith != "" {
		if x.DecryptWith, err = readPrivateKey(c.DecryptWith, c.Passphrase); err != nil {
			return nil, wrong("decrypt_with", err)
		}
	}
	return x, nil
}

// readPublicKey reads a provider's key file. It is no secret: anybody may read it.
func readPublicKey(path config.Path) (*pgp.PublicKey, error) {
	f, err := os.Open(string(path))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	key, err := pgp.ReadPublicKey(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// readPrivateKey reads our key file, which nobody but its owner may read, and unlocks it.
func readPrivateKey(path config.Path, locked config.Secret) (*pgp.PrivateKey, error) {
	var passphrase string
	if !locked.IsZero() {
		var err error
		if passphrase, err = locked.Resolve(context.Background()); err != nil {
			return nil, fmt.Errorf("passphrase: %w", err)
		}
	}
	content, err := privatefile.Read(string(path), pgp.MaxKeyFile)
	if err != nil {
		return nil, err
	}
	key, err := pgp.ReadPrivateKey(bytes.NewReader(content), []byte(passphrase))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// loadUpdaterTables reads an operator's own tables, and takes the shipped ones for the others.
func loadUpdaterTables(c config.Updater) (t updater.Tables, codes *format.Codes, err error) {
	load := func(path config.Path, name string) *layout.Table {
		if err != nil {
			return nil
		}
		var table *layout.Table
		if path == "" {
			table, err = format.Shipped(name)
		} else if table, err = layout.Load(string(path)); err == nil {
			err = format.CheckTable(name, table)
		}
		return table
	}
	if c.Kind == "paysafe" {
		t.Request = load(c.Layouts.Request, format.RequestTable)
		t.Acknowledgement = load(c.Layouts.Acknowledgement, format.AcknowledgementTable)
	}
	t.Response = load(c.Layouts.Response, answerTables[c.Format])
	switch {
	case err != nil:
	case c.Codes != "":
		codes, err = format.LoadCodes(string(c.Codes))
	default:
		codes, err = format.ShippedCodes(c.Format)
	}
	return t, codes, err
}

// answerTables are the shipped tables of answers, by the format of an updater. One of an operator's own must
// have what Paysafe's has.
var answerTables = map[string]string{
	"paysafe": format.ResponseTable, "own": format.ResponseTable,
	"cybersource": format.CyberSourceTable, "jpmorgan": format.JPMorganTable, "checkout": format.CheckoutTable,
}

// updaterAccounts are the contracts whose cards the updater is asked about.
func (in *installation) updaterAccounts(c config.Updater) (all []updater.Account) {
	for _, k := range in.cfg.Contracts {
		if k.Updater.Name == c.Name {
			all = append(all, updater.Account{Merchant: batch.MerchantID(k.Merchant), Contract: batch.ContractID(k.ID), Number: k.Updater.Account})
		}
	}
	return all
}

// updaterMerchants are the merchants whose cards the updater's files may be about.
func (in *installation) updaterMerchants(c config.Updater) (all []batch.MerchantID) {
	for _, m := range in.cfg.Merchants {
		asked := slices.ContainsFunc(in.cfg.Contracts, func(k config.Contract) bool { return k.Merchant == m.ID && k.Updater.Name == c.Name })
		if asked || c.Kind == "files" && (len(c.Merchants) == 0 || slices.Contains(c.Merchants, m.ID)) {
			all = append(all, batch.MerchantID(m.ID))
		}
	}
	return all
}

// updaterCutOff is when requests are collected; zone and time were checked with the configuration.
func updaterCutOff(c config.UpdaterCutOff) batch.CutOff {
	zone, _ := time.LoadLocation(c.TimeZone)
	at, _ := time.Parse("15:04", string(c.At))
	return batch.CutOff{
		At: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, Zone: zone, Calendar: batch.Calendar{EveryDay: true},
	}
}

// keepsNumbers is the updater that is asked about a contract's cards by number; empty: none.
func (in *installation) keepsNumbers(c config.Contract) string {
	if u := in.cfg.Updater(c.Updater.Name); u == nil || u.Kind != "paysafe" {
		return ""
	}
	return c.Updater.Name
}

// updaterReports are the reports of card updates that merchants want.
func (in *installation) updaterReports() (all []pipeline.UpdaterReport) {
	for _, m := range in.cfg.Merchants {
		if m.UpdaterReport.Every != "" {
			all = append(all, in.updaterReport(m))
		}
	}
	return all
}

func (in *installation) updaterReport(m config.Merchant) pipeline.UpdaterReport {
	c := m.UpdaterReport
	r := pipeline.UpdaterReport{
		Merchant: batch.MerchantID(m.ID), Daily: c.Every == "daily", Format: c.Format, Extended: c.Fields == "extended",
		Mail: c.Mail, Language: c.Language, SendEmpty: c.SendEmpty, Since: c.Since, Zone: in.cfg.Location(&m),
	}
	if c.Folder {
		for _, s := range in.cfg.Sources {
			if r.Source == "" && slices.Contains(s.Merchants, m.ID) {
				r.Source = s.Name
			}
		}
		r.Source = cmp.Or(c.Source, r.Source)
	}
	return r
}

// attachment is the report that an e-mail carries, built again from the store: the same bytes.
func (in *installation) attachment(ctx context.Context, n batch.Notification) (notify.Attachment, error) {
	all, err := in.store.UpdateReports(ctx, store.ReportQuery{Merchant: n.Merchant})
	if err != nil {
		return notify.Attachment{}, err
	}
	i := slices.IndexFunc(all, func(u store.UpdateReport) bool { return u.ID == n.Facts.Report })
	if i < 0 {
		return notify.Attachment{}, fmt.Errorf("%w: account-updater report %d", store.ErrNotFound, n.Facts.Report)
	}
	u := all[i]
	open := func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			_, err := pipeline.WriteUpdateReport(ctx, in.store, u, w)
			w.CloseWithError(err)
		}()
		return r, nil
	}
	return notify.Attachment{Name: u.Name, ContentType: reportTypes[u.Format], Size: u.Size, Open: open}, nil
}

var reportTypes = map[string]string{"csv": "text/csv; charset=utf-8", "html": "text/html; charset=utf-8"}
