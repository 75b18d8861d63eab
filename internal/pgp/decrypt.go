package pgp

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// Decrypt returns the plaintext of one OpenPGP message, binary or armored, that is
// encrypted to the private key given. io.EOF means that the message was complete, that it
// is as its sender made it, and that nothing follows it. Any other end is an error, after
// which nothing that was read before may be used. When r itself fails, its error is wrapped.
//
// Decrypt tells at once of what does not need the whole message: ErrNotEncrypted,
// ErrWrongKey, and ErrExpired, ErrRevoked or ErrNotYetValid when the key that the message is
// encrypted to is not valid at the moment given. An expired key is refused although it
// still decrypts: nothing proves when a message was made, and the sender has to hear of it.
// Reading ends in ErrTruncated, ErrTampered, or ErrTooLarge for a message whose compressed
// content is more than MaxRatio times its file.
//
// Messages with an MDC and those of newer programs (AEAD: OCB, EAX, GCM) are read;
// ones that carry neither are refused with ErrTampered. Signatures are not checked.
func Decrypt(r io.Reader, with *PrivateKey, at time.Time) (io.Reader, error) {
	m := &message{source: &source{r: r}}
	if err := m.begin(with, at); err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	return m, nil
}

// message is a message being decrypted, from the file inwards:
//
//	file > armor > session keys, encrypted packet > (compressed packet >) literal packet
//
// Each layer must end where the one around it ends.
type message struct {
	source     *source
	armor      *armored      // nil: binary
	outer      *bufio.Reader // packets outside the encryption
	ciphertext *ciphertext
	decrypted  io.ReadCloser
	layers     []*bufio.Reader // packets inside the encryption; the last one holds the literal
	signatures int             // that were announced and must follow
	body       io.Reader       // the literal's content
	err        error           // how reading ended
}

// begin reads up to the first byte of plaintext.
func (m *message) begin(with *PrivateKey, at time.Time) error {
	in := bufio.NewReaderSize(m.source, bufferSize)
	body, armor, err := open(in)
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the file is empty: %w", ErrTruncated)
	case errors.Is(err, errNoArmor):
		return fmt.Errorf("%w: %w", ErrNotEncrypted, err)
	case err != nil:
		return m.readError(err)
	case armor != nil && armor.kind != kindMessage:
		return fmt.Errorf("%w: it is a %.40q", ErrNotEncrypted, armor.kind)
	}
	m.armor, m.outer = armor, in
	if armor != nil {
		m.outer = bufio.NewReaderSize(body, bufferSize)
	}
	envelope, err := m.readEnvelope()
	if err != nil {
		return err
	}
	m.ciphertext = envelope.ciphertext
	if m.decrypted, err = m.open(envelope, with, at); err != nil {
		return err
	}
	if err := m.beginContent(); err != nil {
		return m.contentError(err)
	}
	return nil
}

// envelope is what stands outside the encryption.
type envelope struct {
	sessions   []*packet.EncryptedKey
	passphrase bool // it could be opened with a passphrase, too
	data       packet.EncryptedDataPacket
	ciphertext *ciphertext
}

// readEnvelope reads the session keys, up to the beginning of the encrypted packet.
func (m *message) readEnvelope() (*envelope, error) {
	var e envelope
	for {
		tag, err := nextTag(m.outer)
		began := len(e.sessions) > 0 || e.passphrase
		switch {
		case errors.Is(err, io.EOF):
			return nil, fmt.Errorf("it ends before its content: %w", ErrTruncated)
		case err != nil:
			return nil, m.readError(err)
		}
		switch tag {
		case tagSessionKey, tagPassphraseKey, tagMarker, tagPadding:
			p, err := packet.Read(io.LimitReader(m.outer, maxPacket))
			if err := m.envelopeError(err); err != nil {
				return nil, err
			}
			switch p := p.(type) {
			case *packet.EncryptedKey:
				e.sessions = append(e.sessions, p)
			case *packet.SymmetricKeyEncrypted:
				e.passphrase = true
			}
			if len(e.sessions) > maxRecipients {
				return nil, fmt.Errorf("it is encrypted to more than %d keys: %w", maxRecipients, ErrTooLarge)
			}
		case tagProtected, tagProtectedDraft:
			p, err := packet.Read(m.outer)
			if err := m.envelopeError(err); err != nil {
				return nil, err
			}
			e.ciphertext = &ciphertext{}
			switch p := p.(type) {
			case *packet.SymmetricallyEncrypted:
				e.data, e.ciphertext.r, p.Contents = p, p.Contents, e.ciphertext
			case *packet.AEADEncrypted:
				e.data, e.ciphertext.r, p.Contents = p, p.Contents, e.ciphertext
			}
			return &e, nil
		case tagUnprotected:
			return nil, fmt.Errorf("it carries no proof that nobody changed it (no MDC), and is refused; the sender must not switch it off: %w", ErrTampered)
		default:
			if began {
				return nil, fmt.Errorf("after its session keys comes something else than encrypted content: %w", ErrTampered)
			}
			return nil, notEncrypted(tag)
		}
	}
}

