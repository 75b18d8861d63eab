// Package simulator is a payment gateway on loopback. It speaks the processors' own
// protocols, keeps true accounts of what it charged, answers by the processors' own
// published test triggers, and fails on request in every way that a gateway can fail.
//
// It is the embedded default gateway, the bench on which connectors are proved, and
// a tool of its own (cardbatch simulate). It takes published test card numbers only, keeps
// no more of them than the first six and last four digits, and logs nothing.
// docs/simulator.md describes it for integrators.
//
//	simulator.go  options, serving, which protocol answers
//	control.go    the /control endpoints
//	stage         what the protocols share: which request fails and how, counts, the state
//	              on disk, published test cards
//	internal      the protocols, one package per processor
package simulator
