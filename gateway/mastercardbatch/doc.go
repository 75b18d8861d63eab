// Package mastercardbatch sends payments to the Mastercard Payment Gateway many at a time,
// as Hosted Batch: a CSV file of operations is uploaded, confirmed by its digest, worked off,
// and its answers are collected. Source: mastercard-gateway facts, section 2.
//
// It is a second transport of the account that package mastercard speaks to: the same orders
// and tokens, the same fields, the same meaning of answers. Wallet commands and the look-up
// of a single payment go by REST, through the client that this one embeds.
//
// # Identifiers
//
// Order and transaction have the ids that REST gives them: the keys of the attempts. The
// batch has the name that the run gives it. The file is a function of the requests: the same
// batch has the same bytes, whoever writes it and when, so its digest can be computed again.
//
// # What a broken step proves
//
//	upload    not one byte left: not sent. Refused, and the gateway knows no batch of that
//	          name: not sent. Anything else: in doubt as a whole, until its status is known
//	validate  the batch is at the gateway and is not worked off before this step: in doubt,
//	          and the next Fetch does it again when the status still says "uploaded". The
//	          digest makes it harmless: it starts these very bytes, or nothing
//	status    says nothing about any payment; unknown values mean "still running"
//	response  rows that are not about the request in their place are in doubt, one by one
//
// # Where to look
//
//	client.go    configuration, profile, check, calls
//	batch.go     the life of a batch: fit, send, fetch
//	encode.go    a batch as the gateway reads it
//	decode.go    its status and its answers as we read them
//	codes.csv    what every answer about a batch means; codes.go reads it. What the rows mean
//	             is in package mastercard
package mastercardbatch
