package notify

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
)

var now = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

func clock() time.Time { return now }

func wallet() *batch.Wallet {
	return &batch.Wallet{
		Merchant: "acme", ID: "W-1001", Contract: "1234567", Email: "lea@example.com", Language: "fr", DefaultCard: 1,
		Cards: []batch.Card{{Index: 1, FirstSix: "374111", LastFour: "1111", Expiry: "1226"}},
	}
}

var refusal = batch.StatusEvent{Status: batch.CardRefused, Code: "17", Text: "Not eligible & <unknown>", At: now}

// mailOf is the e-mail of a notice.
func mailOf(t *testing.T, n batch.Notice) batch.Notification {
	t.Helper()
	return only(t, batch.NoticeRoutes{Mail: batch.NoticeKinds}, n)
}

// callOf is the server notification of a notice.
func callOf(t *testing.T, url string, n batch.Notice) batch.Notification {
	t.Helper()
	return only(t, batch.NoticeRoutes{URL: url, HTTP: batch.NoticeKinds}, n)
}

func only(t *testing.T, r batch.NoticeRoutes, n batch.Notice) batch.Notification {
	t.Helper()
	all := r.Notifications(n, now)
	if len(all) != 1 {
		t.Fatalf("%d notifications, want 1", len(all))
	}
	return all[0]
}

func newSender(t *testing.T, s Settings) *Sender {
	t.Helper()
	if s.Timeout == 0 {
		s.Timeout = 10 * time.Second
	}
	sender, err := New(s, clock)
	if err != nil {
		t.Fatal(err)
	}
	return sender
}

// mailServer is aiosmtpd on loopback.
type mailServer struct {
	port   int
	folder string
	ca     []byte // PEM
}

// python3 is Debian's own: another one before it in the path would not know its packages.
const python3 = "/usr/bin/python3"

func startMail(t *testing.T, mode string) mailServer {
	t.Helper()
	if err := exec.CommandContext(t.Context(), python3, "-c", "import aiosmtpd").Run(); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("CARDBATCH_REQUIRE") != "" {
			t.Fatalf("an SMTP server is required here: %v", err)
		}
		t.Skipf("aiosmtpd is missing (package python3-aiosmtpd): %v", err)
	}
	s := mailServer{folder: t.TempDir()}
	args := []string{"testdata/smtpd.py", s.folder, mode}
	if strings.Contains(mode, "starttls") || strings.Contains(mode, "implicit") {
		var cert, key string
		cert, key, s.ca = certificate(t)
		args = append(args, cert, key)
	}
	server := exec.CommandContext(t.Context(), python3, args...)
	server.Stderr = os.Stderr
	alive, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = alive.Close()
		_ = server.Wait() // it ends by our word
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the mail server did not start: %v", err)
	}
	if s.port, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		t.Fatal(err)
	}
	return s
}

// certificate makes a certificate of 127.0.0.1 and its key.
func certificate(t *testing.T) (cert, key string, ca []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// The server's own clock counts here.
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for path, data := range map[string][]byte{cert: ca, key: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key, ca
}

// settings are those of a sender that uses the server without TLS.
func (s mailServer) settings() Settings {
	return Settings{Mail: Mail{Host: "127.0.0.1", Port: s.port, TLS: NoTLS, From: "billing@shop.example"}, RootCA: s.ca}
}

// received are the messages that the server has taken, in order.
func (s mailServer) received(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.folder, "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	var all []string
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, strings.ReplaceAll(string(data), "\r\n", "\n"))
	}
	return all
}

// attached is a file that a mail server has found in a message.
type attached struct{ Name, Type, Content string }

// attachments are those of all messages that the server has taken, in order.
func (s mailServer) attachments(t *testing.T) (all []attached) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(s.folder, "*.attachment"))
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(names)
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		header, err := os.ReadFile(strings.TrimSuffix(name, ".attachment") + ".header")
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(header), "\n")
		all = append(all, attached{lines[0], lines[1], string(content)})
	}
	return all
}

// box is an outbox in memory.
type box struct {
	all      []batch.Notification
	recorded []batch.Delivery
	broken   error // that Record returns, having recorded nothing
}

func newBox(all ...batch.Notification) *box {
	for i := range all {
		all[i].Number = int64(i + 1)
	}
	return &box{all: all}
}

func (b *box) Due(_ context.Context, at time.Time, after int64, limit int) (due []batch.Notification, _ error) {
	for _, n := range b.all {
		if n.State == batch.NotificationWaiting && !n.Due.After(at) && n.Number > after && len(due) < limit {
			due = append(due, n)
		}
	}
	return due, nil
}

func (b *box) Record(_ context.Context, all []batch.Delivery) error {
	if b.broken != nil {
		return b.broken
	}
	b.recorded = append(b.recorded, all...)
	for _, d := range all {
		i := slices.IndexFunc(b.all, func(n batch.Notification) bool { return n.ID == d.ID })
		n := &b.all[i]
		n.Attempts++
		n.LastError, n.Due = d.Reason, d.Next
		switch {
		case d.Sent:
			n.State = batch.NotificationSent
		case d.Next.IsZero():
			n.State = batch.NotificationDead
		}
	}
	return nil
}
