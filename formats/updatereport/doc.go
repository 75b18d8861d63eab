// Package updatereport writes the account-updater report of a merchant: which stored cards
// changed in a month, and which want a look. It is CSV, for machines and spreadsheets, or one
// HTML page that needs nothing beside itself, for people (Paysafe account updater, section 3.2;
// account updaters, section 5).
//
// The columns are a table, columns.go, and the words of the page another, words.go;
// docs/updater-report.md is written from both. Writers hold one row and a few totals, however
// long the report. The same rows give the same bytes: nothing tells when they were written.
package updatereport
