package e2e_test

import (
	"strings"
	"testing"
)

// An attacker has planted a good cookie of his own in the browser of somebody
// who then logs in: he gets nothing by it, now and after a restart.
func TestPlantedSession(t *testing.T) {
	dir, data := app(t, map[string]string{
		"gramex.yaml": strings.ReplaceAll(socketsApp, "NAMED", "localhost"), "app.star": socketsScript,
	}), t.TempDir()
	atOnce := []string{"--drain.over=0"} // sockets are left open
	s := start(t, launch{dir: dir, data: data, args: atOnce})
	attacker, victim := s.visitor(), s.visitor()
	_, planted := attacker.get("/session")
	if !strings.HasPrefix(planted, "nobody ") {
		t.Fatalf("the attacker's session is %q", planted)
	}
	cookie := attacker.cookie()
	victim.plant(cookie)
	if got := victim.hears("/open"); got != planted {
		t.Fatalf("the victim's session is %q, want the planted %q", got, planted)
	}
	listening, err := attacker.open("/open")
	if err != nil {
		t.Fatal(err)
	}
	listening.expect(planted)

	victim.logIn("alice", "wonderland")
	own := victim.hears("/guarded")
	if who, id, _ := strings.Cut(own, " "); who != "alice" || strings.HasSuffix(planted, id) {
		t.Errorf("after the login the victim's session is %q, the planted one was %q", own, planted)
	}
	listening.say("who am I?")
	listening.expect(planted)

	worthless := func(when string) {
		t.Helper()
		v := newVisitor(t, s.url)
		v.plant(cookie)
		if got := v.hears("/guarded", "Cookie: "+cookie); got != "401" {
			t.Errorf("%s, the planted cookie at a socket with auth: %s, want 401", when, got)
		}
		if status, text := v.get("/me"); status != 302 {
			t.Errorf("%s, the planted cookie at a page with auth: %d %q", when, status, text)
		}
		if got := v.hears("/open", "Cookie: "+cookie); !strings.HasPrefix(got, "nobody ") || got == planted {
			t.Errorf("%s, the planted cookie at a socket without: %q; want nobody, and another session than %q", when, got, planted)
		}
		if got := victim.hears("/guarded"); got != own {
			t.Errorf("%s, the victim is %q, want %q", when, got, own)
		}
	}
	worthless("after the login")
	s.stop()
	s = start(t, launch{dir: dir, data: data, port: s.port(), args: atOnce})
	worthless("after a restart")

	// Who has a cookie from before a logout has nothing, either.
	cookie = victim.cookie()
	if answer, _ := victim.ask("POST", "/logout", ""); answer.StatusCode != 303 {
		t.Fatalf("logging out: %s", answer.Status)
	}
	planted = own
	victim.logIn("alice", "wonderland")
	own = victim.hears("/guarded")
	worthless("after the logout")
	s.kill()
	s = start(t, launch{dir: dir, data: data, port: s.port(), args: atOnce})
	worthless("after a crash")
}

// Cookies that somebody has worked on are none.
func TestTamperedCookies(t *testing.T) {
	s := serveSockets(t, "localhost")
	alice, mallory := s.visitor(), s.visitor()
	alice.logIn("alice", "wonderland")
	mallory.logIn("mallory", "evil")
	mine, good := strings.Split(mallory.value(), "."), alice.value()
	parts := strings.Split(good, ".")
	flip := map[bool]string{true: "B", false: "A"}[good[0] == 'A']
	for name, value := range map[string]string{
		"another id":         parts[0][1:] + flip + "." + parts[1] + "." + parts[2],
		"her id in his":      parts[0] + "." + mine[1] + "." + mine[2],
		"a later time":       parts[0] + ".9" + parts[1][1:] + "." + parts[2],
		"no signature":       parts[0] + "." + parts[1],
		"half a signature":   good[:len(good)-20],
		"an empty signature": parts[0] + "." + parts[1] + ".",
		"only an id":         parts[0],
		"more":               good + "A",
		"padding":            good + "=",
		"quotes":             `"` + good + `"`,
		"a percent":          strings.Replace(good, ".", "%2e", 1),
		"8 KiB":              good + strings.Repeat("A", 8<<10),
		"8 KiB of dots":      strings.Repeat(".", 8<<10),
		"60 KiB":             strings.Repeat("sid=x; ", 8_000) + "sid=" + good[1:],
		"not ASCII":          "\u00fc" + good,
		"nothing":            "",
	} {
		v := newVisitor(t, s.url)
		if got := v.hears("/guarded", "Cookie: sid="+value); got != "401" {
			t.Errorf("%s: %s, want 401", name, got)
		}
		if status, _ := v.get("/me", "Cookie: sid="+value); status != 302 {
			t.Errorf("%s: a page answers %d, want the login", name, status)
		}
	}
	for _, size := range []int{70 << 10, 2 << 20} {
		got, _ := answers(t, s.wire("GET /me HTTP/1.1\r\nHost: x\r\nCookie: sid="+strings.Repeat("A", size)+"\r\n\r\n"), "GET")
		if len(got) > 1 || len(got) == 1 && got[0].StatusCode != 431 {
			t.Errorf("a cookie of %d octets: %v, want 431", size, got)
		}
	}
	if got := alice.hears("/guarded"); !strings.HasPrefix(got, "alice ") {
		t.Errorf("alice's own cookie: %q", got)
	}
}
