// Package payline speaks to Payline, now Monext Online, by its SOAP services: one
// account, its contracts, and the wallets that the platform keeps. Source: payline facts,
// sections 2 to 4, and the vendor's WSDL 4.77 (testdata).
//
// # Identifiers
//
// The key of an attempt is the order reference of a payment, an authorization, a
// verification, a re-authorization and a schedule, and the sequence number of a capture,
// a refund and a reset, which have no order. Both can be searched for. Besides it is the
// private datum "cardbatch" of every message that has private data: what a wallet carries
// tells whose request made or changed it last. The merchant's own order reference is the
// private datum "order_ref", the first in the list; nothing is ever found by it. What names
// a transaction in later calls is the platform's transaction id.
//
// # What a look-up proves
//
//   - Payments, and what has an order reference: getTransactionDetails by that reference. The
//     result is that of the transaction. Several under one reference are told apart by their
//     action code, and the best of them counts. An approval must name our reference and
//     amount, and an authorization number or else be found by a search for its code.
//   - Captures, refunds, resets: transactionsSearch by the sequence number, from the day of
//     the original on, then the details of what was found.
//   - createWallet: a wallet that carries our key is ours; one that carries another key was
//     there before, so ours was refused; one that carries none leaves the doubt; none at
//     all means that ours was not carried out.
//   - updateWallet: the wallet carries our key, or it was not carried out. Nothing else
//     works on the wallet meanwhile.
//   - Disabling and enabling: the state is what was asked for, whoever brought it about. If
//     not, it may be asked for again.
//   - Scheduled and recurrent payments: nothing. A payment record is found by its id only,
//     which the lost answer held. Such a doubt is a person's to end.
//
// "Unknown" becomes proof only after Settle.
//
// The days of a look-up reach from before the last try, or the original of a follow-up, to
// after now, with a day to spare at both ends: in which zone the platform's days begin is not
// published. They are asked for in pieces of SearchPeriod, the first of which begins earlier
// than it has to, so that earlier tries of the same key are seen too. What is not found by
// order reference within these days is asked for without dates, because it is not proven
// either that no dates mean all there is. Only when both find nothing is the key unknown, and
// never when the platform rejects the dates.
//
// A look-up shows what the operation's own answer shows and no more, although the details
// hold more: a line reads the same either way.
//
// # Repetitions
//
// 02001 and 02002 say that the reference was used; it is ours alone, so by an earlier try of
// ours. It is looked up at once. When nothing is found the line is in doubt, not refused: the
// platform knows more than it shows. 01913 is the acquirer's word, which judges by card and
// amount: when our key is not found, it is a refusal.
//
// # Several endpoints
//
// Another endpoint is asked
//
//   - by every operation, when not one byte of the request was written to the last;
//   - by look-ups, after any failure;
//   - by doAuthorization, doReAuthorization and doImmediateWalletPayment, which the vendor's
//     own client repeats, on 02101, 04901, HTTP 408, 500, 502, 503, 504 and silence: only
//     within Config.ReplayWindow, which is 0 unless the operator knows from the vendor that
//     the same order reference is charged once however often it comes. The published filter
//     compares accepted transactions and can be switched off per payment method; that is no
//     proof. Without it the request stays in doubt and is looked up.
//
// The header in which the vendor's client names its application is not sent: it is optional.
//
// A directory may name the endpoints. Those outside the domain and environment of the
// configured one are not used.
//
// # Where to look
//
//	client.go      configuration, profile, the calls
//	lookup.go      what became of a request
//	operations.go  which call carries out what, and what is refused before
//	encode.go      a request as the platform reads it; objects.go what requests share
//	decode.go      an answer as we read it, and whether it is ours
//	codes.csv      what every answer means; codes.go reads it
//	failover.go    where it is sent
package payline
