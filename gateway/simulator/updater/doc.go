// Package updater is Paysafe's account updater as its file-based option shows it: two folders
// and a mind of its own. It takes encrypted requests out of one, and puts acknowledgements and
// encrypted responses into the other, at the hours of the service. It keeps true accounts of
// which card was asked for how often, and answered how often.
//
// It reads and writes the records of Paysafe account updater, section 2, by its own idea of
// their columns, and by OpenPGP without the program's: one shared with the program would let
// both be wrong alike. It takes published test numbers only, and numbers that begin like one of
// them (see Prefixes). Plaintext stays in memory, and nothing is logged.
//
//	updater.go  folders, hours, accounts
//	upload.go   requests: names, limits, what is refused; acknowledgements
//	answer.go   verdicts, and the responses that carry them
//	cards.go    test numbers, new numbers
//	faults.go   ways to fail
//	keys.go     OpenPGP
package updater
