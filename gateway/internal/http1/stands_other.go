//go:build !unix

package http1

// stands cannot be known here: each call gets a connection of its own.
func (c *conn) stands() bool { return false }
