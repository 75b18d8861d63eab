package main

import (
	"time"

	"cardbatch/config"
	"cardbatch/gateway"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/simulator/stage"
)

// kind is one kind of gateway: how its connector is built, and the account that the
// simulator keeps for it.
type kind struct {
	merchantID, user string
	dial             func(g config.Gateway, password func() (string, error), clock func() time.Time) (gateway.Connector, error)
}

// kinds holds every kind that the configuration knows.
var kinds = map[string]kind{
	mastercard.Kind: {merchantID: stage.MerchantID, dial: dialMastercard},
}

// simulated is the password of the simulator's accounts.
func simulated() (string, error) { return stage.Password, nil }

func dialMastercard(g config.Gateway, password func() (string, error), clock func() time.Time) (gateway.Connector, error) {
	return connector(mastercard.New(mastercardConfig(g, password), clock))
}

func mastercardConfig(g config.Gateway, password func() (string, error)) mastercard.Config {
	return mastercard.Config{
		Endpoint: g.Endpoint, Version: g.Version, MerchantID: g.MerchantID, Password: password,
		Timeout: g.Timeout, MaxConns: g.Concurrency, Tokens: mastercard.Tokens(g.Tokens),
		Settle: g.Settle, ReplayWindow: g.ReplayWindow,
	}
}

// connector keeps a nil client from becoming a connector that is not nil.
func connector[C gateway.Connector](client C, err error) (gateway.Connector, error) {
	if err != nil {
		return nil, err
	}
	return client, nil
}
