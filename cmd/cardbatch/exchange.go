package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cardbatch/batch"
	"cardbatch/config"
	"cardbatch/formats/layout"
	format "cardbatch/formats/smartbill"
	"cardbatch/gateway"
	gateways "cardbatch/gateway/smartbill"
	"cardbatch/money"
	"cardbatch/pipeline"
	"cardbatch/sftpio"
	"cardbatch/smartbill"
	"cardbatch/store"
	"cardbatch/vault"
)

// exchange builds the exchange with American Express of a gateway. Without a session it can
// only be looked at.
func (in *installation) exchange(g config.Gateway, session store.Session, keys *vault.Vault) (*smartbill.Exchange, error) {
	if x := in.exchanges[g.Name]; x != nil {
		return x, nil
	}
	var c config.Exchange
	for _, each := range in.cfg.Exchanges {
		if each.Name == g.Exchange {
			c = each
		}
	}
	tables, err := loadTables(c.Layouts)
	if err != nil {
		return nil, &codeError{exitConfig, fmt.Errorf("exchange %s: %w", c.Name, err), "Correct the layout table; `cardbatch layout show --layout FILE` reads it alone."}
	}
	zone, err := time.LoadLocation(c.TimeZone)
	if err != nil {
		return nil, err // the configuration was checked
	}
	scratch := filepath.Join(string(in.cfg.StateDir), "exchange")
	if session != nil {
		if err := os.MkdirAll(scratch, 0o700); err != nil {
			return nil, err
		}
	}
	x := &smartbill.Exchange{
		Name: c.Name, Tables: tables, Zone: zone, Mode: batch.Mode(in.cfg.Environment), Accounts: in.accounts(g.Name), Scratch: scratch,
		OpenInbound: func(ctx context.Context) (sftpio.Inbound, error) {
			o := in.folderOptions(c.Inbound.Remote, string(c.Inbound.Folder))
			o.Readiness = sftpio.Readiness(c.Inbound.Ready)
			o.StableFor, o.DoneSuffix, o.Pattern = c.Inbound.StableFor, c.Inbound.DoneSuffix, c.Inbound.Pattern
			return sftpio.OpenInbound(ctx, o)
		},
		OpenOutbound: func(ctx context.Context) (sftpio.Outbound, error) {
			return sftpio.OpenOutbound(ctx, in.folderOptions(c.Outbound.Remote, string(c.Outbound.Folder)))
		},
		Store: in.store, Session: session, Vault: keys, Clock: in.clock, Log: in.log, Reached: reached,
	}
	if in.exchanges == nil {
		in.exchanges = map[string]*smartbill.Exchange{}
	}
	in.exchanges[g.Name] = x
	return x, nil
}

// loadTables reads an operator's own tables, and takes the shipped ones for the others.
func loadTables(l config.Layouts) (t smartbill.Tables, err error) {
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
	t = smartbill.Tables{
		Enrolment: load(l.Enrolment, "smartbill-enrolment"), Status: load(l.Status, "smartbill-status"),
		Charge: load(l.Charge, "smartbill-charge"), Response: load(l.Response, "smartbill-response"),
	}
	return t, err
}

// accounts are the contracts that American Express is reached for by the gateway.
func (in *installation) accounts(gateway string) (all []smartbill.Account) {
	for _, c := range in.cfg.Contracts {
		if c.Gateway == gateway && c.SmartBill.Via == string(batch.ViaFiles) && len(c.Currencies) == 1 {
			all = append(all, smartbill.Account{
				Merchant: batch.MerchantID(c.Merchant), Contract: batch.ContractID(c.ID), SE: c.SmartBill.SE, Currency: money.Currency(c.Currencies[0]),
			})
		}
	}
	return all
}

// smartBill is what a contract says of SmartBill; nil when it says nothing. Zone and time
// were checked with the configuration.
func smartBill(c config.Contract) *batch.SmartBill {
	if c.SmartBill.Via == "" {
		return nil
	}
	zone, _ := time.LoadLocation(c.SmartBill.CutOff.TimeZone)
	at, _ := time.Parse("15:04", string(c.SmartBill.CutOff.At))
	return &batch.SmartBill{
		Route: batch.SmartBillRoute(c.SmartBill.Via), SE: c.SmartBill.SE, AliasPad: c.SmartBill.AliasPad, EnrolmentDeadline: c.SmartBill.Deadline,
		CutOff: batch.CutOff{
			At: time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute, Zone: zone,
			Calendar: batch.Calendar{EveryDay: c.SmartBill.CutOff.Calendar == "every-day", Closed: c.SmartBill.CutOff.Closed},
		},
	}
}

// dialSmartBill builds the connector of charges over an exchange.
func (in *installation) dialSmartBill(g config.Gateway, x *smartbill.Exchange) (gateway.Connector, error) {
	accounts := map[batch.ContractID]gateways.Account{}
	for _, c := range in.cfg.Contracts {
		s := smartBill(c)
		if c.Gateway == g.Name && s != nil {
			accounts[batch.ContractID(c.ID)] = gateways.Account{SE: s.SE, AliasPad: s.AliasPad, ValueDate: s.CutOff.ValueDate}
		}
	}
	return connector(gateways.New(gateways.Config{
		Environment: batch.Mode(in.cfg.Environment), Accounts: accounts, MaxRecords: g.BatchLines, Desk: x.Desk(), Write: x.WriteCharges,
	}, in.clock))
}

// partners are the exchanges of a run.
func (in *installation) partners() []pipeline.Partner {
	var all []pipeline.Partner
	for _, g := range in.cfg.Gateways {
		if x := in.exchanges[g.Name]; x != nil {
			all = append(all, pipeline.Partner{Name: x.Name, Exchange: x})
		}
	}
	return all
}
