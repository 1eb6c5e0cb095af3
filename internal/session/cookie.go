package session

import (
	"net/http"
	"slices"
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
// covers the name in Options too.
type cookie struct {
	id     string // may be a part of the request's header
	issued time.Time
	old    bool // signed with another secret than the first
}

// hostPrefix begins the name of a cookie that only the very host which sets it
// can set, over HTTPS: browsers see to that (RFC 6265bis, section 4.1.3.2).
const hostPrefix = "__Host-"

// A form is what the cookie looks like over HTTP, or over HTTPS.
type form struct {
	named string // its name and "="
	tail  string // what follows the value in the Set-Cookie line
}

// newForm makes the form of opt. Over HTTPS a cookie without a domain has the
// prefix: nobody on another host of the domain can plant one in a browser.
func newForm(opt Options, secure bool) form {
	c := http.Cookie{
		Name:     opt.Cookie,
		Value:    "x",
		Domain:   opt.Domain,
		Path:     "/",
		MaxAge:   int(opt.Expiry / time.Second),
		Secure:   secure,
		HttpOnly: true,
		SameSite: http.SameSiteLaxMode,
	}
	if secure && c.Domain == "" && !strings.HasPrefix(c.Name, hostPrefix) {
		c.Name = hostPrefix + c.Name
	}
	return form{named: c.Name + "=", tail: strings.TrimPrefix(c.String(), c.Name+"=x")}
}

func (m *Manager) form(secure bool) *form {
	if secure {
		return &m.secure
	}
	return &m.plain
}

// isSecure reports whether r came over HTTPS.
func isSecure(r *http.Request) bool { return r.URL != nil && r.URL.Scheme == "https" }

// SetCookie adds the Set-Cookie line that gives s to the browser, good for the
// whole expiry from now; it replaces an earlier one of the same name. secure
// belongs to pages that came over HTTPS. In the header of a page (see Pages)
// the last SetCookie wins, also for a later Open of that request.
func (m *Manager) SetCookie(h http.Header, s *Session, secure bool) {
	m.setCookie(h, s.ID(), secure)
	if !s.fresh {
		m.touch(s.ID())
	}
}

func (m *Manager) setCookie(h http.Header, id string, secure bool) {
	m.dropCookie(h, secure)
	h["Set-Cookie"] = append(h["Set-Cookie"], m.line(id, secure))
}

// dropCookie takes the session's cookie out of h.
func (m *Manager) dropCookie(h http.Header, secure bool) {
	if !m.hasCookie(h, secure) {
		return
	}
	var others []string
	for _, line := range h["Set-Cookie"] {
		if !strings.HasPrefix(line, m.form(secure).named) {
			others = append(others, line)
		}
	}
	h["Set-Cookie"] = others
}

// line returns what stands behind Set-Cookie.
func (m *Manager) line(id string, secure bool) string {
	f := m.form(secure)
	var b [256]byte
	line := append(b[:0], f.named...)
	line = m.appendValue(line, id, time.Now())
	line = append(line, f.tail...)
	return string(line)
}

// hasCookie reports whether h already sets the session's cookie.
func (m *Manager) hasCookie(h http.Header, secure bool) bool {
	for _, line := range h["Set-Cookie"] {
		if strings.HasPrefix(line, m.form(secure).named) {
			return true
		}
	}
	return false
}

// toldIn returns the id that h gives to the browser, or "".
func (m *Manager) toldIn(h http.Header, secure bool) string {
	for _, line := range slices.Backward(h["Set-Cookie"]) {
		value, ours := strings.CutPrefix(line, m.form(secure).named)
		if !ours {
			continue
		}
		value, _, _ = strings.Cut(value, ";")
		if c, ok := m.parse(value, time.Now()); ok {
			return c.id
		}
	}
	return ""
}

// readCookie returns the first valid session cookie of r; over HTTPS only the
// name for that counts. A browser sends several of one name if some were set
// for other paths or for the domain above; it puts those that fit best first.
func (m *Manager) readCookie(r *http.Request) (cookie, bool) {
	lines := r.Header["Cookie"]
	if len(lines) == 0 {
		return cookie{}, false
	}
	named := m.form(isSecure(r)).named
	now, tried := time.Now(), 0
	for _, line := range lines {
		for line != "" {
			var pair string
			pair, line, _ = strings.Cut(line, ";")
			value, ours := strings.CutPrefix(strings.Trim(pair, " \t"), named)
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
	old, ok := m.verify(signed, signature)
	if !ok {
		return cookie{}, false
	}
	seconds, err := strconv.ParseInt(signed[idLen+1:], 10, 64)
	if err != nil {
		return cookie{}, false
	}
	c := cookie{id: signed[:idLen], issued: time.Unix(seconds, 0), old: old}
	age := now.Sub(c.issued)
	return c, age > -skew && age < m.expiry
}
