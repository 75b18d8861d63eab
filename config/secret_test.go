package config

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardbatch/internal/privatefile"
)

func TestSecretsResolve(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string, mode os.FileMode) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	write("plain", "s3cret", 0o600)
	write("unix", "s3cret\n", 0o400)
	write("dos", "s3cret\r\n", 0o600)
	write("two", "s3cret\n\n", 0o600)
	write("open", "s3cret", 0o640)
	write("empty", "\n", 0o600)
	write("huge", strings.Repeat("x", maxSecretBytes+1), 0o600)
	write("say", "#!/bin/sh\necho s3cret\necho noise >&2\n", 0o700)
	write("fail", "#!/bin/sh\necho s3cret >&2\nexit 3\n", 0o700)
	t.Setenv("CARDBATCH_TEST_SECRET", "s3cret")
	t.Setenv("CARDBATCH_TEST_EMPTY", "")

	for _, row := range []struct {
		name, ref string
		want      string
		err       error
		says      string
	}{
		{name: "a variable", ref: "env:CARDBATCH_TEST_SECRET", want: "s3cret"},
		{name: "a variable that is not set", ref: "env:CARDBATCH_TEST_NONE", err: ErrNoSecret, says: "secret env:CARDBATCH_TEST_NONE: there is no secret: the variable is not set"},
		{name: "an empty variable", ref: "env:CARDBATCH_TEST_EMPTY", err: ErrNoSecret},
		{name: "a file beside the configuration", ref: "file:plain", want: "s3cret"},
		{name: "a file by its whole path", ref: "file:" + filepath.Join(dir, "plain"), want: "s3cret"},
		{name: "a trailing newline is dropped", ref: "file:unix", want: "s3cret"},
		{name: "a trailing DOS newline is dropped", ref: "file:dos", want: "s3cret"},
		{name: "only one newline is dropped", ref: "file:two", want: "s3cret\n"},
		{name: "a file that others may read", ref: "file:open", err: privatefile.ErrPermissions, says: "chmod 600"},
		{name: "a file with nothing in it", ref: "file:empty", err: ErrNoSecret},
		{name: "a file that is no secret by its size", ref: "file:huge", err: privatefile.ErrTooLarge},
		{name: "a folder", ref: "file:.", err: privatefile.ErrNotRegular},
		{name: "a file that is not there", ref: "file:none", err: os.ErrNotExist},
		{name: "a program", ref: "cmd:./say", want: "s3cret"},
		{name: "a program with arguments", ref: "cmd:echo s3cret", want: "s3cret"},
		{name: "no shell between", ref: "cmd:echo $HOME;id", want: "$HOME;id"},
		{name: "a program that fails", ref: "cmd:./fail now", says: "secret cmd:./fail …: the program failed: exit status 3"},
		{name: "a program that does not exist", ref: "cmd:./none", err: os.ErrNotExist},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := ParseSecret(row.ref)
			if err != nil {
				t.Fatal(err)
			}
			s.dir = dir
			got, err := s.Resolve(t.Context())
			if got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
			if (err == nil) != (row.want != "") || row.err != nil && !errors.Is(err, row.err) {
				t.Errorf("got error %v, want %v", err, row.err)
			}
			if err != nil && (!strings.Contains(err.Error(), row.says) || strings.Contains(err.Error(), "s3cret")) {
				t.Errorf("error %q must say %q and not the secret", err, row.says)
			}
		})
	}
}

func TestAProgramThatHangsEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s, err := ParseSecret("cmd:sleep 60")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Resolve(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestReferencesThatAreNone(t *testing.T) {
	for _, text := range []string{"", "hunter2", "env:", "file: ", "cmd:", "http://hunter2", "ENV:X"} {
		_, err := ParseSecret(text)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestSecretsPrintAsReferencesWhereverTheyGo(t *testing.T) {
	s, err := ParseSecret("cmd:pass show --token hunter2")
	if err != nil {
		t.Fatal(err)
	}
	holder := struct{ Password Secret }{s}
	asJSON, err := json.Marshal(holder)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "holder", holder)
	for _, text := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", holder, holder, holder, s, s), string(asJSON), log.String()} {
		if strings.Contains(text, "hunter2") || !strings.Contains(text, "cmd:pass") {
			t.Errorf("printed as %s", text)
		}
	}
}
