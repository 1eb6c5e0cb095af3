package login_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"parley.example/parley/internal/login"
)

func TestLocal(t *testing.T) {
	good := map[string]string{
		"/":                               "/",
		"/chat":                           "/chat",
		"/chat?room=a&b=c#top":            "/chat?room=a&b=c#top",
		"/chat/":                          "/chat/",
		"/a//b":                           "/a//b",
		"/a:b":                            "/a:b",
		"/?next=//evil.com":               "/?next=//evil.com",
		"/?u=https://evil.com":            "/?u=https://evil.com",
		"/@evil.com":                      "/@evil.com",
		"/.evil.com":                      "/.evil.com",
		"/..evil":                         "/..evil",
		"/a b":                            "/a%20b",
		"/bücher":                         "/b%C3%BCcher",
		"/b%C3%BCcher":                    "/b%C3%BCcher",
		"/?q=a b\"<ü>":                    "/?q=a%20b%22%3C%C3%BC%3E",
		"/%2520":                          "/%2520",
		"/a%2Fb":                          "/a%2Fb",
		"http://gramener.com":             "/",
		"http://gramener.com/chat?x=1#y":  "/chat?x=1#y",
		"HTTP://GRAMENER.COM./chat":       "/chat",
		"https://gramener.com/chat":       "/chat", // http was not said for sure: a proxy may speak TLS
		"http://gramener.com:9988/chat":   "/chat", // Host has no port: a proxy may drop it
		"http://gramener。com/chat":        "/chat",
		"http://gramener.com?next=x":      "/?next=x",
		"/" + strings.Repeat("x", 2048-1): "/" + strings.Repeat("x", 2048-1),
	}
	bad := []string{
		"", "chat", "./chat", "../chat", "?x", "#x", " /chat", "chat/", ":",
		"//", "///", "////evil.com", "//evil.com", "///evil.com", "//evil.com/%2f..", "//gramener.com.evil.com", "//gramener.com/chat",
		"//evil.com@gramener.com/", "/\\evil.com", "\\/evil.com", "\\\\evil.com", "/\\/evil.com", "/a\\b", "http:\\\\evil.com",
		"/%5cevil.com", "/%5Cevil.com", "/%2fevil.com", "/%2F/evil.com",
		"/\t/evil.com", "/%09/evil.com", "\t//evil.com", "/\n/evil.com", "/\r\nSet-Cookie: sid=x", "/%0d%0aSet-Cookie:x", "/\x00", "/%00", "/\x7f", "/\u0085/evil.com",
		"/./evil.com", "/.//evil.com", "/..//evil.com", "/%2e//evil.com", "/a/../../evil.com", "/a/..", "/a/.%2e/b",
		"https:evil.com", "http:evil.com", "https:/evil.com", "http:/chat", "https:///evil.com", "http://", "http:///chat", "://evil.com",
		"http://evil.com", "https://evil.com/chat", "HtTpS://evil.com", "http://evilgramener.com/", "http://gramener.com.evil.com/", "http://www.gramener.com/",
		"http://gramener.com@evil.com/", "http://gramener.com:80@evil.com/", "http://me@gramener.com/", "http://me:pw@gramener.com/", "http://@gramener.com/",
		"http://gramener.com\\@evil.com/", "http://evil.com#@gramener.com/", "http://evil.com?@gramener.com/", "http://gramener.com:/", "http://gramener.com:x/",
		"http://gramener.com//evil.com", "http://gramener.com/\\evil.com", "http://gramener.com/%5cevil.com", "http://gramener.com/..//evil.com",
		"//evil。com", "//evil%E3%80%82com", "http://evil。com/", "／／evil.com", "/\u2028/evil.com\\",
		"javascript:alert(1)", "JavaScript:alert(1)", "java\tscript:alert(1)", "javascript://gramener.com/%0aalert(1)", "data:text/html,x", "vbscript:x",
		"ftp://gramener.com/", "ws://gramener.com/", "file:///etc/passwd", "blob:http://gramener.com/x", "view-source:http://gramener.com/",
		"/%zz", "/%", "http://[::1", "http://gramener.com%2f@evil.com/", "/" + strings.Repeat("x", 2048),
	}
	request := func() *http.Request {
		r := httptest.NewRequest(http.MethodGet, "/login", nil)
		r.Host, r.URL.Scheme = "gramener.com", "http"
		return r
	}
	for text, want := range good {
		if got, ok := login.Local(request(), text); !ok || got != want {
			t.Errorf("%q leads to %q, %v, want %q", text, got, ok, want)
		}
	}
	for _, text := range bad {
		if got, ok := login.Local(request(), text); ok {
			t.Errorf("%q leads to %q", text, got)
		}
	}
}

