package pipeline

import (
	"context"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/batchfile"
	"cardbatch/report"
	"cardbatch/sftpio"
	"cardbatch/store"
)

// acknowledge delivers the ACKs that the verdicts made. What cannot be delivered
// now is tried again by the deliver step.
func acknowledge(ctx context.Context, r *Run) error {
	return r.deliverWaiting(ctx, func(a store.AnswerFile) bool { return a.Kind == store.Ack })
}

// respond makes the RESULT of every file that has lines submitted, and a
// SUPPLEMENT where lines answered before have become final since. Lines that could
// not be sent by the run's end are answered not_sent; they stay queued for the next run.
func respond(ctx context.Context, r *Run) error {
	files, err := r.Store.Files(ctx, store.FileQuery{States: []batch.FileState{batch.FileAccepted, batch.FileRunning}, Oldest: true})
	if err != nil {
		return err
	}
	untold, err := r.Store.Files(ctx, store.FileQuery{States: []batch.FileState{batch.FileAnswered, batch.FileDelivered}, Untold: true, Oldest: true})
	if err != nil {
		return err
	}
	for _, f := range append(files, untold...) {
		a, err := r.Session.Answer(ctx, f.ID, r.Clock())
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		r.reached("answered")
		if _, err := r.build(ctx, a); err != nil {
			return err
		}
		r.reached("built")
		r.Log.Info("answer made", "file", f.Name, "answer", a.Name)
		r.count(func(s *Summary) { s.Answers++ })
	}
	return nil
}

// countLeft puts what is not final into the summary.
func (r *Run) countLeft(ctx context.Context) error {
	info, err := r.Store.Info(ctx)
	if err != nil {
		return err
	}
	told, err := r.Store.CountNotifications(ctx)
	if err != nil {
		return err
	}
	orders, err := r.Store.CountCardOrders(ctx)
	if err != nil {
		return err
	}
	r.count(func(s *Summary) {
		s.OrdersWaiting = orders
		s.Untold = told[batch.NotificationWaiting] + told[batch.NotificationDead]
		s.NotSent, s.Pending, s.InDoubt, s.Waiting = info.LinesQueued, info.LinesPending, info.LinesInDoubt, info.Waiting
	})
	return nil
}

// deliver puts every waiting answer into its outbound folder, then clears the
// inbound folders of originals that are archived and answered.
func deliver(ctx context.Context, r *Run) error {
	if err := r.deliverWaiting(ctx, func(store.AnswerFile) bool { return true }); err != nil {
		return err
	}
	return r.settleOriginals(ctx)
}

func (r *Run) deliverWaiting(ctx context.Context, wanted func(store.AnswerFile) bool) error {
	waiting, err := r.Store.Answers(ctx, 0, true)
	if err != nil {
		return err
	}
	bySource := map[string][]store.AnswerFile{}
	for _, a := range waiting {
		if wanted(a) {
			f, err := r.Store.File(ctx, a.File)
			if err != nil {
				return err
			}
			bySource[f.Source] = append(bySource[f.Source], a)
		}
	}
	for name, answers := range bySource {
		if err := r.trouble("source "+name, r.deliverTo(ctx, name, answers)); err != nil {
			return err
		}
	}
	return nil
}

// deliverTo publishes answers in the outbound folder of a source. An answer that
// fails does not keep the others waiting, unless the folder itself is out of reach.
func (r *Run) deliverTo(ctx context.Context, name string, answers []store.AnswerFile) error {
	s, ok := r.source(name)
	if !ok {
		return fmt.Errorf("%d answers wait for a source that is not configured any more", len(answers))
	}
	outbound, err := s.OpenOutbound(ctx)
	if err != nil {
		return err
	}
	defer outbound.Close()
	var failures []error
	for _, a := range answers {
		err := r.publish(ctx, outbound, a)
		if err == nil {
			continue
		}
		if f := (fatalError{}); errors.As(err, &f) {
			return err
		}
		if recorded := r.Session.DeliveryFailed(ctx, a.ID, r.Clock(), err.Error()); recorded != nil {
			return fatal(recorded)
		}
		failures = append(failures, fmt.Errorf("%s: %w", a.Name, err))
		if errors.Is(err, sftpio.ErrUnreachable) {
			break
		}
	}
	return errors.Join(failures...)
}

