package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const (
	idBytes  = 18 // 144 bits: no id is guessed, and base64 has no spare bits
	idLen    = 24 // octets of an id in the cookie
	signLen  = 43 // octets of a signature in the cookie
	maxValue = idLen + 1 + 11 + 1 + signLen

	maxTried = 8           // cookies of our name that are looked at
	skew     = time.Minute // how far in the future a cookie may seem to be issued
)

// A cookie is what a valid value says: `id.issued.signature`, where issued is
// in seconds since 1970, and the signature (HMAC-SHA256 in URL-safe base64)
// covers the cookie's name too.
type cookie struct {
	id     string // may be a part of the request's header
	issued time.Time
}

// SetCookie adds the Set-Cookie line that gives s to the browser, good for the
// whole expiry from now; it replaces an earlier one of the same name. secure
// belongs to pages that came over HTTPS.
func (m *Manager) SetCookie(h http.Header, s *Session, secure bool) {
	m.setCookie(h, s.ID(), secure)
	if !s.fresh {
		m.touch(s.ID())
	}
}

func (m *Manager) setCookie(h http.Header, id string, secure bool) {
	lines := h["Set-Cookie"]
	if m.hasCookie(h) {
		lines = nil
		for _, line := range h["Set-Cookie"] {
			if !strings.HasPrefix(line, m.named) {
				lines = append(lines, line)
			}
		}
	}
	h["Set-Cookie"] = append(lines, m.line(id, secure))
}

// line returns what stands behind Set-Cookie.
func (m *Manager) line(id string, secure bool) string {
	var b [256]byte
	line := append(b[:0], m.named...)
	line = m.appendValue(line, id, time.Now())
	if secure {
		line = append(line, m.tailSecure...)
	} else {
		line = append(line, m.tail...)
	}
	return string(line)
}

// cookieTail returns what follows the value in the Set-Cookie line.
func cookieTail(opt Options, secure bool) string {
	c := http.Cookie{
		Name:     opt.Cookie,
		Value:    "x",
		Path:     "/",
		MaxAge:   int(opt.Expiry / time.Second),
		Secure:   secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
	return strings.TrimPrefix(c.String(), opt.Cookie+"=x")
}

// hasCookie reports whether h already sets the session's cookie.
func (m *Manager) hasCookie(h http.Header) bool {
	for _, line := range h["Set-Cookie"] {
		if strings.HasPrefix(line, m.named) {
			return true
		}
	}
	return false
}

// readCookie returns the first valid session cookie of r. A browser sends
// several of one name if some were set for other paths or for the domain above;
// it puts those that fit best first.
func (m *Manager) readCookie(r *http.Request) (cookie, bool) {
	lines := r.Header["Cookie"]
	if len(lines) == 0 {
		return cookie{}, false
	}
	now, tried := time.Now(), 0
	for _, line := range lines {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			value, ours := strings.CutPrefix(strings.Trim(pair, " \t"), m.named)
			if !ours {
				continue
			}
			if found, ok := m.parse(value, now); ok {
				return found, true
			}
			if tried++; tried == maxTried {
				return cookie{}, false
			}
		}
	}
	return cookie{}, false
}

// appendValue appends the cookie's text. There is only one for each cookie.
func (m *Manager) appendValue(b []byte, id string, issued time.Time) []byte {
	start := len(b)
	b = append(b, id...)
	b = append(b, '.')
	b = strconv.AppendInt(b, issued.Unix(), 10)
	signed := b[start:]
	return m.appendSignature(append(b, '.'), signed)
}

// parse accepts only what appendValue makes, for a cookie that is good at now.
func (m *Manager) parse(value string, now time.Time) (cookie, bool) {
	if len(value) > maxValue {
		return cookie{}, false
	}
	at := strings.LastIndexByte(value, '.')
	if at <= idLen || value[idLen] != '.' {
		return cookie{}, false
	}
	signed, signature := value[:at], value[at+1:]
	var b [signLen]byte
	if !hmac.Equal([]byte(signature), m.appendSignature(b[:0], []byte(signed))) {
		return cookie{}, false
	}
	seconds, err := strconv.ParseInt(signed[idLen+1:], 10, 64)
	if err != nil {
		return cookie{}, false
	}
	c := cookie{id: signed[:idLen], issued: time.Unix(seconds, 0)}
	age := now.Sub(c.issued)
	return c, age > -skew && age < m.expiry
}

// A signer signs one text at a time.
type signer struct {
	mac  hash.Hash
	text []byte // what is signed: purpose, the cookie's name, and the text
	head int    // how much of it is the same for all texts
	sum  [sha256.Size]byte
}

func newSigner(secret []byte, cookie string) *signer {
	head := "parley session cookie\x00" + cookie + "\x00"
	return &signer{mac: hmac.New(sha256.New, secret), text: []byte(head), head: len(head)}
}

// appendSignature appends the signature of signed. Making a signer takes longer
// than signing, so they are kept.
func (m *Manager) appendSignature(b, signed []byte) []byte {
	s := m.signers.Get().(*signer)
	defer m.signers.Put(s)
	s.mac.Reset()
	s.text = append(s.text[:s.head], signed...)
	s.mac.Write(s.text)
	return base64.RawURLEncoding.AppendEncode(b, s.mac.Sum(s.sum[:0]))
}
