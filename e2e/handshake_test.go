package e2e_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// What a handshake says of where it comes from, sent with alice's cookie, and
// as whom it opens the socket.
func TestOriginsOfHandshakes(t *testing.T) {
	s := serveSockets(t, `["https://gramener.com", "bücher.example"]`)
	v := s.visitor()
	v.logIn("alice", "wonderland")
	host := strings.TrimPrefix(s.url, "http://")
	const (
		guarded = "/guarded" // auth
		named   = "/named"   // auth, origins
		listed  = "/listed"  // origins
		open    = "/open"    // neither
	)
	for _, tc := range []struct {
		path   string
		header string // lines, separated by |
		want   string
	}{
		// This site's pages, and what is no browser.
		{guarded, "", "alice"},
		{guarded, "Origin: http://HOST", "alice"},
		{guarded, "Origin: HTTP://HOST", "alice"},
		{guarded, "Host: chat.example|Origin: https://chat.example", "alice"}, // through a proxy that ends TLS
		{guarded, "Host: chat.example|Origin: https://Chat.Example.", "alice"},
		{guarded, "Host: chat.example|Origin: http://chat.example:8080", "alice"}, // through one that drops the port
		{guarded, "Host: [::1]:9988|Origin: http://[0:0::1]:9988", "alice"},
		{guarded, "Host: xn--bcher-kva.example|Origin: http://bücher.example", "alice"},
		{guarded, "Origin: http://HOST|Sec-Fetch-Site: same-origin", "alice"},
		{guarded, "Sec-Fetch-Site: none", "alice"},
		{named, "Origin: http://HOST", "alice"},

		// Others.
		{guarded, "Origin: http://evil.example", "403"},
		{guarded, "Origin: http://127.0.0.1", "403"},
		{guarded, "Origin: http://127.0.0.1:1", "403"},
		{guarded, "Origin: http://localhost", "403"},
		{guarded, "Origin: https://HOST.evil.example", "403"},
		{guarded, "Origin: http://HOST@evil.example", "403"},
		{guarded, "Origin: http://evil.example#HOST", "403"},
		{guarded, "Origin: http://HOST/", "403"},
		{guarded, "Origin: ws://HOST", "403"},
		{guarded, "Origin: null", "403"},
		{guarded, "Origin: ", "403"},
		{guarded, "Origin: http://HOST|Origin: http://HOST", "403"},
		{guarded, "Origin: http://HOST|Origin: http://evil.example", "403"},
		{guarded, "Origin: http://HOST, http://evil.example", "403"},
		{guarded, "Origin: http://HOST|Sec-Fetch-Site: cross-site", "403"},
		{guarded, "Origin: http://HOST|Sec-Fetch-Site: same-site", "403"},
		{guarded, "Origin: http://HOST|Sec-Fetch-Site: Same-Origin", "403"},
		{guarded, "Origin: http://HOST|Sec-Fetch-Site: ", "403"},
		{guarded, "Origin: http://HOST|Sec-Fetch-Site: same-origin|Sec-Fetch-Site: cross-site", "403"},
		{guarded, "Sec-Fetch-Site: cross-site", "403"},
		{guarded, "Host: chat.example|Origin: https://evilchat.example", "403"},
		{guarded, "Host: chat.example|Origin: https://a.chat.example", "403"},
		{guarded, "Host: chat.example|X-Scheme: https|Origin: http://chat.example", "403"}, // a page that came without TLS
		{guarded, "Host: evil.example|Origin: http://HOST", "403"},

		// origins: says who else may.
		{named, "Origin: https://gramener.com", "alice"},
		{named, "Origin: https://GRAMENER.com.:443", "alice"},
		{named, "Origin: https://gramener.com|Sec-Fetch-Site: cross-site", "alice"},
		{named, "Origin: http://a.xn--bcher-kva.example:81", "alice"},
		{named, "Origin: http://gramener.com", "403"},
		{named, "Origin: https://evilgramener.com", "403"},
		{named, "Origin: https://a.gramener.com", "403"},
		{named, "Origin: https://gramener.com.evil.com", "403"},
		{named, "Origin: https://gramener.com:443@evil.com", "403"},
		{named, "Origin: https://gramener.com:8443", "403"},
		{named, "Origin: https://gramener.com|Origin: https://gramener.com", "403"},
		{named, "Origin: http://bucher.example", "403"},
		{named, "Origin: null", "403"},
		{named, "Origin: ", "403"},
		{listed, "Origin: https://gramener.com", "alice"},
		{listed, "Origin: https://evilgramener.com", "403"},
		{listed, "Origin: null", "403"},
		{listed, "", "alice"},

		// Without auth and origins everybody comes in, as nobody.
		{open, "Origin: http://HOST", "alice"},
		{open, "Origin: http://evil.example", "nobody"},
		{open, "Origin: null", "nobody"},
		{open, "Origin: http://HOST|Origin: http://HOST", "nobody"},
		{open, "Origin: http://HOST|Sec-Fetch-Site: cross-site", "nobody"},

		// A name of the attacker's that leads here (DNS rebinding): browsers send
		// it no cookie of ours, and the list does not have it.
		{guarded, "Cookie: |Host: evil.example|Origin: http://evil.example", "401"},
		{named, "Cookie: |Host: evil.example|Origin: http://evil.example", "401"},
		{listed, "Cookie: |Host: evil.example|Origin: http://evil.example", "403"},
	} {
		var header []string
		if tc.header != "" {
			header = strings.Split(strings.ReplaceAll(tc.header, "HOST", host), "|")
		}
		if !slices.Contains(header, "Cookie: ") {
			header = append(header, "Cookie: "+v.cookie())
		}
		who, id, _ := strings.Cut(s.visitor().hears(tc.path, header...), " ")
		if who != tc.want {
			t.Errorf("%s with %q: %s, want %s", tc.path, tc.header, who, tc.want)
		}
		if mine := strings.HasPrefix(v.value(), id); who == "nobody" && mine {
			t.Errorf("%s with %q: alice's session", tc.path, tc.header)
		}
	}
}

