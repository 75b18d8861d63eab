// Package followup writes the files by which a merchant follows its days: the transactions of
// a day, and the payments of a day. They are CSV: a row of column names, a row per
// transaction or payment, then rows of totals, all with the same columns.
//
// The columns are tables, columns.go; docs/followup-files.md is written from them. Writers
// hold one row and a few totals, however long the day.
package followup
