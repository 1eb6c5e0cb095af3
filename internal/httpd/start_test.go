package httpd_test

import (
	"bytes"
	"encoding/binary"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"parley.example/parley/internal/httpd"
)

func TestWhoSeesTheStartPage(t *testing.T) {
	empty := folder(t, map[string]string{"gramex.yaml": "url: {}"})
	page := folder(t, map[string]string{"index.html": "INDEX"})
	byLink := folder(t, map[string]string{"home.html": "INDEX"})
	if err := os.Symlink("home.html", filepath.Join(byLink, "index.html")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name            string
		dir             string
		method          string
		peer, host, url string
		header          string
		want            string // START, INDEX or 404
	}{
		{"localhost", empty, "GET", "127.0.0.1:1", "localhost:9988", "/", "", "START"},
		{"no folder", "", "GET", "127.0.0.1:1", "localhost:9988", "/", "", "START"},
		{"query", empty, "GET", "127.0.0.1:1", "localhost:9988", "/?x=1", "", "START"},
		{"without port", empty, "GET", "127.0.0.1:1", "localhost", "/", "", "START"},
		{"capitals, dot", empty, "GET", "127.0.0.1:1", "LocalHost.:80", "/", "", "START"},
		{"by address", empty, "GET", "127.0.0.1:1", "127.0.0.1:9988", "/", "", "START"},
		{"another loopback address", empty, "GET", "127.1.2.3:1", "127.9.9.9", "/", "", "START"},
		{"IPv6", empty, "GET", "[::1]:1", "[::1]:9988", "/", "", "START"},
		{"IPv6 without port", empty, "GET", "[::1]:1", "[::1]", "/", "", "START"},
		{"mapped", empty, "GET", "[::ffff:127.0.0.1]:1", "localhost", "/", "", "START"},
		{"HEAD", empty, "HEAD", "127.0.0.1:1", "localhost", "/", "", "START"},

		{"index.html", page, "GET", "127.0.0.1:1", "localhost", "/", "", "INDEX"},
		{"index.html, a link", byLink, "GET", "127.0.0.1:1", "localhost", "/", "", "INDEX"},
		{"another path", empty, "GET", "127.0.0.1:1", "localhost", "/x", "", "404"},
		{"POST", empty, "POST", "127.0.0.1:1", "localhost", "/", "", "404"},
		{"from elsewhere", empty, "GET", "192.168.1.5:1", "localhost", "/", "", "404"},
		{"unknown peer", empty, "GET", "@", "localhost", "/", "", "404"},
		{"a name that resolves here", empty, "GET", "127.0.0.1:1", "evil.example", "/", "", "404"},
		{"localhost in a name", empty, "GET", "127.0.0.1:1", "localhost.evil.example", "/", "", "404"},
		{"name under localhost", empty, "GET", "127.0.0.1:1", "x.localhost", "/", "", "404"},
		{"address of the network", empty, "GET", "127.0.0.1:1", "192.168.1.5:9988", "/", "", "404"},
		{"no host", empty, "GET", "127.0.0.1:1", "", "/", "", "404"},
		{"bad port", empty, "GET", "127.0.0.1:1", "localhost:x", "/", "", "404"},
		{"two colons", empty, "GET", "127.0.0.1:1", "localhost:1:2", "/", "", "404"},
		{"bare IPv6", empty, "GET", "127.0.0.1:1", "::1", "/", "", "404"},
		{"half a bracket", empty, "GET", "127.0.0.1:1", "[::1", "/", "", "404"},
		{"zone", empty, "GET", "127.0.0.1:1", "[::1%25lo]", "/", "", "404"},
		{"X-Forwarded-For", empty, "GET", "127.0.0.1:1", "localhost", "/", "X-Forwarded-For", "404"},
		{"X-Forwarded-Proto", empty, "GET", "127.0.0.1:1", "localhost", "/", "X-Forwarded-Proto", "404"},
		{"X-Forwarded-Server", empty, "GET", "127.0.0.1:1", "localhost", "/", "X-Forwarded-Server", "404"},
		{"X-Real-Ip", empty, "GET", "127.0.0.1:1", "localhost", "/", "x-real-ip", "404"},
		{"X-Scheme, as the document's nginx", empty, "GET", "127.0.0.1:1", "localhost", "/", "X-Scheme", "404"},
		{"Forwarded", empty, "GET", "127.0.0.1:1", "localhost", "/", "Forwarded", "404"},
		{"Via", empty, "GET", "127.0.0.1:1", "localhost", "/", "Via", "404"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := httpd.New(httpd.Options{Dir: tt.dir, Start: func() httpd.StartPage {
				return httpd.StartPage{Title: "START"}
			}})
			w := do(s, tt.method, tt.url, func(r *http.Request) {
				r.RemoteAddr, r.Host = tt.peer, tt.host
				if tt.header != "" {
					r.Header.Set(tt.header, "127.0.0.1")
				}
			})
			got := "404"
			switch {
			case strings.Contains(w.Body.String(), "<h1>START</h1>"):
				got = "START"
			case w.Body.String() == "INDEX":
				got = "INDEX"
			}
			if got != tt.want || (got == "404") != (w.Code == 404) {
				t.Errorf("%s with status %d, want %s", got, w.Code, tt.want)
			}
		})
	}
}

