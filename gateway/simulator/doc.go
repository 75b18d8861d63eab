// Package simulator is a payment gateway on loopback. It speaks the processors' own
// protocols, keeps true accounts of what it charged, answers by the processors' own
// published test triggers, and fails on request in every way that a gateway can fail.
//
// It is the embedded default gateway, the bench on which connectors are proved, and
// a tool of its own (cardbatch simulate). It takes published test card numbers only, keeps
// no more of them than the first six and last four digits, and logs nothing.
// docs/simulator.md describes it for integrators.
//
//	simulator.go   options, serving, routes
//	payments.go    orders and transactions: what is allowed, what it does
//	accounts.go    the state, in memory
//	statefile.go   the state, on disk
//	mastercard.go  the Mastercard Gateway's REST-JSON: routes
//	mastercard_request.go, mastercard_answer.go  what it reads and writes
//	cards.go       published test cards and triggers
//	faults.go      which request fails
//	phases.go      and how
//	control.go     the /control endpoints
package simulator
