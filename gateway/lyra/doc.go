// Package lyra speaks to the Lyra platform (PayZen, Systempay, Scellius, Sogecommerce,
// Lyra Collect) by its REST API V4: one shop. Source: lyra-payzen facts, sections 6 and 7.
//
// # Identifiers
//
// The key of an attempt is the order's id. The platform takes an order id as often as it
// comes: it does not keep anybody from paying twice, it only lets us ask afterwards
// (Order/Get). So nothing is ever sent again before a look-up has said that the order is
// not known, and no operation has a replay window. The merchant's order reference travels
// as metadata "order_ref"; nothing is found by it. The platform's own id of a transaction,
// its uuid, is our transaction id, and what follow-ups act on.
//
// A capture and a cancellation change the transaction that they act on and leave nothing
// of their own behind; a look-up reads what became of it. A refund leaves a transaction
// that does not name who asked for it: a look-up adds up what was refunded and compares it
// with what we know.
//
// # What does not exist here
//
// A card number is taken when a wallet is made (PCI/Charge/CreateToken, for merchants that
// are certified) and never again: payments go by token. An updateWallet with a card number
// makes a new token; the old one stays, unused, and so do schedules on it. A token cannot
// be verified, and re-authorizations and subscriptions with a payment are not offered.
// A soft descriptor has no field.
//
// What is captured is remitted on the authorization's capture date: that of its line, or
// AuthorizationDays after it was made. One that is not captured by then expires. The
// platform takes one capture of each, whole or less.
//
// A schedule is the platform's own: it makes the payments, without asking again for
// refused ones. One that was sent and not answered cannot be looked up; a person looks for
// its order id, our key, in the Back Office.
//
// # Where to look
//
//	client.go    configuration, profile, calls
//	payments.go  payments, new tokens, and what follows up on payments
//	wallets.go   tokens that exist
//	schedules.go schedules and their end
//	encode.go    a request as the platform reads it; rrule.go a schedule's dates
//	decode.go    an answer as we read it, and whether it is ours
//	codes.csv    what every answer means; codes.go reads it
package lyra