// notEncrypted names what the file is instead.
func notEncrypted(tag int) error {
	what := "no OpenPGP file, or one whose first bytes are damaged"
	switch tag {
	case tagPublicKey, tagPrivateKey, tagPublicSubkey, tagPrivateSubkey, tagUserID:
		what = "a file of keys"
	case tagSignature, tagOnePass:
		what = "signed only"
	case tagLiteral, tagCompressed:
		what = "an OpenPGP file, but anybody can read it"
	}
	return fmt.Errorf("%w: it is %s; the sender must encrypt it to our public key", ErrNotEncrypted, what)
}

// envelopeError says what it means that a packet outside the encryption cannot be read.
func (m *message) envelopeError(err error) error {
	if err == nil {
		return nil
	}
	if _, rest := m.outer.Peek(1); rest != nil {
		if errors.Is(rest, io.EOF) {
			return fmt.Errorf("it ends before its content: %w", ErrTruncated)
		}
		return m.readError(rest)
	}
	return fmt.Errorf("a packet cannot be read: %w", ErrTampered)
}

// open finds the session key that is for us and begins to decrypt.
func (m *message) open(e *envelope, with *PrivateKey, at time.Time) (io.ReadCloser, error) {
	with.mu.Lock()
	defer with.mu.Unlock()
	ours := false
	for _, session := range e.sessions {
		for _, candidate := range with.entity.DecryptionKeys(session.KeyId, time.Time{}, settings()) {
			named := session.KeyId == candidate.PublicKey.KeyId
			if !usable(candidate.PrivateKey) || !named && session.KeyId != 0 {
				continue
			}
			ours = ours || named
			if session.Decrypt(candidate.PrivateKey, settings()) != nil {
				continue
			}
			if err := with.validFor(candidate.PublicKey, at); err != nil {
				return nil, err
			}
			plain, err := e.data.Decrypt(session.CipherFunc, session.Key)
			clear(session.Key)
			if err != nil {
				return nil, m.contentError(err)
			}
			return plain, nil
		}
	}
	if ours {
		return nil, fmt.Errorf("its session key does not open with key %s, to which it is addressed: %w", with.KeyID(), ErrTampered)
	}
	return nil, fmt.Errorf("%w: it asks for %s, and ours is %s; give the sender our public key (gpg --armor --export %s)",
		ErrWrongKey, e.asksFor(), with.KeyID(), with.KeyID())
}

// asksFor lists the keys that would open the message.
func (e *envelope) asksFor() string {
	var all []string
	for _, s := range e.sessions {
		name := "key " + keyID(s.KeyId)
		if s.KeyId == 0 {
			name = "a key that it does not name"
		}
		if !slices.Contains(all, name) {
			all = append(all, name)
		}
	}
	if e.passphrase {
		all = append(all, "a passphrase")
	}
	if len(all) == 0 {
		return "no key at all"
	}
	return strings.Join(all, " or ")
}

// validFor tells whether the key that a message is encrypted to is valid. The caller holds the lock.
func (k *PrivateKey) validFor(used *packet.PublicKey, at time.Time) error {
	if err := k.primaryValid(at); err != nil {
		return err
	}
	for i := range k.entity.Subkeys {
		if s := &k.entity.Subkeys[i]; s.PublicKey.KeyId == used.KeyId {
			return k.subkeyValid(s, at)
		}
	}
	return nil // it is the primary key itself
}

// beginContent reads up to the literal's content.
func (m *message) beginContent() error {
	in := bufio.NewReaderSize(m.decrypted, bufferSize)
	m.layers = []*bufio.Reader{in}
	for {
		tag, err := nextTag(in)
		if err != nil {
			return err
		}
		switch tag {
		case tagOnePass:
			m.signatures++
			err = skip(in)
		case tagSignature, tagMarker, tagPadding: // older programs put signatures first
			err = skip(in)
		case tagCompressed:
			if len(m.layers) > 1 {
				return errContent // compressed twice: only who wants to do harm does that
			}
			p, failed := packet.Read(in)
			compressed, ok := p.(*packet.Compressed)
			if failed != nil || !ok {
				return errContent
			}
			in = bufio.NewReaderSize(&bounded{r: compressed.Body, source: m.source}, bufferSize)
			m.layers = append(m.layers, in)
		case tagLiteral:
			p, failed := packet.Read(in)
			literal, ok := p.(*packet.LiteralData)
			if failed != nil || !ok {
				return errContent
			}
			m.body = literal.Body
			return nil
		default:
			return errContent
		}
		if err != nil {
			return err
		}
		if m.signatures > maxSignatures {
			return errContent
		}
	}
}

