package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
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
	id     string
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
	c := http.Cookie{
		Name:     m.cookie,
		Value:    m.value(cookie{id, time.Now()}),
		Path:     "/",
		MaxAge:   int(m.expiry / time.Second),
		Secure:   secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
	var lines []string
	for _, line := range h["Set-Cookie"] {
		if !strings.HasPrefix(line, m.cookie+"=") {
			lines = append(lines, line)
		}
	}
	h["Set-Cookie"] = append(lines, c.String())
}

// hasCookie reports whether h already sets the session's cookie.
func (m *Manager) hasCookie(h http.Header) bool {
	for _, line := range h["Set-Cookie"] {
		if strings.HasPrefix(line, m.cookie+"=") {
			return true
		}
	}
	return false
}

// readCookie returns the first valid session cookie of r. A browser sends
// several of one name if some were set for other paths or for the domain above;
// it puts those that fit best first.
func (m *Manager) readCookie(r *http.Request) (cookie, bool) {
	if len(r.Header["Cookie"]) == 0 {
		return cookie{}, false
	}
	now := time.Now()
	for i, c := range r.CookiesNamed(m.cookie) {
		if i == maxTried {
			break
		}
		if found, ok := m.parse(c.Value, now); ok && !c.Quoted {
			return found, true
		}
	}
	return cookie{}, false
}

// value is the cookie's text. There is only one for each cookie.
func (m *Manager) value(c cookie) string {
	signed := c.id + "." + strconv.FormatInt(c.issued.Unix(), 10)
	return signed + "." + m.sign(signed)
}

func (m *Manager) sign(signed string) string {
	h := hmac.New(sha256.New, m.secret)
	h.Write([]byte("parley session cookie\x00" + m.cookie + "\x00" + signed))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// parse accepts only what value makes, for a cookie that is good at now.
func (m *Manager) parse(value string, now time.Time) (cookie, bool) {
	if len(value) > maxValue {
		return cookie{}, false
	}
	at := strings.LastIndexByte(value, '.')
	if at <= idLen || value[idLen] != '.' {
		return cookie{}, false
	}
	signed, signature := value[:at], value[at+1:]
	if !hmac.Equal([]byte(signature), []byte(m.sign(signed))) {
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
