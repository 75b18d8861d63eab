// Package mastercard speaks to the Mastercard Payment Gateway by its REST-JSON
// API: one account (merchant profile), one order per payment, one transaction per
// attempt. Source: mastercard-gateway facts, sections 1, 3, 4 and 5.
//
// # Identifiers
//
// The key of the attempt that opens an order is the order's id, and the key of
// every attempt is the id of its transaction. A follow-up finds its order by the
// key of its original. Nothing is kept here: a restarted program computes the same
// identifiers and asks for the same transaction.
//
// # Where to look
//
//	client.go    configuration, profile, the three calls
//	encode.go    a request as the gateway reads it
//	decode.go    an answer as we read it, and whether it is ours
//	result.go    an answer that another transport brought (package mastercardbatch)
//	codes.csv    what every answer means; codes.go reads it
//	wire.go      bytes: what was written, what came back, what that proves
package mastercard
