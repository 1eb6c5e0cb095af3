package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A login and a socket in Chromium, behind nginx with the document's
// configuration, whose Host has lost its port: so a page of another port is
// taken for our own, as all servers of one host share their cookies anyway. A
// configuration that keeps the port tells them apart.
func TestLoginBehindNginx(t *testing.T) {
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, "<p>a prize</p>")
	}))
	defer foreign.Close()
	neighbour, elsewhere := foreign.URL, strings.Replace(foreign.URL, "127.0.0.1", "localhost", 1)
	s, port := serveSockets(t, "gramener.com"), freePort(t)
	config, ok := documented(t, s.url, "listen 127.0.0.1:"+port+";")
	if !ok {
		return
	}
	nginx(t, config, port)
	keeping := freePort(t)
	nginx(t, fill(t, config, "127.0.0.1:"+port, "127.0.0.1:"+keeping, "$host;", "$http_host;"), keeping)

	b := openBrowser(t)
	front := "http://127.0.0.1:" + port
	p := b.open(front + "/me")
	p.logIn("alice", "wonderland")
	p.wait("location.href === '" + front + "/me'")
	for port, want := range map[string]string{port: "alice", keeping: "closed"} {
		front, socket := "http://127.0.0.1:"+port, "ws://127.0.0.1:"+port+"/guarded"
		for page, want := range map[string]string{front + "/me": "alice", neighbour: want, elsewhere: "closed"} {
			p := b.open(page)
			p.excuse = "WebSocket connection to"
			if got := p.opens(socket); !strings.HasPrefix(got, want+" ") {
				t.Errorf("the page %s heard %q of %s, want %s", page, got, socket, want)
			}
			p.close()
		}
	}
}

// Who ends TLS makes no difference: nginx, whom Parley believes that it did, or
// Parley. The cookie is for HTTPS and this host alone.
func TestLoginOverTLS(t *testing.T) {
	dir := t.TempDir()
	certificate, key := selfSigned(t, dir)
	files := map[string]string{"gramex.yaml": strings.ReplaceAll(socketsApp, "NAMED", "gramener.com"), "app.star": socketsScript}
	fronts := map[string]string{
		"Parley": serve(t, app(t, files), "--listen.tls.cert="+certificate, "--listen.tls.key="+key).url,
	}
	port := freePort(t)
	if config, ok := documented(t, serve(t, app(t, files)).url, fmt.Sprintf(
		"listen 127.0.0.1:%s ssl; ssl_certificate %s; ssl_certificate_key %s;", port, certificate, key)); ok {
		nginx(t, config, port)
		fronts["nginx"] = "https://127.0.0.1:" + port
	}
	for who, front := range fronts {
		v := newVisitor(t, front)
		form := v.form("alice", "wonderland")
		answer, _ := v.send("/login", form, "Origin: "+front)
		cookies := answer.Cookies()
		if answer.StatusCode != 303 || len(cookies) != 1 {
			t.Errorf("%s: logging in: %s, cookies %v", who, answer.Status, cookies)
			continue
		}
		if c := cookies[0]; c.Name != "__Host-sid" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" {
			t.Errorf("%s: the cookie is %s", who, c)
		}
		for header, want := range map[string]string{
			"Origin: " + front: "alice",
			"Origin: " + strings.Replace(front, "https:", "http:", 1): "403", // a page that anybody on the way may have changed
			"Origin: https://evil.example":                            "403",
			"Cookie: sid=" + v.value():                                "401", // a page without TLS could have set that
		} {
			visitor := v
			if strings.HasPrefix(header, "Cookie") {
				visitor = newVisitor(t, front)
			}
			if got, _, _ := strings.Cut(visitor.hears("/guarded", header), " "); got != want {
				t.Errorf("%s: a socket with %q: %s, want %s", who, header, got, want)
			}
		}
		if answer, _ := v.send("/login", form, "Origin: "+strings.Replace(front, "https:", "http:", 1)); answer.StatusCode != 403 {
			t.Errorf("%s: a form of a page without TLS: %s, want 403", who, answer.Status)
		}
	}
}
