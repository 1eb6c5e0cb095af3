package e2e_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
)

// loginApp has a page and a socket for those who have logged in.
const loginApp = `
url:
  login:
    pattern: /login
    handler: SimpleAuth
    kwargs:
      credentials: {alice: wonderland, mallory: evil}
  logout:
    pattern: /logout
    handler: LogoutHandler
  me:
    pattern: /me
    handler: FunctionHandler
    kwargs:
      auth: true
      function: handler.current_user.id
  socket:
    pattern: /socket
    handler: WebSocketHandler
    kwargs:
      auth: true
      on_message: {function: handler.write_message(handler.current_user.id)}
`

func serveLogin(t *testing.T) *server {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "gramex.yaml"), loginApp)
	return serve(t, dir)
}

// atLogin says that a page has led to the login.
const atLogin = `location.pathname.endsWith('/login') && document.querySelector('#password')`

// logIn goes to the page for those who have logged in, and logs in on the way.
func (p *tab) logIn(user, password string) {
	p.t.Helper()
	p.wait(atLogin)
	p.keys("#user", user)
	p.enter("#password", password)
}

// A page sends to the login and the login back; a socket ends at the logout.
func TestBrowserLogin(t *testing.T) {
	s := serveLogin(t)
	b := openBrowser(t)
	p := b.open(s.url + "/me?x=1")
	p.excuse = "401"
	p.logIn("alice", "Wonderland")
	p.text("[role=alert]", "User name or password is not right.")
	if got := evaluate[string](p, "document.activeElement.id + ' ' + document.querySelector('#user').value"); got != "password alice" {
		t.Errorf("after a failure, focus and name are %q", got)
	}
	p.enter("#password", "wonderland")
	p.wait("location.pathname + location.search === '/me?x=1'")
	p.text("body", "alice")

	evaluate[bool](p, `(() => {
		window.socket = new WebSocket(location.origin.replace('http', 'ws') + '/socket');
		socket.onopen = () => socket.send('who am I?');
		socket.onmessage = (e) => { window.heard = e.data; };
		socket.onclose = (e) => { window.ended = e.code; };
		return true;
	})()`)
	p.wait("window.heard === 'alice'")

	other := b.open(s.url + "/login")
	other.text("body", "You are logged in as alice")
	out := b.open(s.url + "/logout")
	out.wait("location.pathname === '/'")
	p.wait("window.ended === 4401")
	again := b.open(s.url + "/me")
	again.wait("location.pathname === '/login'")
}

// What a page of another site tries with the browser of somebody who has logged
// in here.
func TestBrowserForeignPages(t *testing.T) {
	s := serveLogin(t)
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		switch r.URL.Path {
		case "/link":
			fmt.Fprintf(w, `<a href="%s/logout">a prize</a>`, s.url)
		case "/image":
			fmt.Fprintf(w, `<img src="%[1]s/logout" onerror="document.title = 'done'"><p>a cat</p>`, s.url)
		default: // the path to post to
			fmt.Fprintf(w, `<form method="post" action="%s"><input name="user" value="mallory"><input name="password" value="evil"></form>`+
				`<script>document.forms[0].submit()</script>`, s.url+r.URL.Path)
		}
	}))
	defer foreign.Close()
	// 127.0.0.1 and localhost are two sites, whatever the ports.
	elsewhere := strings.Replace(foreign.URL, "127.0.0.1", "localhost", 1)

	b := openBrowser(t)
	p := b.open(s.url + "/me")
	p.logIn("alice", "wonderland")
	p.text("body", "alice")
	still := func(after string) {
		t.Helper()
		me := b.open(s.url + "/me")
		me.wait("document.readyState === 'complete'")
		if got := evaluate[string](me, "location.pathname + ' ' + document.body.innerText.trim()"); got != "/me alice" {
			t.Errorf("after %s: %s", after, got)
		}
		me.close()
	}
	for path, want := range map[string]string{
		"/login":  "This came from another site",
		"/logout": "Another site has sent you here",
		"/me":     "", // whatever it says
		"/none":   "Not Found",
	} {
		posted := b.open(elsewhere + path)
		posted.excuse = "the server responded with a status of"
		posted.wait("location.origin === '" + s.url + "' && document.readyState === 'complete'")
		posted.text("body", want)
		posted.close()
		still("a form that a foreign page has posted to " + path)
	}

	image := b.open(elsewhere + "/image")
	image.excuse = "Failed to load resource"
	image.wait("document.title === 'done'")
	image.close()
	still("an image that is none")

	link := b.open(elsewhere + "/link")
	link.click("a")
	link.text("h1", "Log out")
	still("a foreign link to the logout")
	link.click("button")
	link.wait("location.pathname === '/'")
	me := b.open(s.url + "/me")
	me.wait("location.pathname === '/login'")
}
