package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cardbatch"
	"cardbatch/internal/mailcatcher"
)

// daysDemo is a workspace whose days are played one after the other, and catches its e-mails.
type daysDemo struct {
	*demoWorld
	out  io.Writer
	now  time.Time
	mail *mailcatcher.Catcher

	mails int // that were shown
}

func openDaysDemo(dir string, out io.Writer) (*daysDemo, error) {
	world, err := openDemo(dir)
	if err != nil {
		return nil, err
	}
	d := &daysDemo{demoWorld: world, out: out}
	if d.mail, err = mailcatcher.Start(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

func (d *daysDemo) Close() error {
	err := d.demoWorld.Close()
	if d.mail != nil {
		err = errors.Join(err, d.mail.Close())
	}
	return err
}

// writeConfig fills in a configuration, where the mail catcher is included.
func (d *daysDemo) writeConfig(config string, values map[string]any) error {
	host, port, err := net.SplitHostPort(d.mail.Addr())
	if err != nil {
		return err
	}
	values["MailHost"], values["MailPort"] = host, port
	return d.demoWorld.writeConfig(config, values)
}

// selfAt runs this program at the demo's time.
func (a *app) selfAt(ctx context.Context, d *daysDemo, args ...string) error {
	return a.self(ctx, append([]string{"--config", d.config, "--clock", d.now.Format(time.RFC3339)}, args...))
}

func (d *daysDemo) path(name string) string {
	return filepath.Join(d.dir, filepath.FromSlash(name))
}

// put puts sample files of a folder into the inbound folder, as a merchant would.
func (d *daysDemo) put(ctx context.Context, samples string, names []string) error {
	if len(names) == 0 {
		return nil
	}
	folder, err := d.inbound(ctx)
	if err != nil {
		return err
	}
	defer folder.Close()
	for _, name := range names {
		content, err := fs.ReadFile(cardbatch.Samples, "testdata/"+samples+"/"+name)
		if err != nil {
			return err
		}
		if err := putSample(ctx, d.out, folder, name, content); err != nil {
			return err
		}
	}
	return nil
}

// printMails shows the e-mails that came since the last time, in an order of their own.
func (d *daysDemo) printMails() {
	mails := d.mail.Messages()
	fresh := mails[d.mails:]
	d.mails = len(mails)
	slices.SortFunc(fresh, func(a, b mailcatcher.Message) int {
		return cmp.Or(slices.Compare(a.To, b.To), cmp.Compare(a.Subject, b.Subject))
	})
	for _, m := range fresh {
		fmt.Fprintf(d.out, "\ne-mail to %s: %s\n", strings.Join(m.To, ", "), m.Subject)
		for _, line := range firstLines(m.Text, 4) {
			fmt.Fprintf(d.out, "  %s\n", line)
		}
		for _, f := range m.Attachments {
			fmt.Fprintf(d.out, "  with %s, %s\n", f.Name, count(len(f.Content), "byte"))
		}
	}
}

// firstLines are the first n lines of a text that are not empty.
func firstLines(text string, n int) []string {
	var all []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" && len(all) < n {
			all = append(all, line)
		}
	}
	return all
}
