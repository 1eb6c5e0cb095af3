package e2e_test

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// While the issuer's keys cannot be had, nobody can be told from anybody: that
// is 503, not 401. When they can, sockets open without a restart.
func TestJWKSIsDown(t *testing.T) {
	t.Parallel() // it mostly waits
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	var up atomic.Bool
	issuer := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if !up.Load() {
			http.Error(w, "secret-of-the-issuer", http.StatusBadGateway)
			return
		}
		fmt.Fprintf(w, `{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":%q}]}`, encode(public))
	}))
	defer issuer.Close()
	s := serve(t, app(t, map[string]string{"gramex.yaml": `
url:
  news:
    pattern: /news
    handler: WebSocketHandler
    kwargs: {open: handler.write_message(handler.current_user.id), token: {jwks: "` + issuer.URL + `/keys?key=secret-of-ours", audience: news}}
`}))
	token := encode([]byte(`{"alg":"EdDSA","kid":"a"}`)) + "." +
		encode(fmt.Appendf(nil, `{"sub":"alice","aud":"news","exp":%d}`, time.Now().Add(time.Hour).Unix()))
	token += "." + encode(ed25519.Sign(private, []byte(token)))
	bearer := "Authorization: Bearer " + token

	v := s.visitor()
	c, err := v.open("/news", bearer)
	if err == nil || c.response == nil || c.response.StatusCode != 503 || c.response.Header.Get("Retry-After") == "" {
		t.Fatalf("while the keys cannot be had: %v, want 503 with Retry-After", err)
	}
	if said := slurp(t, c.response.Body); !strings.Contains(said, "not available now") || strings.Contains(said, "issuer") {
		t.Errorf("the answer is %q", said)
	}
	s.logged(regexp.MustCompile(`token not verified.*` + regexp.QuoteMeta(issuer.URL) + `/keys: `))
	for _, bad := range []string{"Authorization: Bearer " + jwt(tokenSecret, "alice", `,"aud":"news"`), "Authorization: Bearer x"} {
		if got := v.hears("/news", bad); got != "401" {
			t.Errorf("a token that no key could make good: %s, want 401", got)
		}
	}

	up.Store(true)
	eventually(t, "the keys are had", func() bool { return v.hears("/news", bearer) != "503" })
	if got := v.hears("/news", bearer); got != "alice" {
		t.Errorf("then: %q, want alice", got)
	}
	if got := v.hears("/news", bearer[:len(bearer)-5]+"AAAAA"); got != "401" {
		t.Errorf("another signature: %q, want 401", got)
	}
	for _, secret := range []string{"secret-of-ours", "secret-of-the-issuer", token[:100]} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("the log has %q", secret)
		}
	}
}
