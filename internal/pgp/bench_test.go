package pgp

import (
	"bytes"
	"io"
	"testing"
)

const benchmarkSize = 16 << 20

func BenchmarkEncrypt(b *testing.B) {
	g := needGnuPG(b)
	for _, name := range []string{rsaKey, curveKey} {
		to := g.publicKey(b, name)
		b.Run(name, func(b *testing.B) {
			b.SetBytes(benchmarkSize)
			b.ReportAllocs()
			for b.Loop() {
				w, err := Encrypt(io.Discard, to, now)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(w, io.LimitReader(zeros{}, benchmarkSize)); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkDecrypt(b *testing.B) {
	g := needGnuPG(b)
	plain := records(benchmarkSize / len(records(1)))
	with := g.privateKey(b, curveKey)
	for name, message := range map[string][]byte{
		"ours":                encrypt(b, plain, g.publicKey(b, curveKey)),
		"gpg compressed":      g.encrypt(b, plain, curveKey),
		"gpg armored, stored": g.encrypt(b, plain, curveKey, "--armor", "--compress-algo", "none"),
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				r, err := Decrypt(bytes.NewReader(message), with, now)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := io.Copy(io.Discard, r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
