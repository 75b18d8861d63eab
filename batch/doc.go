// Package batch is the domain of cardbatch: files, lines, attempts, outcomes,
// wallets, cards, and the rules and states that bind them.
//
// It does no I/O, reads no clock and writes no log. Everything it needs arrives
// as an argument, so every rule can be read and tested as a table.
//
// The words are those of the batch interface (docs/batch-interface.md): a file
// holds lines, a line is one command, an attempt is one authorised try of a line
// at a gateway and is known by its key.
package batch
