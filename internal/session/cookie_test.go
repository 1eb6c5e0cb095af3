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
	for name, test := range map[string]struct {
		opt    session.Options
		secure bool
		cookie string
		domain string
	}{
		"http":                {session.Options{Cookie: "id"}, false, "id", ""},
		"https":               {session.Options{Cookie: "id"}, true, "__Host-id", ""},
		"https, default name": {session.Options{}, true, "__Host-sid", ""},
		"https, has a prefix": {session.Options{Cookie: "__Host-id"}, true, "__Host-id", ""},
		"domain":              {session.Options{Cookie: "id", Domain: "example.com"}, false, "id", "example.com"},
		"domain, https":       {session.Options{Cookie: "id", Domain: "example.com"}, true, "id", "example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			test.opt.Secrets, test.opt.Expiry = [][]byte{[]byte("x")}, time.Hour
			m := session.New(test.opt)
			s := open(t, m)
			defer s.Release()
			h := http.Header{}
			h.Add("Set-Cookie", "other=1")
			h.Add("Set-Cookie", test.cookie+"=old")
			m.SetCookie(h, s, test.secure)
			lines := h["Set-Cookie"]
			if len(lines) != 2 || lines[0] != "other=1" {
				t.Fatalf("lines = %q, want the other and ours", lines)
			}
			c, err := http.ParseSetCookie(lines[1])
			if err != nil {
				t.Fatal(err)
			}
			if c.Name != test.cookie || c.Path != "/" || c.Domain != test.domain || c.MaxAge != 3600 || !c.HttpOnly ||
				c.SameSite != http.SameSiteLaxMode || c.Secure != test.secure || !strings.HasPrefix(c.Value, s.ID()+".") {
				t.Errorf("line = %s", lines[1])
			}
		})
	}
}

// TestNamesOfTheCookie: over HTTPS nobody on another host of the domain can
// plant an id.
func TestNamesOfTheCookie(t *testing.T) {
	host := newManager(nil)
	domain := session.New(session.Options{Secrets: [][]byte{[]byte("for tests")}, Domain: "example.com"})
	for _, test := range []struct {
		manager *session.Manager
		scheme  string
		name    string
		read    bool
	}{
		{host, "http", "sid", true},
		{host, "http", "__Host-sid", false},
		{host, "", "sid", true},
		{host, "https", "sid", false},
		{host, "https", "__Host-sid", true},
		{host, "https", "__host-sid", false},
		{host, "https", "__Secure-sid", false},
		{domain, "http", "sid", true},
		{domain, "https", "sid", true},
		{domain, "https", "__Host-sid", false},
	} {
		s := open(t, test.manager)
		value := strings.TrimPrefix(cookieOf(test.manager, s), "sid=")
		r := request(test.name + "=" + value)
		r.URL.Scheme = test.scheme
		got := mustOpen(t, test.manager, r)
		if read := got.ID() == s.ID() && !got.Fresh(); read != test.read {
			t.Errorf("domain %v, %q: %s read = %v, want %v", test.manager == domain, test.scheme, test.name, read, test.read)
		}
		got.Release()
		s.Release()
	}
}

// TestPlantedCookieOverHTTPS: what another host sets does not get in the way of
// the browser's own.
func TestPlantedCookieOverHTTPS(t *testing.T) {
	m := newManager(nil)
	victim, attacker := open(t, m), open(t, m)
	defer victim.Release()
	defer attacker.Release()
	r := request(cookieOf(m, attacker), "__Host-"+cookieOf(m, victim))
	r.URL.Scheme = "https"
	got := mustOpen(t, m, r)
	defer got.Release()
	if got.ID() != victim.ID() {
		t.Errorf("opened %s, want the session of the browser", got.ID())
	}
	r = request(cookieOf(m, attacker))
	r.URL.Scheme = "https"
	w := page(m, r, func(http.ResponseWriter, *http.Request) {})
	if c := w.Cookies(); len(c) != 1 || c[0].Name != "__Host-sid" || strings.HasPrefix(c[0].Value, attacker.ID()) {
		t.Errorf("the page sets %v, want a new __Host-sid", c)
	}
}

func TestSecretsRotate(t *testing.T) {
	with := func(secrets ...string) *session.Manager {
		opt := session.Options{}
		for _, secret := range secrets {
			opt.Secrets = append(opt.Secrets, []byte(secret))
		}
		return session.New(opt)
	}
	before, during, after := with("one"), with("two", "zero", "one"), with("two")
	s := open(t, before)
	old := cookieOf(before, s)
	for name, test := range map[string]struct {
		manager *session.Manager
		cookie  string
		good    bool
	}{
		"new secret, old cookie":  {after, old, false},
		"both, old cookie":        {during, old, true},
		"both, cookie of both":    {during, cookieOf(during, s), true},
		"new, cookie of both":     {after, cookieOf(during, s), true},
		"old, cookie of both":     {before, cookieOf(during, s), false},
		"both, of another secret": {during, cookieOf(with("three"), s), false},
		"other order":             {with("one", "two"), cookieOf(after, s), true},
	} {
		got := open(t, test.manager, test.cookie)
		if good := got.ID() == s.ID() && !got.Fresh(); good != test.good {
			t.Errorf("%s: accepted %v, want %v", name, good, test.good)
		}
		got.Release()
	}
}

func TestCookiesThatAreNotAdopted(t *testing.T) {
	m := newManager(nil)
	s := open(t, m)
	defer s.Release()
	valid := cookieOf(m, s)
	value := strings.TrimPrefix(valid, "sid=")
	parts := strings.Split(value, ".")
	otherName := session.New(session.Options{Secrets: [][]byte{[]byte("for tests")}, Cookie: "other"})
	otherSecret := session.New(session.Options{Secrets: [][]byte{[]byte("another")}})
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
