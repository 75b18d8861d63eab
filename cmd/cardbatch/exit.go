package main

import (
	"context"
	"errors"
	"fmt"

	"cardbatch/config"
	"cardbatch/gateway"
	"cardbatch/pipeline"
	"cardbatch/sftpio"
	"cardbatch/store"
	"cardbatch/updater"
	"cardbatch/vault"
)

// Exit codes (docs/exit-codes.md). When several apply the highest is used.
const (
	exitDone        = 0
	exitFailure     = 1
	exitUsage       = 2
	exitRejected    = 10
	exitHeld        = 11
	exitInDoubt     = 12
	exitUndelivered = 13
	exitNotSent     = 14
	exitMissing     = 15
	exitLocked      = 20
	exitUnreachable = 21
	exitConfig      = 22
	exitSafety      = 23
	exitInterrupted = 130
)

// codeError carries an exit code and the operator's next step beside an error.
type codeError struct {
	code int
	err  error
	next string // one sentence, printed after the error
}

func (e *codeError) Error() string { return e.err.Error() }
func (e *codeError) Unwrap() error { return e.err }

// usageError is a mistake on the command line; usage is printed only for these.
func usageError(format string, args ...any) error {
	return &codeError{code: exitUsage, err: fmt.Errorf(format, args...)}
}

// classify finds the exit code of an error and what to do next.
func classify(err error) (code int, next string) {
	var coded *codeError
	var locked *store.LockedError
	var problems config.Problems
	var unanswered *gateway.Error
	switch {
	case err == nil:
		return exitDone, ""
	case errors.As(err, &coded):
		return coded.code, coded.next
	case errors.As(err, &locked):
		return exitLocked, "Wait for it to end; nothing was touched."
	case errors.Is(err, store.ErrFenced):
		return exitLocked, "Another session took over; nothing more was written here."
	case errors.Is(err, store.ErrUnbound):
		return exitSafety, "Make sure that no other copy of this store is in use, then run `cardbatch adopt --reason …`."
	case errors.Is(err, store.ErrEnvironment):
		return exitSafety, "Use the store that belongs to this environment, or correct `environment` in the configuration."
	case errors.Is(err, store.ErrSchema):
		return exitSafety, "Run the newest version of the program that has used this store."
	case errors.Is(err, store.ErrDamaged):
		return exitSafety, "Stop the nightly job, keep the files as they are, and follow the runbook: the store is damaged."
	case errors.Is(err, pipeline.ErrConfiguration):
		return exitConfig, "Look at the keys and settings of that partner with `cardbatch doctor`, and run again; nothing is lost."
	case errors.Is(err, sftpio.ErrHostKey):
		return exitUnreachable, "Find out why the remote's key differs before you pin a new one in the known_hosts file."
	case errors.Is(err, sftpio.ErrUnreachable):
		return exitUnreachable, "Check address, port and network, then run again; nothing is lost."
	case errors.Is(err, sftpio.ErrKeyPermissions), errors.Is(err, vault.ErrPermissions):
		return exitConfig, "Let only its owner read the file: chmod 600."
	case errors.Is(err, vault.ErrNoKeySet):
		return exitConfig, "Make one with `cardbatch vault init`, or put the one that this store was used with back in its place."
	case errors.As(err, &problems):
		return exitConfig, "Correct the configuration and look with `cardbatch config check`."
	case errors.Is(err, gateway.ErrCredentials):
		return exitConfig, "Check merchant_id and password of the gateway with `cardbatch doctor`."
	case errors.Is(err, config.ErrNoSecret):
		return exitConfig, "Set the environment variable, or write the file, that the configuration refers to."
	case errors.As(err, &unanswered):
		return exitUnreachable, "Check the gateway's endpoint and the network; nothing was charged."
	case errors.Is(err, store.ErrNotFound):
		return exitFailure, "See `cardbatch files` for what there is."
	case errors.Is(err, context.Canceled):
		return exitInterrupted, "Run again: what was in flight is looked up, nothing is sent twice."
	case errors.Is(err, updater.ErrRejected):
		return exitRejected, "Ask its sender for the file again: a run would take nothing of it, and put it aside."
	}
	return exitFailure, ""
}

// summaryCode is the exit code of a run that came to its end: the highest that applies.
func summaryCode(s pipeline.Summary) int {
	code := exitDone
	raise := func(when bool, to int) {
		if when {
			code = max(code, to)
		}
	}
	raise(s.Rejected > 0 || s.BadLines > 0, exitRejected)
	raise(s.Held > 0, exitHeld)
	raise(s.InDoubt+s.LateEnrolments > 0, exitInDoubt)
	raise(s.Waiting+s.Untold > 0, exitUndelivered)
	raise(s.NotSent+s.Pending+s.OrdersWaiting > 0, exitNotSent)
	raise(len(s.Missing) > 0, exitMissing)
	for _, p := range s.Problems {
		raise(true, map[pipeline.ProblemKind]int{
			pipeline.Unreachable:   exitUnreachable,
			pipeline.Configuration: exitConfig,
			pipeline.Safety:        exitSafety,
			pipeline.Failure:       exitFailure,
		}[p.Kind])
	}
	raise(s.Interrupted, exitInterrupted)
	return code
}
