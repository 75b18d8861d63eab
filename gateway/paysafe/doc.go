// Package paysafe speaks to Paysafe by its REST APIs: Card Payments for what moves
// money and Customer Vault for the cards of wallets. Source: paysafe facts, section 4,
// and the vendor's own reference of both APIs (version 1), which says more.
//
// # Identifiers
//
// The key of an attempt is its merchantRefNum, whatever the resource: authorization,
// settlement, void, refund, verification. Look-ups go by it. The transaction id that a
// RESULT tells is Paysafe's own, because follow-ups name their target by it. A wallet
// is a profile whose merchantCustomerId is a pure function of merchant and wallet id;
// its cards carry the key of the attempt that made them. Nothing is kept here: a
// restarted program computes the same identifiers.
//
// The merchant's order reference travels in description, for people; nothing is found by it.
//
// # Duplicates
//
// Every request says dupCheck. Paysafe refuses a merchantRefNum that it saw within 90
// days and does not repeat the first answer, so a duplicate is looked up. That is a
// second line of defence and no replay window: it has an end, and what it does about a
// request that is still being worked on is not documented. Doubt ends by look-up.
//
// # Where to look
//
//	client.go    configuration, profile, the calls that change something
//	lookup.go    what became of a request
//	wallet.go    wallets: profiles and cards of the vault
//	accounts.go  which account takes which currency
//	encode.go    a request as Paysafe reads it; series.go its stored credential
//	decode.go    an answer as we read it, and whether it is ours
//	codes.csv    what every answer means; codes.go reads it
package paysafe
