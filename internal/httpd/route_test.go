package httpd_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"parley.example/parley/internal/httpd"
)

func TestFirstRouteThatMatchesTheWholePathWins(t *testing.T) {
	s := httpd.New(httpd.Options{Routes: []httpd.Route{
		says("plain", `/pingbot`),
		says("alternatives", `/a|/ab`),
		says("groups", `/room/(\w+)(/x)?`),
		says("named", `/user/(?P<name>[^/]+)`),
		says("anchored", `^/anchored$`),
		says("quoted", `\Q/a.b`),
		says("fold", `(?i)/fold`),
		says("empty group", `/e(.*)`),
		says("late", `/pingbot|/late`),
		says("dot", `/.parley/health`),
	}})
	for _, tt := range []struct{ path, want string }{
		{"/pingbot", "plain"},
		{"/pingbot?token=1", "plain"},
		{"/pingbo%74", "plain"},
		{"/pingbot/", ""},
		{"/xpingbot", ""},
		{"/pingbot2", ""},
		{"//pingbot", ""},
		{"/a", "alternatives"},
		{"/ab", "alternatives"},
		{"/abc", ""},
		{"/room/lobby", "groups lobby nil"},
		{"/room/lobby/x", "groups lobby /x"},
		{"/room/l%C3%B6", ""}, // \w is ASCII
		{"/user/J%C3%B6rg%20X", "named Jörg X"},
		{"/anchored", "anchored"},
		{"/anchored2", ""},
		{"/a.b", "quoted"},
		{"/axb", ""},
		{"/FOLD", "fold"},
		{"/e", "empty group "},
		{"/late", "late"},
		{"/xparley/health", "dot"},
		{"/.parley/other", ""},
	} {
		w := get(s, tt.path)
		if tt.want == "" {
			if w.Code != http.StatusNotFound {
				t.Errorf("%s: status %d, want 404: %s", tt.path, w.Code, w.Body)
			}
			continue
		}
		if got := w.Body.String(); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.path, got, tt.want)
		}
	}
}

func TestIndecentPathsReachNoRoute(t *testing.T) {
	s := httpd.New(httpd.Options{Routes: []httpd.Route{says("all", `(?s).*`)}})
	for _, tt := range []struct {
		path string
		want int
	}{
		{"/fine", 200},
		{"/", 200},
		{"/..fine/x..", 200},
		{"/a/%2e%2e/b", 400},
		{"/a/..%2fb", 400},
		{"/a/..%5Cb", 400},
		{"/..", 400},
		{"/a%00b", 400},
		{"/a%0Ab", 400},
		{"/a%7Fb", 400},
		{"/%ff", 400},
		{"/" + strings.Repeat("x", 4095), 200},
		{"/" + strings.Repeat("x", 4096), 414},
	} {
		if w := get(s, tt.path); w.Code != tt.want {
			t.Errorf("%.20s: status %d, want %d", tt.path, w.Code, tt.want)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.URL = &url.URL{} // what "GET http://host" leaves
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 200 {
		t.Errorf("no path: status %d, want 200", w.Code)
	}
	r = httptest.NewRequest(http.MethodConnect, "example.com:443", nil)
	w = httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != 400 {
		t.Errorf("CONNECT: status %d, want 400", w.Code)
	}
}

func TestPagesWrapsWhatHandlesNoSessions(t *testing.T) {
	dir := folder(t, map[string]string{"a.html": "A"})
	page := says("page", "/page")
	page.Pages = true
	s := httpd.New(httpd.Options{
		Dir:    dir,
		Routes: []httpd.Route{says("socket", "/socket"), page},
		Start:  func() httpd.StartPage { return httpd.StartPage{} },
		Pages: func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Set-Cookie", "sid=1")
				next.ServeHTTP(w, r)
			})
		},
	})
	for path, want := range map[string]bool{
		"/socket": false, "/page": true, "/a.html": true, "/": true,
		"/favicon.ico": false, "/.parley/health": false, "/.parley/start.js": false,
	} {
		w := get(s, path, local)
		if w.Code != 200 {
			t.Errorf("%s: status %d", path, w.Code)
		}
		if got := w.Header().Get("Set-Cookie") != ""; got != want {
			t.Errorf("%s: sets a cookie: %v, want %v", path, got, want)
		}
	}
}

func FuzzPattern(f *testing.F) {
	for _, seed := range []struct{ pattern, path string }{
		{`/pingbot`, "/pingbot"},
		{`/a|/ab`, "/ab"},
		{`/(\w+)/(x)?`, "/a/"},
		{`^/$`, "/"},
		{`\Q/a.b`, "/a.b"},
		{`(?i)(?P<n>/é)`, "/É"},
		{`(((/a)*)|b?)*`, "/a/a"},
		{`\z|\A|(?m:$)`, "/\n"},
	} {
		f.Add(seed.pattern, seed.path)
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		given, err := regexp.Compile(pattern)
		if err != nil || len(pattern) > 1000 || path == "" {
			return
		}
		var groups []*string
		matched := false
		s := httpd.New(httpd.Options{
			Routes: []httpd.Route{{Pattern: given, Serve: func(_ http.ResponseWriter, _ *http.Request, g []*string) {
				matched, groups = true, g
			}}},
			Start: func() httpd.StartPage {
				return httpd.StartPage{Endpoints: []httpd.Endpoint{{Pattern: pattern, Kind: httpd.WebSocket}, {Pattern: pattern}}}
			},
		})
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		s.ServeHTTP(httptest.NewRecorder(), r)

		// The longest of all matches is the whole path if any is.
		longest := regexp.MustCompile(pattern)
		longest.Longest()
		at := longest.FindStringIndex(path)
		whole := at != nil && at[0] == 0 && at[1] == len(path)
		if matched && !whole {
			t.Errorf("%q matched %q, not as a whole", pattern, path)
		}
		ordinary := regexp.MustCompile(`\A/[a-z]\w*\z`).MatchString(path)
		if whole && ordinary && !matched {
			t.Errorf("%q did not match %q", pattern, path)
		}
		if matched && len(groups) != given.NumSubexp() {
			t.Errorf("%q: %d groups, want %d", pattern, len(groups), given.NumSubexp())
		}
		for _, g := range groups {
			if g != nil && !strings.Contains(path, *g) {
				t.Errorf("%q on %q: group %q", pattern, path, *g)
			}
		}
		if w := get(s, "http://localhost/", local); !matched && w.Code >= 500 {
			t.Errorf("%q: start page: status %d", pattern, w.Code)
		}
	})
}

func local(r *http.Request) {
	r.RemoteAddr = "127.0.0.1:40000"
	r.Host = "localhost:9988"
}
