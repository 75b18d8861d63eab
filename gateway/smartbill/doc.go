// Package smartbill charges cards enrolled under American Express SmartBill, by files: one
// batch of payments and refunds is one charge file in American Express' folder, and a
// response file answers it another day. Source: smartbill facts, sections 1 to 4.
//
// Wallets and cards live here; their enrolment is written and read by the run, not by this
// connector. The connector decides what goes into a charge file, brings it on its way once, and
// reads what was answered. Files, sequence numbers and answers are kept by a Desk, which
// whoever builds the connector supplies, with the writer of the files' layout.
//
// # Identifiers
//
// A charge carries the key of its attempt, and its answer names that key. A cardholder is
// named by the alias of the card, never by its number: no card number passes here. The file
// belongs to the batch's name; its sequence number and time are the Desk's, so that the bytes
// are a function of the requests and of what the Desk has recorded.
//
// # What a broken step proves
//
//	before Open   not sent: there is no file
//	Open          no charge left, but the file's number may be taken, and numbers have no
//	              gaps: in doubt, and Fetch goes on with that very file
//	Stage         as before: what lies under a temporary name is not fetched
//	Send          the file may be with American Express: in doubt, and Fetch asks the Desk,
//	              which knows whether the rename has happened
//
// A file that was staged is never written again, one that was sent is never sent again, and
// none is sent whose lines are not those that the batch was made of. That American Express
// does not answer proves nothing: the lines stay pending.
//
// # Where to look
//
//	client.go    configuration, profile, check, look-up
//	desk.go      what the connector needs of store and folder
//	batch.go     the life of a batch: fit, send, fetch
//	encode.go    requests as charges
//	decode.go    answers as we read them
//	codes.csv    what every answer means; codes.go reads it
package smartbill
