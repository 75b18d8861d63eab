package batch

import (
	"cmp"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"strconv"
)

// Identifiers are types of their own where a mix-up would cost money.
// All are text: leading zeros count.
type (
	MerchantID    string // as in the header record of a file
	ContractID    string // acceptance contract, AN50
	FileRef       string // the merchant's reference of a file, AN50
	LineRef       string // the merchant's reference of a request, AN50; unique per merchant for 400 days
	WalletID      string // chosen by the merchant, AN50, one buyer each
	TransactionID string // AN50, as reported in a RESULT and named by a follow-up line
	AgreementID   string // AN100, a series of stored-credential payments
	GatewayName   string // a configured account at a processor
)

// FileID numbers a file within one store. It never leaves the installation.
type FileID int64

func (id FileID) String() string { return strconv.FormatInt(int64(id), 10) }

// LineAddress names one line of one file within a store.
type LineAddress struct {
	File FileID
	No   int // 1-based physical line number
}

// CompareAddresses orders addresses by file and line.
func CompareAddresses(a, b LineAddress) int {
	return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.No, b.No))
}

// Key identifies one attempt at a gateway: 26 characters of lower-case base 32
// (a to z, 2 to 7). It is a pure function of merchant, line reference and attempt
// number, so a restarted program finds again what it may have sent.
type Key string

// KeyLen is the length of every Key.
const KeyLen = 26

var keyEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// NewKey derives the key of an attempt; attempt counts from 1.
func NewKey(merchant MerchantID, ref LineRef, attempt int) Key {
	h := sha256.New()
	h.Write([]byte("cardbatch attempt key v1"))
	for _, part := range []string{string(merchant), string(ref)} {
		var size [4]byte
		binary.BigEndian.PutUint32(size[:], uint32(len(part)))
		h.Write(size[:])
		h.Write([]byte(part))
	}
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(attempt))
	h.Write(n[:])
	return Key(keyEncoding.EncodeToString(h.Sum(nil)[:16]))
}

// BatchName names a batch of attempts after the keys in it, in their order: 26 characters
// of lower-case base 32. A restarted program finds the batch again.
func BatchName(keys []Key) string {
	h := sha256.New()
	h.Write([]byte("cardbatch batch name v1"))
	for _, key := range keys {
		h.Write([]byte(key))
	}
	return keyEncoding.EncodeToString(h.Sum(nil)[:16])
}
