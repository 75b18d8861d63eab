package sftpio_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardbatch/internal/sftpserver"
	"cardbatch/sftpio"
	"cardbatch/sftpio/foldertest"
)

func TestOptionsThatAreRefused(t *testing.T) {
	dir := t.TempDir()
	for _, row := range []struct {
		name    string
		options sftpio.Options
		want    string
	}{
		{"no readiness", sftpio.Options{Location: dir}, "readiness is missing"},
		{"an unknown readiness", sftpio.Options{Location: dir, Readiness: "soon"}, `readiness "soon" is unknown`},
		{"a broken pattern", sftpio.Options{Location: dir, Readiness: sftpio.Rename, Pattern: "[a"}, "pattern"},
		{"a broken pattern to ignore", sftpio.Options{Location: dir, Readiness: sftpio.Rename, Ignore: []string{"[a"}}, "pattern"},
		{"a done-file suffix that is a path", sftpio.Options{Location: dir, Readiness: sftpio.DoneFile, DoneSuffix: "/done"}, "not part of a name"},
		{"names that leave no room", sftpio.Options{Location: dir, Readiness: sftpio.Rename, MaxName: 255}, "1 to 200 bytes"},
		{"a negative wait", sftpio.Options{Location: dir, Readiness: sftpio.Stable, StableFor: -1}, "negative"},
		{"no location", sftpio.Options{Readiness: sftpio.Rename}, "location is empty"},
		{"a folder that is not there", sftpio.Options{Location: dir + "/none", Readiness: sftpio.Rename}, "make the folder"},
		{"another scheme", sftpio.Options{Location: "ftp://a@b/c", Readiness: sftpio.Rename}, `scheme "ftp" is not supported`},
		{"no user", sftpio.Options{Location: "sftp://b/c", Readiness: sftpio.Rename}, "incomplete"},
		{"no host", sftpio.Options{Location: "sftp://a@/c", Readiness: sftpio.Rename}, "incomplete"},
		{"no path", sftpio.Options{Location: "sftp://a@b", Readiness: sftpio.Rename}, "incomplete"},
		{"a query", sftpio.Options{Location: "sftp://a@b/c?d", Readiness: sftpio.Rename}, "%3F"},
		{"a password in the location", sftpio.Options{Location: "sftp://a:sesame@b/c", Readiness: sftpio.Rename}, "by reference"},
		{"a location that is no URL", sftpio.Options{Location: "sftp://a:sesame@b:port/c", Readiness: sftpio.Rename}, "not a URL"},
	} {
		t.Run(row.name, func(t *testing.T) {
			in, err := sftpio.OpenInbound(t.Context(), row.options)
			if err == nil {
				in.Close()
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), row.want) {
				t.Errorf("%q is missing in: %v", row.want, err)
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("the error tells the password: %v", err)
			}
		})
	}
}

func TestPathsOfALocation(t *testing.T) {
	for path, want := range map[string]string{
		"/out": "out/a.csv", "/out/": "out/a.csv", "/~/out": "out/a.csv", "/~": "a.csv", "/with%20space": "with space/a.csv",
	} {
		t.Run(path, func(t *testing.T) {
			w, s := served(t, sftpserver.Options{})
			must(t, os.MkdirAll(filepath.Join(w.Dir, filepath.Dir(want)), 0o770))
			w.Options.Location = s.Location("acme", path)
			must(t, foldertest.Publish(t.Context(), w.Outbound(t), "a.csv", "answer"))
			w.Wants(t, map[string]string{want: "answer"})
		})
	}
}
