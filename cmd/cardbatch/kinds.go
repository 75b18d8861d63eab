package main

import (
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/config"
	"cardbatch/gateway"
	"cardbatch/gateway/lyra"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/mastercardbatch"
	"cardbatch/gateway/payline"
	"cardbatch/gateway/paysafe"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

// account is one configured account, as its connector needs it.
type account struct {
	config.Gateway
	world    batch.Mode // of this installation
	password func() (string, error)
	clock    func() time.Time
}

// kind is one kind of gateway: how its connector is built, and the account that the
// simulator keeps for it.
type kind struct {
	merchantID, user string
	accounts         map[string]string // beside merchantID, by currency
	dial             func(account) (gateway.Connector, error)
}

// kinds holds every kind that the configuration knows.
var kinds = map[string]kind{
	mastercard.Kind:      {merchantID: stage.MerchantID, dial: dialMastercard},
	mastercardbatch.Kind: {merchantID: stage.MerchantID, dial: dialMastercardBatch},
	payline.Kind:         {merchantID: stage.MerchantID, dial: dialPayline},
	lyra.Kind:            {merchantID: stage.ShopID, dial: dialLyra},
	paysafe.Kind:         {merchantID: stage.AccountID, user: stage.MerchantID, accounts: stage.AccountIDs, dial: dialPaysafe},
}

// simulated is the password of the simulator's accounts.
func simulated() (string, error) { return stage.Password, nil }

func dialMastercard(a account) (gateway.Connector, error) {
	return connector(mastercard.New(mastercardConfig(a), a.clock))
}

func dialMastercardBatch(a account) (gateway.Connector, error) {
	return connector(mastercardbatch.New(mastercardbatch.Config{Config: mastercardConfig(a), MaxRecords: a.BatchLines}, a.clock))
}

func mastercardConfig(a account) mastercard.Config {
	return mastercard.Config{
		Endpoint: a.Endpoint, Version: a.Version, MerchantID: a.MerchantID, Password: a.password,
		Timeout: a.Timeout, MaxConns: a.Concurrency, Tokens: mastercard.Tokens(a.Tokens),
		Settle: a.Settle, ReplayWindow: a.ReplayWindow,
	}
}

// directoryPath is where Payline's directory of endpoints lists those of a merchant
// (payline facts, section 2.1).
const directoryPath = "/services/servicesendpoints/SOAP/"

func dialPayline(a account) (gateway.Connector, error) {
	c := payline.Config{
		Endpoint: a.Endpoint, Fallbacks: a.Fallbacks, Version: a.Version, MerchantID: a.MerchantID, Password: a.password,
		Timeout: a.Timeout, MaxConns: a.Concurrency, Settle: a.Settle, ReplayWindow: a.ReplayWindow, SeriesActions: a.SeriesActions,
	}
	if a.Directory != "" {
		c.Directory = strings.TrimSuffix(a.Directory, "/") + directoryPath + a.MerchantID
	}
	return connector(payline.New(c, a.clock))
}

func dialLyra(a account) (gateway.Connector, error) {
	return connector(lyra.New(lyra.Config{
		Endpoint: a.Endpoint, MerchantID: a.MerchantID, Password: a.password, Environment: a.world,
		Timeout: a.Timeout, MaxConns: a.Concurrency, Settle: a.Settle,
		Currency: money.Currency(a.Currency), SeriesRevokedBy: a.SeriesRevokedBy,
	}, a.clock))
}

func dialPaysafe(a account) (gateway.Connector, error) {
	// An account has one currency, which no request names: one that is not listed must be
	// refused, or yen would be charged as euros.
	accounts := map[money.Currency]string{money.Currency(a.Currency): a.MerchantID}
	for currency, id := range a.Accounts {
		accounts[money.Currency(currency)] = id
	}
	return connector(paysafe.New(paysafe.Config{
		Endpoint: a.Endpoint, User: a.User, Password: a.password, Accounts: accounts,
		Timeout: a.Timeout, MaxConns: a.Concurrency, Settle: a.Settle,
	}, a.clock))
}

// connector keeps a nil client from becoming a connector that is not nil.
func connector[C gateway.Connector](client C, err error) (gateway.Connector, error) {
	if err != nil {
		return nil, err
	}
	return client, nil
}