func TestARouteForTheRootWinsOverTheStartPage(t *testing.T) {
	s := httpd.New(httpd.Options{
		Routes: []httpd.Route{says("home", "/")},
		Start:  func() httpd.StartPage { return httpd.StartPage{Title: "START"} },
	})
	if got := get(s, "/", local).Body.String(); got != "home" {
		t.Errorf("%q, want the route", got)
	}
	if w := get(httpd.New(httpd.Options{}), "/", local); w.Code != 404 {
		t.Errorf("without Start: status %d, want 404", w.Code)
	}
}

func TestWhatTheStartPageShows(t *testing.T) {
	dir := folder(t, map[string]string{
		"messages.html": "", "two words.html": "", ".hidden.html": "", "x.py": "", "a.txt": "", "folder.html/x": "",
	})
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "outside.html")); err != nil {
		t.Fatal(err)
	}
	s := httpd.New(httpd.Options{Dir: dir, Start: func() httpd.StartPage {
		return httpd.StartPage{Title: "my <app>", Version: "1.2", Endpoints: []httpd.Endpoint{
			{Name: "pingbot", Pattern: "/pingbot", Kind: httpd.WebSocket, Runtime: "python"},
			{Name: "room", Pattern: `/room/(\w+)`, Kind: httpd.WebSocket, Runtime: "go", Fault: "no <module>"},
			{Name: "anchored", Pattern: `^/any\.chored$`, Kind: httpd.WebSocket},
			{Name: "free", Pattern: `.*socket`, Kind: httpd.WebSocket},
			{Name: "broken", Pattern: `/(`, Kind: httpd.WebSocket},
			{Name: "notify", Pattern: "/notify me", Kind: httpd.Function, Runtime: "python"},
			{Name: "docs", Pattern: "/docs/(.*)", Kind: httpd.Page},
			{Name: "evil", Pattern: "//evil.example/", Kind: httpd.Page},
			{Name: "script", Pattern: "javascript:alert(1)", Kind: httpd.Page},
		}}
	}})
	w := get(s, "/", local)
	body := w.Body.String()
	for _, want := range []string{
		"<h1>my &lt;app&gt;</h1>", "Parley 1.2", "<code>localhost:9988</code>",
		`value="/pingbot"`, `value="/room/"`, `<code class="quiet">/room/(\w&#43;)</code>`, `<code class="quiet">/pingbot</code>`, "<pre>no &lt;module&gt;</pre>",
		`value="/any.chored"`, `value="/"`,
		`<a href="/notify%20me">/notify me</a>`, "<code>/docs/(.*)</code>",
		`<a href="/messages.html">/messages.html</a>`, `<a href="/two%20words.html">/two words.html</a>`,
		`<details class="try" data-name="pingbot">`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the page does not hold %s", want)
		}
	}
	for _, never := range []string{
		".hidden", "outside", "folder.html", "x.py", "a.txt", `href="//`, `href="javascript`, "ZgotmplZ", " style=", "<script>", "http://", "https://",
	} {
		if strings.Contains(body, never) {
			t.Errorf("the page holds %s", never)
		}
	}
	csp := w.Header().Get("Content-Security-Policy")
	if !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "script-src 'self'") || strings.Contains(csp, "unsafe") {
		t.Errorf("Content-Security-Policy = %q", csp)
	}
	for path, kind := range map[string]string{
		"/.parley/start.js": "text/javascript; charset=utf-8", "/.parley/start.css": "text/css; charset=utf-8",
	} {
		if w := get(s, path); w.Code != 200 || w.Header().Get("Content-Type") != kind || w.Body.Len() == 0 {
			t.Errorf("%s: %d, %s", path, w.Code, w.Header().Get("Content-Type"))
		}
	}
}

