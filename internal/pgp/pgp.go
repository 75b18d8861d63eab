// Package pgp encrypts files to a partner's OpenPGP key and decrypts those that come
// encrypted to ours, as streams: memory does not grow with the file.
//
// A stream of plaintext is believed only when it was read to io.EOF. Before that the
// last bytes, or all of them, may have been changed on the way; that is known only at
// the end of a message. Signatures are not checked: what is proven is that a message is
// as its sender made it, and not who the sender was.
//
// No error holds plaintext, key material or a passphrase.
package pgp

import (
	"bufio"
	"errors"
	"fmt"
)

var (
	// ErrWrongKey: the message is encrypted, but not to the private key given.
	ErrWrongKey = errors.New("encrypted to another key")
	// ErrExpired: the key was valid, and is not any more.
	ErrExpired = errors.New("the key has expired")
	// ErrNotYetValid: the key was made after the time at which it is to be used.
	ErrNotYetValid = errors.New("the key is not valid yet")
	// ErrRevoked: the key's owner withdrew it.
	ErrRevoked = errors.New("the key was revoked")
	// ErrNoEncryption: the key is not one that can be encrypted to, or is too weak for it.
	ErrNoEncryption = errors.New("the key is not usable for encryption")
	// ErrKeyFile: the file is not one key of the kind that was asked for.
	ErrKeyFile = errors.New("not usable as key file")
	// ErrPassphrase: the private key is locked, and the passphrase is missing or wrong.
	ErrPassphrase = errors.New("the private key is locked")
	// ErrNotEncrypted: the file is something else than an encrypted message.
	ErrNotEncrypted = errors.New("not an encrypted message")
	// ErrTruncated: the end of the message is missing.
	ErrTruncated = errors.New("the message is cut short")
	// ErrTampered: the message is not as its sender made it, or nothing proves that it is.
	ErrTampered = errors.New("the message was changed or damaged on its way")
	// ErrTooLarge: the message or the key file is larger than any honest one.
	ErrTooLarge = errors.New("larger than any honest one")
)

const (
	// MaxRatio is how many bytes of plaintext a compressed message may hold for each byte
	// of its file. Files of records, blanks and all, stay below 50; deflate reaches 1,032
	// and bzip2 more, with content that was made for it.
	MaxRatio = 250
	// MaxKeyFile is how many bytes a key file may have.
	MaxKeyFile = 1 << 20

	freePlaintext = 1 << 20   // bytes that a compressed message may hold whatever its ratio
	maxPacket     = 1 << 20   // bytes of a packet that is read into memory
	maxRecipients = 64        // keys that one message may be encrypted to
	maxSignatures = 16        // signatures that one message may carry
	bufferSize    = 64 * 1024 // bytes
)

// The packet types that are told apart here (RFC 9580, section 5).
const (
	tagNone                = -1 // no packet begins here
	tagSessionKey          = 1  // encrypted to a public key
	tagSignature           = 2
	tagPassphraseKey       = 3 // session key encrypted with a passphrase
	tagOnePass             = 4 // announces a signature
	tagPrivateKey          = 5
	tagPublicKey           = 6
	tagPrivateSubkey       = 7
	tagCompressed          = 8
	tagUnprotected         = 9 // encrypted, without proof that nobody changed it
	tagMarker              = 10
	tagLiteral             = 11
	tagTrust               = 12
	tagUserID              = 13
	tagPublicSubkey        = 14
	tagUserAttribute       = 17
	tagProtected           = 18 // encrypted, with MDC or AEAD
	tagProtectedDraft      = 20 // encrypted with OCB, as GnuPG from 2.3 on does
	tagPadding             = 21
	newFormat         byte = 0x40
	packetFlag        byte = 0x80
)

// nextTag tells the type of the packet that begins at in. io.EOF says that nothing does.
func nextTag(in *bufio.Reader) (int, error) {
	first, err := in.Peek(1)
	switch {
	case err != nil:
		return tagNone, err
	case first[0]&packetFlag == 0:
		return tagNone, nil
	case first[0]&newFormat != 0:
		return int(first[0] & 0x3f), nil
	default:
		return int(first[0]&0x3f) >> 2, nil
	}
}

// keyID writes a key's id as GnuPG shows it with --keyid-format long.
func keyID(id uint64) string { return fmt.Sprintf("%016X", id) }
