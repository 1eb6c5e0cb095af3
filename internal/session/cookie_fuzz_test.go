package session

import (
	"testing"
	"time"
)

// FuzzCookie: only what the Manager signs is accepted, in one spelling only.
func FuzzCookie(f *testing.F) {
	m := New(Options{Secrets: [][]byte{[]byte("for tests")}})
	now := time.Unix(2_000_000_000, 0)
	const id = "AAAAAAAAAAAAAAAAAAAAAAAA"
	value := func(c cookie) string { return string(m.appendValue(nil, c.id, c.issued)) }
	valid := value(cookie{id: id, issued: now})
	for _, seed := range []string{
		valid, valid + "=", valid[1:], "", ".", "..", id + ".2000000000.",
		id + ".-1." + string(m.appendSignature(nil, []byte(id+".-1"))),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, ok := m.parse(text, now)
		if ok && (text != value(c) || len(c.id) != idLen) {
			t.Errorf("accepted %q as %+v, which is written %q", text, c, value(c))
		}
	})
}
