// Package updater reads and writes the files of account updaters: requests that go to
// Paysafe, acknowledgements and responses that come back, and the update files of
// CyberSource, J.P. Morgan and Checkout.com. What their codes mean is data as well: a
// table of codes for each source.
//
// No provider publishes all of its columns. What is not published is this program's own
// choice, and the note of the table says so (docs/layout-updater.md). Every function takes
// the table as an argument: an operator's own table takes the place of a shipped one as
// long as it has the fields that the program needs, under the same names, whatever its
// form and codes.
//
// A file that comes in is read whole before any of its records can be had: one with any
// finding gives none.
package updater