// treasure is what only those who have logged in shall see.
const treasure = "gold-and-pearls"

// A setting is one way to write who may come in.
type setting struct {
	name    string
	app     string // stands at the top level
	kwargs  string // stands in the kwargs of each endpoint
	refused int    // what who has not logged in gets for a handshake
	folder  bool   // it is for the app's folder, too
}

var settings = []setting{
	{name: "auth", kwargs: "auth: true", refused: 401},
	{name: "membership", kwargs: "auth: {membership: {id: alice}}", refused: 401},
	{name: "condition", kwargs: `auth: {condition: {function: "handler.current_user.id == 'alice'"}}`, refused: 401},
	{name: "validate", kwargs: `validate: {function: "handler.current_user != None", code: 403}`, refused: 403},
	{name: "app.auth", app: "app: {auth: true}", refused: 401, folder: true},
	{name: "BaseHandler", app: "handlers: {BaseHandler: {auth: true}}", refused: 401, folder: true},
}

// serve serves a socket, a function and files, all with the setting.
func (x setting) serve(t *testing.T, args ...string) *server {
	t.Helper()
	files := t.TempDir() // the app's folder would show it by itself
	write(t, filepath.Join(files, "staff.txt"), treasure)
	dir := app(t, map[string]string{"staff.txt": treasure, "gramex.yaml": x.app + `
url:
  login: {pattern: /login, handler: SimpleAuth, kwargs: {credentials: {alice: wonderland}}}
  socket:
    pattern: /socket
    handler: WebSocketHandler
    kwargs: {open: "handler.write_message('` + treasure + `')", ` + x.kwargs + `}
  function:
    pattern: /function
    handler: FunctionHandler
    kwargs: {function: "'` + treasure + `'", ` + x.kwargs + `}
  files:
    pattern: /files/(.*)
    handler: FileHandler
    kwargs: {path: "` + files + `", ` + x.kwargs + `}
  inner:
    pattern: /inner/(.*)
    handler: FileHandler
    kwargs: {path: inner, ` + x.kwargs + `}
`})
	if err := os.Mkdir(filepath.Join(dir, "inner"), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "inner/staff.txt"), treasure) // where the app's folder shows it, but for its endpoint
	return serve(t, dir, args...)
}