// errContent: what was decrypted is no OpenPGP content.
var errContent = errors.New("unreadable content")

// skip reads a packet that is not needed.
func skip(in io.Reader) error {
	_, err := packet.NewOpaqueReader(io.LimitReader(in, maxPacket)).Next()
	return err
}

// Read hands out plaintext. See Decrypt for what its errors mean.
func (m *message) Read(p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	n, err := m.body.Read(p)
	switch {
	case errors.Is(err, io.EOF) && n > 0:
		return n, nil // the end comes with the next call
	case errors.Is(err, io.EOF):
		err = m.end()
		if err == nil {
			m.err = io.EOF
			return 0, io.EOF
		}
	}
	if err != nil {
		m.err = fmt.Errorf("decrypt: %w", m.contentError(err))
		err = m.err
	}
	return n, err
}

// end checks everything that is left once the last byte of plaintext is read.
func (m *message) end() error {
	if err := m.endContent(); err != nil {
		return err
	}
	if err := m.decrypted.Close(); err != nil {
		return err
	}
	if m.ciphertext.err != nil {
		return m.ciphertext.err
	}
	if _, err := m.outer.Peek(1); err == nil {
		return fmt.Errorf("something follows the message: %w", ErrTampered)
	} else if !errors.Is(err, io.EOF) {
		return err
	}
	if m.armor != nil {
		return m.armor.rest()
	}
	return nil
}

// endContent checks what follows the literal: the signatures that were announced, and
// then the end of each layer.
func (m *message) endContent() error {
	in := m.layers[len(m.layers)-1]
	for m.signatures > 0 {
		tag, err := nextTag(in)
		switch {
		case err != nil:
			return err
		case tag == tagSignature:
			m.signatures--
		case tag != tagMarker && tag != tagPadding:
			return errContent
		}
		if err := skip(in); err != nil {
			return err
		}
	}
	for _, layer := range slices.Backward(m.layers) {
		for {
			tag, err := nextTag(layer)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if tag != tagPadding && tag != tagMarker {
				return errContent
			}
			if err := skip(layer); err != nil {
				return err
			}
		}
	}
	return nil
}

// contentError says what an error from inside the encryption means. The library's own
// errors are left out: they are made of what was decrypted.
func (m *message) contentError(err error) error {
	switch {
	case m.source.err != nil:
		return m.source.err
	case m.ciphertext.err != nil:
		return m.ciphertext.meaning()
	case errors.Is(err, ErrTooLarge) || errors.Is(err, ErrTampered) || errors.Is(err, ErrTruncated):
		return err
	}
	return m.ciphertext.meaning()
}

// readError says what an error from outside the encryption means.
func (m *message) readError(err error) error {
	switch {
	case m.source.err != nil:
		return m.source.err
	case errors.Is(err, ErrTampered) || errors.Is(err, ErrTruncated):
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it ends within a packet: %w", ErrTruncated)
	}
	return fmt.Errorf("the armor cannot be read: %w", ErrTampered)
}

// source remembers the error of the reader below, so that a disk that fails does not look
// like a message that was tampered with, and counts the bytes.
type source struct {
	r   io.Reader
	n   int64
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// ciphertext remembers how reading the encrypted packet failed: above it, an end that comes
// too early and a byte that was changed look alike.
type ciphertext struct {
	r   io.Reader
	err error
}

func (c *ciphertext) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

// meaning tells what is wrong with the encrypted packet, once something is.
func (c *ciphertext) meaning() error {
	switch {
	case errors.Is(c.err, ErrTruncated) || errors.Is(c.err, ErrTampered):
		return c.err
	case errors.Is(c.err, io.ErrUnexpectedEOF):
		return fmt.Errorf("it ends within its content; fetch it again: %w", ErrTruncated)
	}
	return fmt.Errorf("its content fails the check that it carries; fetch it again, or have it sent again: %w", ErrTampered)
}

// bounded ends a compressed message that grows beyond measure.
type bounded struct {
	r      io.Reader
	source *source
	n      int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.n += int64(n)
	if b.n > freePlaintext+MaxRatio*b.source.n {
		return 0, fmt.Errorf("it unpacks to more than %d times its size: %w", MaxRatio, ErrTooLarge)
	}
	return n, err
}
