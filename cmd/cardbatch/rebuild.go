package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"cardbatch/internal/atomicfile"
	"cardbatch/pipeline"
	"cardbatch/store"
)

type rebuildOptions struct {
	file, answer, output string
}

// rebuildJSON is what rebuild prints.
type rebuildJSON struct {
	Answers []rebuiltJSON `json:"answers"`
}

type rebuiltJSON struct {
	Answer   string `json:"answer"`
	Name     string `json:"name"`
	Size     int64  `json:"size"`
	Digest   string `json:"digest"`
	Recorded string `json:"recorded_digest,omitempty"`
	Same     bool   `json:"same"`
	Path     string `json:"path,omitempty"`
}

func (a *app) newRebuild() *cobra.Command {
	var o rebuildOptions
	c := &cobra.Command{
		Use:   "rebuild FILE",
		Short: "Write answers of a file again, and prove that they are the same",
		Long: `rebuild makes the answers of a file once more from the store and compares each
with the digest that was recorded when it was first made. Without --output it only
compares. With --output DIR it writes them there, never over another file; with
--output - it writes one answer to standard output. An answer that came out
different is not written: something altered the store.` + exitHelp(exitConfig, exitSafety),
		Example: `  cardbatch rebuild PAY-20261121-01
  cardbatch rebuild PAY-20261121-01 --answer res --output - | less`,
		GroupID: "decide",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			o.file = args[0]
			return a.rebuild(c.Context(), o)
		},
	}
	c.Flags().StringVar(&o.answer, "answer", "", "only this one: ack, res, sup01, … (default: all)")
	c.Flags().StringVarP(&o.output, "output", "o", "", "folder to write to, or - for standard output")
	return c
}

func (a *app) rebuild(ctx context.Context, o rebuildOptions) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	f, err := findFile(ctx, in.store, o.file)
	if err != nil {
		return err
	}
	all, err := in.store.Answers(ctx, f.ID, false)
	if err != nil {
		return err
	}
	var wanted []store.AnswerFile
	for _, answer := range all {
		if o.answer == "" || o.answer == answerLabel(answer) {
			wanted = append(wanted, answer)
		}
	}
	switch {
	case len(wanted) == 0:
		return &codeError{exitFailure, fmt.Errorf("%s has no such answer", f.Name), "`cardbatch show` lists its answers."}
	case o.output == "-" && len(wanted) > 1:
		return usageError("--output - takes one answer; choose it with --answer")
	}
	out, same := rebuildJSON{}, true
	for _, answer := range wanted {
		r, err := rebuildOne(ctx, in.store, answer, o.output, a.stdout)
		if err != nil {
			return err
		}
		same = same && r.Same
		out.Answers = append(out.Answers, r)
	}
	if err := a.printRebuilt(out, o.output == "-"); err != nil {
		return err
	}
	if !same {
		return &codeError{exitSafety, fmt.Errorf("%s: an answer came out different from what was recorded", f.Name), "Run `cardbatch audit verify`, and compare with what the merchant received."}
	}
	return nil
}

// rebuildOne makes an answer, compares it, and writes it when it is the same.
func rebuildOne(ctx context.Context, r store.Reader, answer store.AnswerFile, output string, stdout io.Writer) (rebuiltJSON, error) {
	size, digest, err := measured(func(w io.Writer) error { return pipeline.WriteAnswer(ctx, r, answer, w) })
	if err != nil {
		return rebuiltJSON{}, err
	}
	out := rebuiltJSON{Answer: answerLabel(answer), Name: answer.Name, Size: size, Digest: digest, Recorded: answer.Digest}
	// One that was never built has nothing to differ from.
	out.Same = answer.Digest == "" || out.Digest == answer.Digest && size == answer.Size
	if !out.Same || output == "" {
		return out, nil
	}
	if output == "-" {
		return out, pipeline.WriteAnswer(ctx, r, answer, stdout)
	}
	if err := os.MkdirAll(output, 0o700); err != nil {
		return out, err
	}
	file, err := atomicfile.Create(output, 0o600)
	if err != nil {
		return out, err
	}
	defer file.Discard()
	if err := pipeline.WriteAnswer(ctx, r, answer, file); err != nil {
		return out, err
	}
	out.Path = filepath.Join(output, answer.Name)
	err = file.Publish(answer.Name)
	if errors.Is(err, fs.ErrExist) {
		return out, sameThere(out.Path, out.Digest)
	}
	return out, err
}

// sameThere accepts a file that lies there already when it has the digest: what wrote it may be repeated.
func sameThere(path, digest string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != digest {
		return &codeError{exitFailure, fmt.Errorf("%s exists and holds something else", path), "Choose another name or folder; nothing is replaced."}
	}
	return nil
}

// measured tells size and SHA-256 of what write writes.
func measured(write func(io.Writer) error) (size int64, digest string, err error) {
	sum := sha256.New()
	err = write(io.MultiWriter(sum, writerFunc(func(p []byte) (int, error) {
		size += int64(len(p))
		return len(p), nil
	})))
	return size, hex.EncodeToString(sum.Sum(nil)), err
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// printRebuilt reports; on stderr when stdout carries the answer itself.
func (a *app) printRebuilt(r rebuildJSON, toStderr bool) error {
	if a.json && !toStderr {
		return a.printJSON(r)
	}
	w := a.stdout
	if toStderr {
		w = a.stderr
	}
	t := table(w)
	row(t, "ANSWER", "NAME", "BYTES", "SHA-256", "COMPARED")
	for _, one := range r.Answers {
		compared := "same as recorded"
		switch {
		case one.Recorded == "":
			compared = "not built before"
		case !one.Same:
			compared = "DIFFERENT, recorded " + one.Recorded
		}
		row(t, one.Answer, one.Name, one.Size, one.Digest, compared)
	}
	return t.Flush()
}