// upgrade is a handshake's header with its two names and values as they are.
func upgrade(upgrade, connection string) string {
	return upgrade + "\r\n" + connection + "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
}

var handshakeLines = upgrade("Upgrade: websocket", "Connection: Upgrade")

// spellings returns what one may try to get past a guard: for each, the request
// without the empty line at its end. The first three are the proper ones.
func spellings(path string) (all []string) {
	all = []string{
		"GET " + path + " HTTP/1.1\r\n",
		"HEAD " + path + " HTTP/1.1\r\n",
		"GET " + path + " HTTP/1.1\r\n" + handshakeLines,
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "GET\t", "FOO"} {
		all = append(all, method+" "+path+" HTTP/1.1\r\n", method+" "+path+" HTTP/1.1\r\n"+handshakeLines)
	}
	for _, lines := range []string{
		upgrade("UpGrAdE: WebSocket", "connection: keep-alive, UPGRADE"),
		upgrade("UPGRADE: WEBSOCKET", "CONNECTION: UPGRADE"),
		upgrade("Upgrade: h2c, websocket", "Connection: Upgrade"),
		upgrade("Upgrade: websocket/13", "Connection: Upgrade"),
		upgrade("Upgrade: websocket\r\nUpgrade: h2c", "Connection: keep-alive\r\nConnection: Upgrade"),
		upgrade("Upgrade:\twebsocket ", "Connection:  Upgrade\t"),
		upgrade("Upgrade: websocket", "Connection: close"),
		upgrade("Upgrade : websocket", "Connection: Upgrade"),
		// What Gramex, or a proxy, would believe.
		`X-Gramex-User: {"id": "alice"}` + "\r\n", "X-Gramex-Key: alice\r\n", "X-Gramex-OTP: alice\r\n",
		"X-Forwarded-User: alice\r\n", "Remote-User: alice\r\n", "Authorization: Basic YWxpY2U6d29uZGVybGFuZA==\r\n",
		"X-HTTP-Method-Override: OPTIONS\r\n", "Cookie: user=alice; sid=alice\r\n", "Cookie: sid=\r\n",
		"Origin: null\r\n", "Sec-Fetch-Site: same-origin\r\n",
	} {
		all = append(all, "GET "+path+" HTTP/1.1\r\n"+lines)
		if !strings.Contains(lines, "Sec-WebSocket") {
			all = append(all, "GET "+path+" HTTP/1.1\r\n"+lines+handshakeLines)
		}
	}
	step, rest := path[:2], path[2:] // "/s", "ocket"
	for _, target := range []string{
		"/" + path, "/." + path, "/x/.." + path, "/%2e" + path, "/x/%2e%2e" + path, "/x/..%2f" + path[1:], `/x\..` + path,
		"/%" + fmt.Sprintf("%x", step[1]) + rest, "/%25" + fmt.Sprintf("%x", step[1]) + rest, path + "/", path + "//", path + "/.",
		strings.ToUpper(path), "/" + strings.ToUpper(step[1:]) + rest, strings.ReplaceAll(path, "/", "%2f"), "/" + strings.ReplaceAll(path[1:], "/", "%2F"),
		strings.ReplaceAll(path, "/", "//"), path + "%00", path + "%20", path + ";a=b", path + "?user=alice", path + "?gramex-key=alice", path + "?%00",
		path + "#x", "http://x" + path, "http://alice@x" + path, "/" + path[1:] + "%0d%0aX-User:alice", path[1:], "*",
		"/.parley" + path, "/.parley/.." + path, "/" + path + "/../" + path[1:],
	} {
		all = append(all, "GET "+target+" HTTP/1.1\r\n", "GET "+target+" HTTP/1.1\r\n"+handshakeLines)
	}
	return append(all, "GET "+path+" HTTP/1.0\r\n", "GET "+path+" HTTP/1.0\r\n"+handshakeLines, "GET "+path+"\r\n")
}

