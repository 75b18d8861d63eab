package config

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"cardbatch/internal/privatefile"
)

// Secret is a reference to a secret: where it is, never what it is.
//
//	env:NAME           an environment variable
//	file:PATH          a file that only its owner can read; one trailing newline is dropped
//	cmd:PROGRAM ARGS   what a program writes to stdout, split at spaces, without a shell
//
// A Secret prints as its reference; of a command only the program shows, because
// people put tokens into arguments.
type Secret struct {
	kind, rest string
	dir        string // folder of the configuration, for relative paths
}

// secretTimeout bounds a cmd: reference. A program that asks a person would hang a nightly run.
const secretTimeout = 30 * time.Second

// maxSecretBytes is far above any password or key passphrase.
const maxSecretBytes = 64 << 10

var (
	// ErrNoSecret: the reference leads to nothing.
	ErrNoSecret = errors.New("there is no secret")

	errSecretForm = errors.New("a secret is given by reference: env:NAME, file:PATH or cmd:PROGRAM ARGS")
)

// ParseSecret reads a reference. The text never shows up in its error: it may be the secret itself.
func ParseSecret(text string) (Secret, error) {
	kind, rest, _ := strings.Cut(text, ":")
	rest = strings.TrimSpace(rest)
	switch kind {
	case "env", "file", "cmd":
		if rest != "" {
			return Secret{kind: kind, rest: rest}, nil
		}
	}
	return Secret{}, errSecretForm
}

// UnmarshalText reads a reference.
func (s *Secret) UnmarshalText(text []byte) (err error) {
	*s, err = ParseSecret(string(text))
	return err
}

// IsZero reports whether there is no reference.
func (s Secret) IsZero() bool { return s.kind == "" }

// String returns the reference; of a command only its program.
func (s Secret) String() string {
	if s.IsZero() {
		return ""
	}
	if s.kind == "cmd" {
		if program, args, _ := strings.Cut(s.rest, " "); args != "" {
			return "cmd:" + program + " …"
		}
	}
	return s.kind + ":" + s.rest
}

// GoString returns the reference, for %#v.
func (s Secret) GoString() string { return "config.Secret(" + s.String() + ")" }

// LogValue logs the reference.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText encodes the reference, for JSON and YAML.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Resolve fetches the secret. Call it when it is needed and do not keep the result.
func (s Secret) Resolve(ctx context.Context) (string, error) {
	value, err := s.fetch(ctx)
	if err == nil && value == "" {
		err = ErrNoSecret
	}
	if err != nil {
		return "", fmt.Errorf("secret %s: %w", s, err)
	}
	return value, nil
}

func (s Secret) fetch(ctx context.Context) (string, error) {
	switch s.kind {
	case "env":
		value, ok := os.LookupEnv(s.rest)
		if !ok {
			return "", fmt.Errorf("%w: the variable is not set", ErrNoSecret)
		}
		return value, nil
	case "file":
		path := s.rest
		if !filepath.IsAbs(path) {
			path = filepath.Join(s.dir, path)
		}
		content, err := privatefile.Read(path, maxSecretBytes)
		return trimNewline(content), err
	case "cmd":
		return s.run(ctx)
	}
	return "", ErrNoSecret
}

// run asks a program. What it says on stderr is dropped: it might repeat the secret.
func (s Secret) run(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, secretTimeout)
	defer cancel()
	words := strings.Fields(s.rest)
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Dir = s.dir
	command.WaitDelay = time.Second
	out, err := command.Output()
	if ctx.Err() != nil {
		return "", fmt.Errorf("the program gave no answer: %w", ctx.Err())
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return "", fmt.Errorf("the program failed: %s", exit.ProcessState)
	}
	if err == nil && len(out) > maxSecretBytes {
		err = privatefile.ErrTooLarge
	}
	return trimNewline(out), err
}

func trimNewline(content []byte) string {
	return strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
}
