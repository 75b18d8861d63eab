package pipeline

import (
	"context"
	"errors"

	"cardbatch/gateway"
	"cardbatch/sftpio"
)

// fatalError is an error that the run cannot go on after: the store's.
type fatalError struct{ err error }

func (e fatalError) Error() string { return e.err.Error() }
func (e fatalError) Unwrap() error { return e.err }

func fatal(err error) error {
	if err == nil {
		return nil
	}
	return fatalError{err}
}

// trouble keeps an error that concerns one source, file or gateway in the summary
// and lets the run go on. It returns what the run cannot go on after.
func (r *Run) trouble(where string, err error) error {
	if err == nil {
		return nil
	}
	var f fatalError
	if errors.As(err, &f) || errors.Is(err, context.Canceled) {
		return err
	}
	kind := kindOf(err)
	r.Log.Error("trouble", "where", where, "kind", string(kind), "error", err.Error())
	r.count(func(s *Summary) { s.Problems = append(s.Problems, Problem{where, kind, err.Error()}) })
	return nil
}

func kindOf(err error) ProblemKind {
	switch {
	case errors.Is(err, sftpio.ErrHostKey):
		// A pinned key that does not match is a remote that could not be reached
		// safely: the operator looks at the remote before at the configuration.
		return Unreachable
	case errors.Is(err, sftpio.ErrUnreachable), errors.Is(err, errGatewayDown), errors.Is(err, gateway.ErrCircuitOpen):
		return Unreachable
	case errors.Is(err, gateway.ErrCredentials), errors.Is(err, sftpio.ErrKeyPermissions), errors.Is(err, ErrConfiguration):
		return Configuration
	}
	return Failure
}

// ErrConfiguration marks what the world outside shows of the configuration: a partner does not
// know the merchant, a file is encrypted to another key. A wait or another try does not help.
var ErrConfiguration = errors.New("the configuration does not fit")

// errGatewayDown: calls to a gateway failed before anything was sent.
var errGatewayDown = errors.New("the gateway could not be reached; lines stay queued")
