// Package amex is American Express as SmartBill sees it: two folders and a mind of its own. It
// takes enrolment and charge files out of one, and puts status and response files into the
// other. It keeps true accounts of what it was asked and what it charged.
//
// It reads and writes the records of the SmartBill facts, section 4, with a table of its own:
// one shared with the program would let both be wrong alike. It charges what it is told,
// a key that comes twice included, as nothing says that American Express would not. It keeps no
// card number, takes published test numbers only, and files in TEST only.
//
//	amex.go     folders, rounds, accounts
//	files.go    names, sequence numbers, what is refused whole
//	enrol.go    enrolments and statuses
//	charge.go   charges and responses
//	records.go  records of a fixed width
package amex
