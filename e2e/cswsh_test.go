package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
)

// socketsApp has sockets that say who opened them, in every setting of auth and
// origins. NAMED is an origin.
const socketsApp = loginApp + `
  open:
    pattern: /open
    handler: WebSocketHandler
    kwargs: {open: app.opened, on_message: handler.write_message(app.who(handler))}
  guarded:
    pattern: /guarded
    handler: WebSocketHandler
    kwargs: {open: app.opened, auth: true}
  everybody:
    pattern: /everybody
    handler: WebSocketHandler
    kwargs: {open: app.opened, auth: true, origins: "*"}
  named:
    pattern: /named
    handler: WebSocketHandler
    kwargs: {open: app.opened, auth: true, origins: NAMED}
  listed:
    pattern: /listed
    handler: WebSocketHandler
    kwargs: {open: app.opened, origins: NAMED}
  session:
    pattern: /session
    handler: FunctionHandler
    kwargs: {function: app.who}
`

const socketsScript = `
def who(handler):
    return (handler.current_user or {"id": "nobody"})["id"] + " " + handler.session["id"]

def opened(handler):
    print("opened by", who(handler))
    handler.write_message(who(handler))
`

func serveSockets(t *testing.T, named string) *server {
	t.Helper()
	return serve(t, app(t, map[string]string{
		"gramex.yaml": strings.ReplaceAll(socketsApp, "NAMED", named),
		"app.star":    socketsScript,
	}))
}

// opens has the page open a socket, and returns what that heard first, or
// "closed" and its code.
func (p *tab) opens(url string) string {
	p.t.Helper()
	evaluate[bool](p, fmt.Sprintf(`(() => {
		window.heard = '';
		const socket = new WebSocket(%q);
		socket.onmessage = (e) => { window.heard = e.data; };
		socket.onclose = (e) => { window.heard ||= 'closed ' + e.code; };
		return true;
	})()`, url))
	p.wait("window.heard")
	return evaluate[string](p, "window.heard")
}

// Pages of other sites open sockets in the browser of somebody who has logged in
// here (cross-site WebSocket hijacking). A page of localhost is another site; one
// of another port is the same site, whose sockets carry the cookie, and another
// origin.
func TestBrowserHijackedSockets(t *testing.T) {
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		if r.URL.Path == "/sandbox" {
			w.Header().Set("Content-Security-Policy", "sandbox allow-scripts") // its origin is null
		}
		fmt.Fprint(w, "<p>a prize</p>")
	}))
	defer foreign.Close()
	neighbour, elsewhere := foreign.URL, strings.Replace(foreign.URL, "127.0.0.1", "localhost", 1)
	s := serveSockets(t, fmt.Sprintf("[%q, %q]", neighbour, elsewhere))
	sockets := strings.Replace(s.url, "http:", "ws:", 1)

	b := openBrowser(t)
	victim := b.open(s.url + "/me")
	victim.logIn("alice", "wonderland")
	victim.text("body", "alice")
	own := victim.opens(sockets + "/guarded")
	if !strings.HasPrefix(own, "alice ") {
		t.Fatalf("alice's own page heard %q", own)
	}
	for page, wants := range map[string]map[string]string{
		neighbour + "/": {
			"/guarded": "closed 1006", "/open": "nobody", "/everybody": own, "/named": own, "/listed": own,
		},
		elsewhere + "/": { // SameSite=Lax: no cookie comes with these
			"/guarded": "closed 1006", "/open": "nobody", "/everybody": "closed 1006", "/named": "closed 1006", "/listed": "nobody",
		},
		elsewhere + "/sandbox": {
			"/guarded": "closed 1006", "/open": "nobody", "/everybody": "closed 1006", "/named": "closed 1006", "/listed": "closed 1006",
		},
	} {
		p := b.open(page)
		p.excuse = "WebSocket connection to"
		for path, want := range wants {
			got := p.opens(sockets + path)
			if who, id, _ := strings.Cut(got, " "); got != want && (who != want || id == strings.Fields(own)[1]) {
				t.Errorf("the page %s at %s: %q, want %q", page, path, got, want)
			}
		}
		for _, m := range p.said() {
			if refused := `/guarded' failed`; strings.Contains(m.Text, refused) && !strings.Contains(m.Text, "Unexpected response code: 403") {
				t.Errorf("the page %s at /guarded: %s, want 403", page, m.Text)
			}
		}
		p.close()
	}
	// The victim's page has what it had.
	if got := victim.opens(sockets + "/guarded"); got != own {
		t.Errorf("afterwards alice's page heard %q, before %q", got, own)
	}
	if n := len(regexp.MustCompile(`opened by.*endpoint=guarded`).FindAllString(s.log.String(), -1)); n != 2 {
		t.Errorf("open ran %d times at /guarded, want 2: those of alice's page", n)
	}
}
