package e2e_test

import (
	"regexp"
	"strings"
	"testing"
)

// Who guesses passwords has to wait, soon for longer than a browser would. The
// owner of the name, elsewhere, does not; and a while later it is all forgiven.
func TestGuessingPasswords(t *testing.T) {
	write := func(delay string) string {
		return app(t, map[string]string{"gramex.yaml": strings.Replace(loginApp, "mallory: evil}", "mallory: evil}\n      delay: "+delay, 1)})
	}
	s := serve(t, write("[0, 60]"))
	v, elsewhere := s.visitor(), s.visitor()
	tries := func(v *visitor, user, password, address string, want int) {
		t.Helper()
		answer, text := v.send("/login", v.form(user, password), "X-Real-Ip: "+address)
		if answer.StatusCode != want {
			t.Errorf("%s tries %s from %s: %s, want %d", user, password, address, answer.Status, want)
		}
		if want == 429 && (answer.Header.Get("Retry-After") == "" || !strings.Contains(text, "Too many attempts.")) {
			t.Errorf("429 says %v\n%s", answer.Header, text)
		}
	}
	tries(v, "alice", "guess-number-one", "192.0.2.1", 401)
	tries(v, "alice", "guess-number-two", "192.0.2.1", 401)
	tries(v, "alice", "guess-number-three", "192.0.2.1", 429)
	tries(v, "alice", "wonderland", "192.0.2.1", 429) // nor does one learn that it is right
	tries(s.visitor(), "alice", "guess-number-four", "192.0.2.1", 429)
	tries(v, "mallory", "evil", "192.0.2.1", 303)
	tries(elsewhere, "alice", "wonderland", "192.0.2.2", 303)
	s.logged(regexp.MustCompile(`msg="login failed" endpoint=login user=alice remote=192\.0\.2\.1:0 reason="wrong password"`))
	s.logged(regexp.MustCompile(`msg="too many logins tried" endpoint=login remote=192\.0\.2\.1`))
	for _, secret := range []string{"guess-number", "wonderland"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}

	// With a short delay, an attempt is held until its turn.
	s = serve(t, write("[0, 500ms]"))
	v = s.visitor()
	for range 3 {
		tries(v, "alice", "guess", "192.0.2.1", 401)
	}
	tries(v, "alice", "wonderland", "192.0.2.1", 303)
}