func TestThereIsAlwaysAFavicon(t *testing.T) {
	empty, own := folder(t, nil), folder(t, map[string]string{"favicon.ico": "OWN"})
	secret := folder(t, map[string]string{"x.py": "SECRET"})
	if err := os.Symlink("x.py", filepath.Join(secret, "favicon.ico")); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		opt  httpd.Options
		want string // "" is ours
	}{
		{"no folder", httpd.Options{}, ""},
		{"none of its own", httpd.Options{Dir: empty}, ""},
		{"the app's file", httpd.Options{Dir: own}, "OWN"},
		{"the app's route", httpd.Options{Dir: own, Routes: []httpd.Route{says("route", "/favicon.ico")}}, "route"},
		{"a link to a hidden file", httpd.Options{Dir: secret}, ""},
	} {
		w := get(httpd.New(tt.opt), "/favicon.ico")
		if tt.want != "" {
			if w.Body.String() != tt.want {
				t.Errorf("%s: %q, want %q", tt.name, w.Body, tt.want)
			}
			continue
		}
		if w.Code != 200 || w.Header().Get("Content-Type") != "image/vnd.microsoft.icon" {
			t.Errorf("%s: %d, %v", tt.name, w.Code, w.Header())
		}
		checkIcon(t, w.Body.Bytes())
	}
}

// checkIcon reads the directory of an .ico file and the PNG of each entry.
func checkIcon(t *testing.T, data []byte) {
	t.Helper()
	if len(data) < 6 || binary.LittleEndian.Uint32(data) != 0x00010000 {
		t.Fatal("no icon")
	}
	for i := range int(binary.LittleEndian.Uint16(data[4:])) {
		entry := data[6+16*i:]
		size, at := binary.LittleEndian.Uint32(entry[8:]), binary.LittleEndian.Uint32(entry[12:])
		img, err := png.Decode(bytes.NewReader(data[at : at+size]))
		if err != nil || img.Bounds().Dx() != int(entry[0]) || img.Bounds().Dy() != int(entry[1]) {
			t.Errorf("picture %d: %v", i, err)
		}
	}
}

func TestErrorsSpeakToBrowsersAndPrograms(t *testing.T) {
	s := httpd.New(httpd.Options{})
	w := get(s, "/<b>", header("Accept", "text/html,*/*"))
	if !strings.Contains(w.Body.String(), "<h1>Not Found</h1>") || strings.Contains(w.Body.String(), "<b>") ||
		!strings.Contains(w.Header().Get("Content-Security-Policy"), "style-src 'sha256-") {
		t.Errorf("browser: %v\n%s", w.Header(), w.Body)
	}
	w = get(s, "/x")
	if got := w.Body.String(); strings.Count(got, "\n") != 1 || strings.Contains(got, "<") {
		t.Errorf("program: %q", got)
	}
}
