package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
)

// A signer signs one text at a time. Making one takes longer than signing, so
// the Manager keeps them.
type signer struct {
	macs []hash.Hash // of each secret
	text []byte      // what is signed: purpose, the cookie's name, and the text
	head int         // how much of it is the same for all texts
	sum  [sha256.Size]byte
}

func newSigner(secrets [][]byte, cookie string) *signer {
	head := "parley session cookie\x00" + cookie + "\x00"
	s := &signer{text: []byte(head), head: len(head)}
	for _, secret := range secrets {
		s.macs = append(s.macs, hmac.New(sha256.New, secret))
	}
	return s
}

// appendSignature appends the signature of s.text.
func (s *signer) appendSignature(b []byte, mac hash.Hash) []byte {
	mac.Reset()
	mac.Write(s.text)
	return base64.RawURLEncoding.AppendEncode(b, mac.Sum(s.sum[:0]))
}

// appendSignature appends the signature of signed with the first secret.
func (m *Manager) appendSignature(b, signed []byte) []byte {
	s := m.signers.Get().(*signer)
	defer m.signers.Put(s)
	s.text = append(s.text[:s.head], signed...)
	return s.appendSignature(b, s.macs[0])
}

// verify reports whether one of the secrets has signed; old, if it is not the
// first.
func (m *Manager) verify(signed, signature string) (old, ok bool) {
	s := m.signers.Get().(*signer)
	defer m.signers.Put(s)
	s.text = append(s.text[:s.head], signed...)
	var b [signLen]byte
	for i, mac := range s.macs {
		if hmac.Equal([]byte(signature), s.appendSignature(b[:0], mac)) {
			return i > 0, true
		}
	}
	return false, false
}