// However it is asked for, nobody sees the treasure without a login, whatever
// says that one is needed.
func TestEverySpellingIsGuarded(t *testing.T) {
	for _, x := range settings {
		t.Run(x.name, func(t *testing.T) {
			s := x.serve(t)
			alice := s.visitor()
			alice.logIn("alice", "wonderland")
			paths := []string{"/socket", "/function", "/files/staff.txt", "/inner/staff.txt"}
			if x.folder {
				paths = append(paths, "/staff.txt")
			}
			end := "Host: x\r\nConnection: close\r\n"
			for _, path := range paths {
				for i, request := range spellings(path) {
					got, texts := answers(t, s.wire(request+end+"\r\n"), request[:strings.IndexByte(request, ' ')])
					if len(got) > 1 {
						t.Errorf("%q is answered %d times", request, len(got))
					}
					for j, answer := range got {
						if answer.StatusCode == 101 || strings.Contains(texts[j]+fmt.Sprint(answer.Header), treasure) {
							t.Errorf("%q is answered with %d %q", request, answer.StatusCode, texts[j])
						}
						if answer.StatusCode >= 500 && answer.StatusCode != 501 {
							t.Errorf("%q is answered with %d", request, answer.StatusCode)
						}
					}
					if i >= 3 {
						continue
					}
					// The proper ones are refused for want of a login, and for nothing else.
					switch {
					case len(got) != 1:
						t.Errorf("%q is not answered", request)
					case path == "/socket" && i == 2:
						if got[0].StatusCode != x.refused {
							t.Errorf("%q: %d, want %d", request, got[0].StatusCode, x.refused)
						}
					case path != "/socket" && !refusedPage(got[0]):
						t.Errorf("%q: %d", request, got[0].StatusCode)
					}
				}
				if path == "/socket" {
					if got := alice.hears(path); got != treasure {
						t.Errorf("alice hears %q at %s", got, path)
					}
				} else if status, text := alice.get(path); status != 200 || text != treasure {
					t.Errorf("alice gets %d %q at %s", status, text, path)
				}
			}
		})
	}
}

// refusedPage reports whether an answer asks for a login, or refuses.
func refusedPage(answer *http.Response) bool {
	switch answer.StatusCode {
	case http.StatusFound:
		return strings.HasPrefix(answer.Header.Get("Location"), "/login?next=")
	case http.StatusUnauthorized, http.StatusForbidden:
		return true
	}
	return false
}

// HTTP/2 has no other guard than HTTP/1.
func TestGuardsOverHTTP2(t *testing.T) {
	certificate, key := selfSigned(t, t.TempDir())
	for _, x := range settings {
		t.Run(x.name, func(t *testing.T) {
			s := x.serve(t, "--listen.tls.cert="+certificate, "--listen.tls.key="+key)
			stranger, alice := s.visitor(), s.visitor()
			alice.logIn("alice", "wonderland")
			paths := []string{"/function", "/files/staff.txt"}
			if x.folder {
				paths = append(paths, "/staff.txt")
			}
			for _, path := range paths {
				for _, method := range []string{"GET", "HEAD", "POST", "OPTIONS"} {
					answer, text := stranger.ask(method, path, "")
					if answer.ProtoMajor != 2 || !refusedPage(answer) || strings.Contains(text, treasure) {
						t.Errorf("%s %s over %s: %d %q", method, path, answer.Proto, answer.StatusCode, text)
					}
				}
				if answer, text := alice.ask("GET", path, ""); answer.ProtoMajor != 2 || text != treasure {
					t.Errorf("alice gets %s over %s: %d %q", path, answer.Proto, answer.StatusCode, text)
				}
			}
			for _, visitor := range []*visitor{stranger, alice} { // RFC 8441 is not spoken
				if answer, text := visitor.ask("GET", "/socket", ""); answer.StatusCode != 426 && answer.StatusCode != 400 || strings.Contains(text, treasure) {
					t.Errorf("the socket over %s: %d %q", answer.Proto, answer.StatusCode, text)
				}
			}
		})
	}
}