func (r *Run) publish(ctx context.Context, outbound sftpio.Outbound, a store.AnswerFile) error {
	a, err := r.build(ctx, a)
	if err != nil {
		return err
	}
	built, err := os.Open(r.builtPath(a))
	if err != nil {
		return err
	}
	defer built.Close()
	if err := outbound.Publish(ctx, a.Name, built, a.Size, a.Digest); err != nil {
		return err
	}
	r.reached("published")
	if err := r.Session.Delivered(ctx, a.ID, r.Clock()); err != nil {
		return fatal(err)
	}
	r.reached("delivered")
	r.count(func(s *Summary) { s.Delivered++ })
	// It can be built again at any time. What a crash leaves behind here the purge step sweeps.
	if err := os.Remove(r.builtPath(a)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (r *Run) builtPath(a store.AnswerFile) string {
	return filepath.Join(r.Outbox, fmt.Sprintf("%d-%s.csv", a.ID, a.Kind))
}

// build writes an answer's bytes into the outbox, unless they lie there already,
// and records their size and digest; the store refuses bytes that differ from those recorded before.
func (r *Run) build(ctx context.Context, a store.AnswerFile) (store.AnswerFile, error) {
	if a.Digest != "" {
		if info, err := os.Stat(r.builtPath(a)); err == nil && info.Size() == a.Size {
			return a, nil
		}
	}
	size, digest, err := r.buildOut(filepath.Base(r.builtPath(a)), func(w io.Writer) error { return WriteAnswer(ctx, r.Store, a, w) })
	if err != nil {
		return a, err
	}
	a.Size, a.Digest = size, digest
	return a, fatal(r.Session.Built(ctx, a.ID, a.Size, a.Digest))
}

type countingHash struct {
	hash hash.Hash
	size int64
}

func (c *countingHash) Write(p []byte) (int, error) {
	c.size += int64(len(p))
	return c.hash.Write(p)
}

// WriteAnswer writes the bytes of an answer from the facts in the store: the same
// bytes whenever it is asked.
func WriteAnswer(ctx context.Context, reader store.Reader, a store.AnswerFile, w io.Writer) error {
	f, err := reader.File(ctx, a.File)
	if err != nil {
		return err
	}
	header := f.Header
	header.CreatedAt = a.CreatedAt.UTC().Truncate(time.Second)
	if a.Kind == store.Ack {
		return writeAck(ctx, reader, f, header, a, w)
	}
	head := batchfile.ResultHeader{Header: header}
	if a.Kind == store.Result {
		head.Lines = f.Lines // promise P2: one row per input line
	}
	out, err := batchfile.NewResultWriter(w, head, f.Layout)
	if err != nil {
		return err
	}
	for rec, err := range reader.AnswerLines(ctx, a.File, a.Number) {
		if err != nil {
			return err
		}
		row := report.ResultRow(rec)
		if err := out.Write(&row); err != nil {
			return err
		}
	}
	return out.Close()
}

func writeAck(ctx context.Context, reader store.Reader, f batch.File, header batch.Header, a store.AnswerFile, w io.Writer) error {
	out, err := batchfile.NewAckWriter(w, batchfile.AckHeader{Header: header, Verdict: string(a.Verdict), NextSequence: a.Expected}, f.Layout)
	if err != nil {
		return err
	}
	for finding, err := range reader.Findings(ctx, a.File) {
		if err != nil {
			return err
		}
		if err := out.Write(report.AckRow(finding, a.Verdict)); err != nil {
			return err
		}
	}
	accepted := 0
	if a.Verdict != batch.FileRejected {
		accepted = f.Lines - f.BadLines
	}
	return out.Close(accepted, f.Lines-accepted)
}

// settleOriginals removes the originals of files that are answered and delivered,
// and moves those of rejected files to rejected/, with the reasons.
func (r *Run) settleOriginals(ctx context.Context) error {
	states := []batch.FileState{batch.FileRejected, batch.FileRecalled, batch.FileDelivered}
	files, err := r.Store.Files(ctx, store.FileQuery{States: states, Claimed: true, Oldest: true})
	if err != nil {
		return err
	}
	bySource := map[string][]batch.File{}
	for _, f := range files {
		answers, err := r.Store.Answers(ctx, f.ID, true)
		if err != nil {
			return err
		}
		if len(answers) == 0 { // nothing waits: every answer is out
			bySource[f.Source] = append(bySource[f.Source], f)
		}
	}
	for name, files := range bySource {
		if err := r.trouble("source "+name, r.settleAt(ctx, name, files)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) settleAt(ctx context.Context, name string, files []batch.File) error {
	s, ok := r.source(name)
	if !ok {
		return fmt.Errorf("%d originals wait in a source that is not configured any more", len(files))
	}
	inbound, err := s.OpenInbound(ctx)
	if err != nil {
		return err
	}
	defer inbound.Close()
	for _, f := range files {
		e := sftpio.Entry{Name: f.Name, Claim: f.Claim, Size: f.Size, Digest: f.Digest}
		if f.State == batch.FileRejected {
			reason, err := r.rejectionReason(ctx, f)
			if err != nil {
				return fatal(err)
			}
			err = inbound.Reject(ctx, e, reason)
			if errors.Is(err, fs.ErrNotExist) {
				r.Log.Warn("somebody took the original of a rejected file away", "file", f.Name)
			} else if err != nil {
				return fmt.Errorf("reject %s: %w", f.Name, err)
			}
		} else if err := inbound.Remove(ctx, e); err != nil {
			return fmt.Errorf("remove %s: %w", f.Name, err)
		}
		r.reached("original settled")
		if err := r.Session.Claimed(ctx, f.ID, ""); err != nil {
			return fatal(err)
		}
	}
	return nil
}

// reasonFindings bounds how many findings a reason file lists; the ACK has them all.
const reasonFindings = 100

// rejectionReason is the text beside a rejected file.
func (r *Run) rejectionReason(ctx context.Context, f batch.File) (string, error) {
	text := fmt.Sprintf("%s was rejected: %s\n", f.Name, f.Verdict)
	n := 0
	for finding, err := range r.Store.Findings(ctx, f.ID) {
		if err != nil {
			return "", err
		}
		if n++; n > reasonFindings {
			return text + "… more findings are in the ACK file\n", nil
		}
		text += finding.String() + "\n"
	}
	return text, nil
}
