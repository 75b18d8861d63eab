package vault

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// An encrypted stream is
//
//	8 bytes   "CBVAULT" and the version of this form, 1
//	4 bytes   the id of the archive key
//	rest      Tink's streaming AEAD, bound to these twelve bytes and the stream's name
//
// The plaintext inside starts with one byte that is always streamStart: Tink's reader
// takes the end of an empty stream for a wrong key, so no stream is ever empty.
const (
	streamMagic     = "CBVAULT\x01"
	streamHeaderLen = len(streamMagic) + 4
	streamStart     = 1
)

// EncryptWriter returns a writer whose plaintext reaches w encrypted and bound to
// name. The stream is complete only when Close has returned nil; Close leaves w open.
func (v *Vault) EncryptWriter(w io.Writer, name string) (io.WriteCloser, error) {
	keys := v.keys.Load()
	id, err := hex.DecodeString(keys.primary(UseArchive))
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	header := append([]byte(streamMagic), id...)
	if _, err := w.Write(header); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	stream, err := keys.stream.NewEncryptingWriter(w, append(header, name...))
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	if _, err := stream.Write([]byte{streamStart}); err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return stream, nil
}

// DecryptReader returns the plaintext of a stream that EncryptWriter wrote under the
// same name. Every byte it hands out has been authenticated; a stream that is cut
// short, even at the end of a segment, ends in ErrDamaged and never in io.EOF.
func (v *Vault) DecryptReader(r io.Reader, name string) (io.Reader, error) {
	keys := v.keys.Load()
	src := &source{r: r}
	header := make([]byte, streamHeaderLen)
	id, err := readStreamHeader(src, header)
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	if !keys.holds(UseArchive, id) {
		return nil, fmt.Errorf("decrypt: key %s: %w", id, ErrUnknownKey)
	}
	stream, err := keys.stream.NewDecryptingReader(src, append(header, name...))
	if err != nil {
		return nil, fmt.Errorf("decrypt: %w", err)
	}
	d := &decrypter{src: src, stream: stream}
	var start [1]byte
	if _, err := io.ReadFull(d, start[:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = ErrDamaged
		}
		return nil, err
	}
	if start[0] != streamStart {
		return nil, fmt.Errorf("decrypt: %w", ErrDamaged)
	}
	return d, nil
}

// readStreamHeader fills header and returns the key id that it names.
func readStreamHeader(src *source, header []byte) (id string, err error) {
	if _, err := io.ReadFull(src, header); err != nil {
		return "", src.cause()
	}
	if string(header[:len(streamMagic)]) != streamMagic {
		return "", ErrDamaged
	}
	return hex.EncodeToString(header[len(streamMagic):]), nil
}

// source remembers the error of the reader below, which Tink does not pass on: a disk that
// fails must not look like a file that was tampered with.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// cause tells why the bytes could not be read.
func (s *source) cause() error {
	if s.err != nil {
		return s.err
	}
	return ErrDamaged
}

type decrypter struct {
	src    *source
	stream io.Reader
	err    error
}

func (d *decrypter) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	n, err := d.stream.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("decrypt: %w", d.src.cause())
	}
	d.err = err
	return n, err
}
