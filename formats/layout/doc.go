// Package layout reads and writes files whose form a partner fixes: fixed-width or
// delimited, with typed records, as described by a table in YAML and not by code.
//
// A table (docs/layouts.md) lists the kinds of records, how each is recognised, and
// the fields of each with position or column, length, type, padding and code map; and
// the checks that trailer and header must stand. Load compiles a table once; it is
// checked then, as a whole, so that a Reader or Writer never meets a table that makes
// no sense.
//
// Everything streams: a Reader holds one record, however long the file. What is wrong
// with a file is told as Findings, which name line, field and place and never a value.
// A file with findings is to be rejected whole: Open reads a file to its end first, so that
// no record of a damaged one is used.
//
// Positions and lengths are those of bytes, in the file's encoding.
package layout
