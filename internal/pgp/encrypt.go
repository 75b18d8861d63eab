package pgp

import (
	"bufio"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/ProtonMail/gopenpgp/v3/constants"
	"github.com/ProtonMail/gopenpgp/v3/crypto"
	"github.com/ProtonMail/gopenpgp/v3/profile"
)

// library is gopenpgp with the packets of RFC 4880, which every program reads.
func library() *crypto.PGPHandle {
	p := profile.RFC4880()
	p.InsecureAllowAllKeyFlagsWhenMissing = true // as settings
	return crypto.PGPWithProfile(p)
}

// Encrypt returns a writer whose plaintext reaches w as one binary OpenPGP message for one
// recipient: AES-256 with an MDC, not compressed, and without a file name or a time. The
// message is complete only when Close has returned nil; Close leaves w open.
//
// The key must be valid at the moment given; the errors are those of PublicKey.Check.
// AES-256 and the MDC are used even when the key prefers something else: partners' programs
// that cannot read them are older than the rules for cards.
func Encrypt(w io.Writer, to *PublicKey, at time.Time) (io.WriteCloser, error) {
	session, packets, err := to.newSession(at)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	defer session.Clear()
	out := bufio.NewWriterSize(w, bufferSize)
	if _, err := out.Write(packets); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	handle, err := library().Encryption().SessionKey(session).CompressWith(constants.NoCompression).New()
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	message, err := handle.EncryptingWriter(out, crypto.Bytes)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return &encrypter{in: bufio.NewWriterSize(message, bufferSize), message: message, out: out}, nil
}

// newSession returns a new session key, and the packet that carries it to the recipient.
// It is made apart from the message: with both in one call the library follows what the
// recipient's key prefers, and writes packets of RFC 9580 or AES-128.
func (k *PublicKey) newSession(at time.Time) (*crypto.SessionKey, []byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, err := k.encryptionKey(at); err != nil {
		return nil, nil, err
	}
	recipient, err := crypto.NewKeyFromEntity(k.entity)
	if err != nil {
		return nil, nil, err
	}
	handle, err := library().Encryption().Recipient(recipient).EncryptionTime(at.Unix()).New()
	if err != nil {
		return nil, nil, err
	}
	session, err := crypto.GenerateSessionKeyAlgo(constants.AES256)
	if err != nil {
		return nil, nil, err
	}
	packets, err := handle.EncryptSessionKey(session)
	if err != nil {
		session.Clear()
		return nil, nil, err
	}
	return session, packets, nil
}

// encrypter gathers small writes, each of which would become a packet's part of its own.
type encrypter struct {
	in      *bufio.Writer
	message io.WriteCloser
	out     *bufio.Writer
	closed  bool
}

func (e *encrypter) Write(p []byte) (int, error) {
	if e.closed {
		return 0, fs.ErrClosed
	}
	n, err := e.in.Write(p)
	if err != nil {
		return n, fmt.Errorf("encrypt: %w", err)
	}
	return n, nil
}

// Close ends the message. When a write has failed before, it fails likewise.
func (e *encrypter) Close() error {
	if e.closed {
		return fs.ErrClosed
	}
	e.closed = true
	for _, step := range []func() error{e.in.Flush, e.message.Close, e.out.Flush} {
		if err := step(); err != nil {
			return fmt.Errorf("encrypt: %w", err)
		}
	}
	return nil
}
