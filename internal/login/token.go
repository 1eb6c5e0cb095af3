package login

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
)

// tokens makes and checks the tokens of forms: a foreign page cannot send one
// that is right for the session of the browser that sends it. They do not
// expire by themselves: the session's id does.
type tokens struct {
	key []byte // set by newTokens, then read-only
}

const (
	nonceBytes = 16
	tokenBytes = nonceBytes + sha256.Size
)

func newTokens(secret []byte) tokens {
	return tokens{mac(secret, "parley login form")}
}

// make returns a new token for a session. Each has its own random part, so that
// what is compressed on its way does not give it away (BREACH).
func (t tokens) make(session string) string {
	token := make([]byte, nonceBytes, tokenBytes)
	rand.Read(token) // never fails
	token = append(token, t.sign(token, session)...)
	return base64.RawURLEncoding.EncodeToString(token)
}

func (t tokens) valid(text, session string) bool {
	if len(text) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return false
	}
	token, err := base64.RawURLEncoding.Strict().DecodeString(text)
	return err == nil && hmac.Equal(token[nonceBytes:], t.sign(token[:nonceBytes], session))
}

func (t tokens) sign(nonce []byte, session string) []byte {
	return mac(t.key, "token\x00"+string(nonce)+session)
}

// number is one that nobody can predict, always the same for a name.
func (t tokens) number(name string) uint64 {
	return binary.BigEndian.Uint64(mac(t.key, "name\x00"+name))
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
