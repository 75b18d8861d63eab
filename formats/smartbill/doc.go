// Package smartbill reads and writes the files of American Express SmartBill:
// enrolments and charges that go out, statuses and charge responses that come in.
//
// American Express gives its record layouts under agreement only. The four tables
// shipped here are this program's own (SmartBill facts, section 4; docs/layout-smartbill.md).
// Every function takes the table as an argument: an operator's own table takes the
// place of a shipped one as long as it has the fields that the program needs, under
// the same names, whatever its form and codes.
//
// A file that comes in is read whole before any of its records can be had: a status or
// response file whose trailer does not match gives none.
package smartbill
