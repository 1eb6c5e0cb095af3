package session_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley/internal/session"
)

func TestSetCookie(t *testing.T) {
	m := session.New(session.Options{Secret: []byte("x"), Cookie: "id", Expiry: time.Hour})
	s := open(t, m)
	defer s.Release()
	for _, secure := range []bool{false, true} {
		h := http.Header{}
		h.Add("Set-Cookie", "other=1")
		h.Add("Set-Cookie", "id=old")
		m.SetCookie(h, s, secure)
		lines := h["Set-Cookie"]
		if len(lines) != 2 || lines[0] != "other=1" {
			t.Fatalf("lines = %q, want the other and ours", lines)
		}
		c, err := http.ParseSetCookie(lines[1])
		if err != nil {
			t.Fatal(err)
		}
		if c.Name != "id" || c.Path != "/" || c.Domain != "" || c.MaxAge != 3600 || !c.HttpOnly ||
			c.SameSite != http.SameSiteLaxMode || c.Secure != secure || !strings.HasPrefix(c.Value, s.ID()+".") {
			t.Errorf("secure %v: %s", secure, lines[1])
		}
	}
}

func TestCookiesThatAreNotAdopted(t *testing.T) {
	m := newManager(nil)
	s := open(t, m)
	defer s.Release()
	valid := cookieOf(m, s)
	value := strings.TrimPrefix(valid, "sid=")
	parts := strings.Split(value, ".")
	otherName := session.New(session.Options{Secret: []byte("for tests"), Cookie: "other"})
	otherSecret := session.New(session.Options{Secret: []byte("another")})
	elsewhere := cookieOf(otherName, open(t, otherName))

	for name, cookies := range map[string][]string{
		"none":               {"a=b"},
		"empty":              {"sid="},
		"only an id":         {"sid=" + parts[0]},
		"no signature":       {"sid=" + parts[0] + "." + parts[1]},
		"empty signature":    {"sid=" + parts[0] + "." + parts[1] + "."},
		"dots":               {"sid=" + strings.Repeat(".", 60)},
		"padded":             {valid + "="},
		"longer":             {valid + "A"},
		"shorter":            {valid[:len(valid)-1]},
		"other spelling":     {valid[:len(valid)-1] + other(valid[len(valid)-1])},
		"other id":           {"sid=" + strings.Repeat("A", 24) + "." + parts[1] + "." + parts[2]},
		"other time":         {"sid=" + parts[0] + "." + parts[1] + "0." + parts[2]},
		"quoted":             {`sid="` + value + `"`},
		"other name":         {"sid=" + strings.TrimPrefix(elsewhere, "other=")},
		"other secret":       {cookieOf(otherSecret, open(t, otherSecret))},
		"letter case":        {"SID=" + value},
		"oversize":           {"sid=" + strings.Repeat("x", 1<<20)},
		"fixed by an attack": {"sid=attackers-choice"},
		"too many":           {strings.Repeat("sid=x; ", 10_000) + valid},
		"behind much of our": {strings.Repeat("sid=x; ", 20) + valid},
	} {
		t.Run(name, func(t *testing.T) {
			got := open(t, m, cookies...)
			defer got.Release()
			if !got.Fresh() || got.ID() == s.ID() || strings.Contains(strings.Join(cookies, ""), got.ID()) {
				t.Errorf("opened %s, fresh %v; want a new id", got.ID(), got.Fresh())
			}
		})
	}
	for name, cookies := range map[string][]string{
		"alone":             {valid},
		"among others":      {"a=b", valid, `c="d e"`, "broken"},
		"behind a bad one":  {"sid=garbage", valid},
		"in front of one":   {valid, "sid=garbage"},
		"two that are good": {valid, cookieOf(m, open(t, m))},
	} {
		t.Run(name, func(t *testing.T) {
			got := open(t, m, cookies...)
			defer got.Release()
			if got.Fresh() || got.ID() != s.ID() {
				t.Errorf("opened %s, fresh %v; want %s", got.ID(), got.Fresh(), s.ID())
			}
		})
	}
}

// other returns another base64 digit that differs from c in the last bit only.
func other(c byte) string {
	const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return string(digits[strings.IndexByte(digits, c)^1])
}

func TestCookiesExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newManager(nil)
		s := open(t, m)
		sid := cookieOf(m, s)
		s.Release()
		for _, step := range []struct {
			sleep time.Duration
			valid bool
		}{{0, true}, {31*24*time.Hour - time.Second, true}, {time.Second, false}} {
			time.Sleep(step.sleep)
			got := open(t, m, sid)
			if valid := got.ID() == s.ID() && !got.Fresh(); valid != step.valid {
				t.Errorf("valid after another %v: %v, want %v", step.sleep, valid, step.valid)
			}
			got.Release()
		}
	})
}

func TestCookieFromTheFuture(t *testing.T) {
	for ahead, valid := range map[time.Duration]bool{30 * time.Second: true, 2 * time.Minute: false} {
		var sid string
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(ahead)
			m := newManager(nil)
			sid = cookieOf(m, open(t, m))
		})
		synctest.Test(t, func(t *testing.T) { // begins at the same time as the other
			if got := open(t, newManager(nil), sid); got.Fresh() == valid {
				t.Errorf("issued %v ahead: fresh %v, want %v", ahead, got.Fresh(), !valid)
			}
		})
	}
}
