package session

import (
	"testing"
	"time"
)

// FuzzCookie: only what the Manager signs is accepted, in one spelling only.
func FuzzCookie(f *testing.F) {
	m := New(Options{Secret: []byte("for tests")})
	now := time.Unix(2_000_000_000, 0)
	valid := m.value(cookie{id: "AAAAAAAAAAAAAAAAAAAAAAAA", issued: now})
	for _, seed := range []string{
		valid, valid + "=", valid[1:], "", ".", "..", "AAAAAAAAAAAAAAAAAAAAAAAA.2000000000.",
		"AAAAAAAAAAAAAAAAAAAAAAAA.-1." + m.sign("AAAAAAAAAAAAAAAAAAAAAAAA.-1"),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		c, ok := m.parse(value, now)
		if ok && (value != m.value(c) || len(c.id) != idLen) {
			t.Errorf("accepted %q as %+v, which is written %q", value, c, m.value(c))
		}
	})
}
