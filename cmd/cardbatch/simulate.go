package main

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
)

type simulateOptions struct {
	listen    string
	latency   time.Duration
	hiddenFor time.Duration
	state     string
}

// simulateJSON is what simulate prints once it serves.
type simulateJSON struct {
	Endpoint   string `json:"endpoint"`
	MerchantID string `json:"merchant_id"` // at Mastercard and Payline; user of the Paysafe key
	ShopID     string `json:"shop_id"`     // at Lyra
	AccountID  string `json:"account_id"`  // at Paysafe
	Password   string `json:"password"`
	Control    string `json:"control"`
}

func (a *app) newSimulate() *cobra.Command {
	var o simulateOptions
	c := &cobra.Command{
		Use:   "simulate",
		Short: "Run the payment simulator alone, until interrupted",
		Long: `simulate is a payment gateway on loopback for integrators and tests. On one port it
speaks the Mastercard Gateway's REST-JSON and Hosted Batch, Payline's SOAP, Lyra's
and Paysafe's REST. It answers by the processors' published test triggers, fails on
request in every way that a gateway can fail, and counts what it charged. It takes
published test card numbers only.

Control endpoints below ENDPOINT/control/, without credentials:

  POST   faults        plan a fault: {"operation": "PAY", "phase": "reset_after", "count": 1}
  GET    faults        list the faults that are planned
  DELETE faults        lift them all
  GET    charges       effects by key; ?by=reference: payments by order reference
  GET    charges/KEY   effects of one key
  GET    stats         counts
  POST   smartbill     change a card at American Express: {"wallet_id": "W", "status": "CC"}
  POST   reset         forget everything

An interrupt ends it; that is a normal end.` + exitHelp(),
		Example: `  cardbatch simulate
  cardbatch simulate --listen 127.0.0.1:8080 --latency 300ms --state orders.log
  curl -X POST http://127.0.0.1:8080/control/faults -d '{"phase":"reset_after"}'`,
		GroupID: "setup",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.simulate(c.Context(), o) },
	}
	c.Flags().StringVar(&o.listen, "listen", "127.0.0.1:8080", "loopback address; port 0 takes a free one")
	c.Flags().DurationVar(&o.latency, "latency", 0, "added to every answer")
	c.Flags().DurationVar(&o.hiddenFor, "hidden-for", 0, "how long lookups do not find what was just carried out")
	c.Flags().StringVar(&o.state, "state", "", "file that remembers orders and tokens (default: memory only)")
	return c
}

func (a *app) simulate(ctx context.Context, o simulateOptions) (err error) {
	s, err := simulator.New(simulator.Options{Latency: o.latency, HiddenFor: o.hiddenFor, StateFile: o.state})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	// Before the endpoint is told: whoever reads it may interrupt at once.
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	endpoint, err := s.Start(o.listen)
	if err != nil {
		return err
	}
	out := simulateJSON{endpoint, stage.MerchantID, stage.ShopID, stage.AccountID, stage.Password, endpoint + "/control/"}
	if a.json {
		err = a.printJSONLine(out)
	} else {
		_, err = fmt.Fprintf(a.stdout, "endpoint     %s\nmerchant_id  %s\nshop_id      %s\naccount_id   %s\npassword     %s\ncontrol      %s\n",
			out.Endpoint, out.MerchantID, out.ShopID, out.AccountID, out.Password, out.Control)
	}
	if err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}