func FuzzLocal(f *testing.F) {
	for _, text := range []string{"/", "//evil.com", "/\\evil.com", "http://gramener.com/x", "/%09/evil.com", "/a?b#c", "/.//x", "/\u3002"} {
		f.Add(text)
	}
	base, err := url.Parse("http://gramener.com/login")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r := httptest.NewRequest(http.MethodGet, "/login", nil)
		r.Host, r.URL.Scheme = "gramener.com", "http"
		target, ok := login.Local(r, text)
		if !ok {
			return
		}
		for i, c := range []byte(target) {
			if c <= ' ' || c >= 0x7f || c == '\\' || i == 0 && c != '/' || i == 1 && c == '/' {
				t.Fatalf("%q leads to %q", text, target)
			}
		}
		to, err := base.Parse(target)
		if err != nil || to.Scheme != "http" || to.Host != "gramener.com" || to.User != nil {
			t.Fatalf("%q leads to %v, %v", text, to, err)
		}
		if again, ok := login.Local(r, target); !ok || again != target {
			t.Fatalf("%q leads to %q, and that to %q, %v", text, target, again, ok)
		}
	})
}

// Where one goes after the login: what the form carries, the URL's query, the
// header, the usual place.
func TestRedirect(t *testing.T) {
	full := &login.Redirect{Query: "next", Header: "Referer", URL: "/home"}
	for name, tc := range map[string]struct {
		redirect *login.Redirect
		target   string // of the page and the form
		referer  string // of the page
		field    string // next in the form
		want     string
	}{
		"nothing":                      {nil, "/login", "", "", "/"},
		"query":                        {nil, "/login?next=/chat%3Fa=b", "", "", "/chat?a=b"},
		"a bad query":                  {nil, "/login?next=//evil.com", "", "", "/"},
		"a tab in the query":           {nil, "/login?next=/%09/evil.com", "", "", "/"},
		"field":                        {nil, "/login", "", "/chat", "/chat"},
		"a bad field":                  {nil, "/login?next=/x", "", "https:evil.com", "/"},
		"the field before the query":   {nil, "/login?next=/x", "", "/chat", "/chat"},
		"no header by itself":          {nil, "/login", "http://gramener.com/chat", "", "/"},
		"url":                          {full, "/login", "", "", "/home"},
		"a bad query and a good url":   {full, "/login?next=//evil.com", "http://gramener.com/chat", "", "/home"},
		"header":                       {full, "/login", "http://gramener.com/chat?a=b", "", "/chat?a=b"},
		"the query before the header":  {full, "/login?next=/x", "http://gramener.com/chat", "", "/x"},
		"a foreign header":             {full, "/login", "http://evil.com/chat", "", "/home"},
		"the login is no place to go":  {full, "/login", "http://gramener.com/login?x=y", "", "/home"},
		"another key":                  {&login.Redirect{Query: "to"}, "/login?next=/x&to=/y", "", "", "/y"},
		"header only":                  {&login.Redirect{Header: "Referer"}, "/login", "http://gramener.com/chat", "", "/chat"},
		"another site, as written":     {&login.Redirect{URL: "https://example.com/x"}, "/login", "", "", "https://example.com/x"},
		"another site, or the query's": {&login.Redirect{Query: "next", URL: "https://example.com/x"}, "/login?next=/y", "", "", "/y"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newSite(t, func(o *login.Options) { o.Redirect = tc.redirect }).browser()
			page := b.get(tc.target, "Referer", tc.referer)
			body := []string{"_xsrf", page.token(), "user", "alice", "password", "wonderland"}
			if tc.field != "" {
				body = append(body, "next", tc.field)
			}
			action := tc.target
			if tc.field == "" {
				action = "/login" + actionOf(t, page)
			}
			b.send(http.MethodPost, action, form(body...), "Referer", "http://gramener.com"+tc.target).want(t, http.StatusSeeOther, tc.want)
		})
	}
}

// actionOf is where the form of a page posts to.
func actionOf(t *testing.T, page answer) string {
	t.Helper()
	_, rest, _ := strings.Cut(page.body, ` action="`)
	action, _, found := strings.Cut(rest, `"`)
	if !found || !strings.HasPrefix(action, "?") {
		t.Fatalf("the form posts to %q", action)
	}
	return strings.ReplaceAll(action, "&amp;", "&")
}
