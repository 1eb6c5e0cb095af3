package httpd_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parley.example/parley/internal/httpd"
)

// rules are regular expressions as the config makes them of patterns.
func rules(patterns ...string) []*regexp.Regexp {
	var list []*regexp.Regexp
	for _, p := range patterns {
		list = append(list, regexp.MustCompile(`(?is)\A.*/`+p+`\z`))
	}
	return list
}

// TestTheServersSecretsAreNeverServed, by whatever name they are asked for.
func TestTheServersSecretsAreNeverServed(t *testing.T) {
	dir := folder(t, map[string]string{"data/secret": "", "data/other": "", "secret": ""})
	for link, target := range map[string]string{"link": "data/secret", "folder": "data"} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Link(filepath.Join(dir, "data", "secret"), filepath.Join(dir, "hard")); err != nil {
		t.Fatal(err)
	}
	never := []string{filepath.Join(dir, "folder", "secret"), filepath.Join(dir, "nothing")}
	s := httpd.New(httpd.Options{Dir: dir, DirRules: httpd.FileRules{Dir: dir, Never: never, Allow: rules("secret")}})
	for target, want := range map[string]int{
		"/data/secret": 404, "/folder/secret": 404, "/link": 404, "/hard": 404, "/data/other": 200, "/secret": 200,
	} {
		if w := get(s, target); w.Code != want {
			t.Errorf("%s: status %d, want %d", target, w.Code, want)
		}
	}
	files := httpd.NewFiles(httpd.FileOptions{Path: filepath.Join(dir, "data", "secret"), Rules: httpd.FileRules{Never: never}})
	w := httptest.NewRecorder()
	files.Serve(w, httptest.NewRequest(http.MethodGet, "/x", nil), nil)
	if w.Code != http.StatusNotFound {
		t.Errorf("named by path: status %d, want 404", w.Code)
	}
}

func TestIgnoredFilesDoNotExist(t *testing.T) {
	dir := folder(t, map[string]string{
		"index.html": "", "a.csv": "", "A.CSV": "", "data/b.csv": "", "data/open.csv": "", "data/x.txt": "",
		"private/x.txt": "", "private/deep/y.txt": "", "private/index.html": "", "private/notice.txt": "",
		"PRIVATE.txt": "", "x.private": "", "old/private/z.txt": "", "app.py": "", ".env": "", "public.yaml": "",
		"docs/index.html": "", "docs/a.html": "",
	})
	for link, target := range map[string]string{
		"link.txt": "a.csv", "link.csv": "data/x.txt", "shown.txt": "data/open.csv", "folder": "private", "ok.txt": "data/x.txt",
	} {
		if err := os.Symlink(target, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	opt := httpd.Options{Dir: dir, DirRules: httpd.FileRules{
		Dir:    dir,
		Ignore: rules(`.*\.csv`, `private`, `docs/index\.html`),
		Allow:  rules(`open\.csv`, `private/notice\.txt`, `app\.py`, `\.env`, `.*\.yaml`),
	}}
	s := httpd.New(opt)
	for target, want := range map[string]int{
		"/":                   200,
		"/a.csv":              404,
		"/A.CSV":              404,
		"/data/b.csv":         404,
		"/data/open.csv":      200,
		"/data/x.txt":         200,
		"/private/x.txt":      404, // the folder is ignored
		"/private/deep/y.txt": 404,
		"/private/":           404,
		"/private":            404, // no redirect tells that it is there
		"/private/notice.txt": 200,
		"/old/private/z.txt":  404, // at any depth
		"/PRIVATE.txt":        200,
		"/x.private":          200,
		"/docs/":              404,
		"/docs/a.html":        200,
		"/link.txt":           404, // its target is ignored
		"/link.csv":           404, // its name is
		"/ok.txt":             200,
		"/shown.txt":          200, // its target is allowed
		"/folder/x.txt":       404,
		"/folder/notice.txt":  200,
		"/app.py":             404, // hidden, whatever is allowed
		"/.env":               404,
		"/public.yaml":        404,
		"/nothing.csv":        404,
	} {
		if w := get(s, target); w.Code != want {
			t.Errorf("%s: status %d, want %d", target, w.Code, want)
		}
	}
	var log records
	files := httpd.NewFiles(httpd.FileOptions{Path: dir, Rules: opt.DirRules, Log: log.logger()})
	name := "a.csv"
	files.Serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/x", nil), []*string{&name})
	if lines := log.lines(t); len(lines) != 1 || lines[0]["level"] != "DEBUG" || lines[0]["path"] != "/a.csv" {
		t.Errorf("logged %v", lines)
	}
	if files.Shows(filepath.Join(dir, "a.csv")) || !files.Shows(filepath.Join(dir, "data", "open.csv")) {
		t.Error("Shows does not know the rules")
	}
}

func TestAllIsIgnoredButWhatIsAllowed(t *testing.T) {
	dir := folder(t, map[string]string{"index.html": "", "sub/index.html": "", "sub/a.txt": "", "other/a.txt": "", ".git/x.html": ""})
	s := httpd.New(httpd.Options{Dir: dir, DirRules: httpd.FileRules{Dir: dir, Ignore: rules(`.*`), Allow: rules(`.*\.html`)}})
	for target, want := range map[string]int{
		"/": 200, "/sub": 302, "/sub/": 200, "/sub/index.html": 200, "/sub/a.txt": 404, "/other": 404, "/other/": 404, "/.git/x.html": 404,
	} {
		if w := get(s, target); w.Code != want {
			t.Errorf("%s: status %d, want %d", target, w.Code, want)
		}
	}
}

// TestWhatPatternsSee serves one folder in different ways: below the app's
// folder patterns see the path from there, and elsewhere the folder's name.
func TestWhatPatternsSee(t *testing.T) {
	dir := folder(t, map[string]string{"app/data/sub/x.txt": "", "data/y.txt": "", "real/data/z.txt": ""})
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for link, target := range map[string]string{"app/out": "../real", "link": "app"} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		app, path, name string
		ignore          string
		status          int
	}{
		{"app", "app", "data/sub/x.txt", `data/sub/.*`, 404},
		{"app", "app/data", "sub/x.txt", `data/sub/.*`, 404},
		{"app", "app/data/sub", "x.txt", `data/sub/.*`, 404},
		{"app", "app/data/sub/x.txt", "", `data/sub/.*`, 404},
		{"app", "app/data/sub/x.txt", "", `app/data/.*`, 200},
		{"link", "app/data", "sub/x.txt", `data/sub/.*`, 404},
		{"link", "link/data", "sub/x.txt", `data/sub/.*`, 404},
		{"link", "link/data", "sub/x.txt", `app/.*`, 200},
		{"app", "data", "y.txt", `data/.*`, 404},
		{"app", "data/y.txt", "", `data/.*`, 200},
		{"app", "data", "y.txt", filepath.Base(dir) + `/data/.*`, 200},
		{"app", "app/out", "data/z.txt", `out/data/.*`, 404},  // as it was asked for
		{"app", "app/out", "data/z.txt", `real/data/.*`, 404}, // as it is
		{"", "app/data", "sub/x.txt", `data/sub/.*`, 404},
		{"gone", "app/data", "sub/x.txt", `data/sub/.*`, 404},
	} {
		rule := httpd.FileRules{Ignore: rules(tt.ignore)}
		if tt.app != "" {
			rule.Dir = at(tt.app)
		}
		files := httpd.NewFiles(httpd.FileOptions{Path: at(tt.path), Rules: rule})
		w := httptest.NewRecorder()
		files.Serve(w, httptest.NewRequest(http.MethodGet, "/x", nil), []*string{&tt.name})
		if w.Code != tt.status {
			t.Errorf("app %s, path %s, %s with %s: status %d, want %d", tt.app, tt.path, tt.name, tt.ignore, w.Code, tt.status)
		}
	}
}

func TestHeadersOfFiles(t *testing.T) {
	dir := folder(t, map[string]string{
		"a.html": "A", "x.js": "X", "lib/y.js": "Y", "data.bin": "<html>", "sub/index.html": "S", "target.css": "T",
	})
	if err := os.Symlink("target.css", filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	s := httpd.New(httpd.Options{Dir: dir, DirRules: httpd.FileRules{Dir: dir, Headers: []httpd.FileHeaders{
		{Header: http.Header{"X-Frame-Options": {"DENY"}, "Cache-Control": {"max-age=60"}, "Set-Cookie": {"a=1"}}},
		{Files: rules(`.*\.js`)[0], Header: http.Header{"Cache-Control": {"no-store"}, "X-Kind": {"code"}}},
		{Files: rules(`lib/.*`)[0], Header: http.Header{"Cache-Control": nil, "X-Content-Type-Options": nil}},
		{Files: rules(`.*\.bin`)[0], Header: http.Header{"Content-Type": nil}},
		{Files: rules(`.*\.css`)[0], Header: http.Header{"X-Kind": {"style"}}},
	}}})
	for _, tt := range []struct {
		target string
		want   map[string]string
	}{
		{"/a.html", map[string]string{
			"Cache-Control": "max-age=60", "Content-Type": "text/html; charset=utf-8", "X-Content-Type-Options": "nosniff", "Set-Cookie": "a=1",
		}},
		{"/x.js", map[string]string{"Cache-Control": "no-store", "X-Kind": "code"}},
		{"/lib/y.js", map[string]string{"Cache-Control": "", "X-Kind": "code", "X-Content-Type-Options": ""}},
		{"/data.bin", map[string]string{"Content-Type": ""}}, // not guessed either
		{"/link.txt", map[string]string{"X-Kind": "style", "Content-Type": "text/css; charset=utf-8"}},
		{"/sub/", map[string]string{"Cache-Control": "max-age=60"}},
	} {
		w := get(s, tt.target)
		if w.Code != 200 || w.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s: status %d, headers %v", tt.target, w.Code, w.Header())
		}
		for name, value := range tt.want {
			if got := strings.Join(w.Header()[name], ";"); got != value {
				t.Errorf("%s: %s = %q, want %q", tt.target, name, got, value)
			}
		}
	}
	tag := get(s, "/a.html").Header().Get("ETag")
	for _, tt := range []struct {
		name   string
		answer *httptest.ResponseRecorder
		status int
		sent   bool
	}{
		{"unchanged", get(s, "/a.html", header("If-None-Match", tag)), 304, true},
		{"a part", get(s, "/a.html", header("Range", "bytes=0-0")), 206, true},
		{"no file", get(s, "/b.html"), 404, false},
		{"a redirect", get(s, "/sub"), 302, false},
		{"a wrong method", do(s, "POST", "/a.html"), 405, false},
		{"the favicon, which is ours", get(s, "/favicon.ico"), 200, false},
	} {
		if got := tt.answer.Header().Get("X-Frame-Options") != ""; tt.answer.Code != tt.status || got != tt.sent {
			t.Errorf("%s: status %d, header sent: %t; want %d, %t", tt.name, tt.answer.Code, got, tt.status, tt.sent)
		}
	}
}

// TestIgnoredPagesAreNotListed looks at the start page, which is there since
// index.html is ignored.
func TestIgnoredPagesAreNotListed(t *testing.T) {
	dir := folder(t, map[string]string{"index.html": "", "shown.html": "", "draft.html": ""})
	s := httpd.New(httpd.Options{
		Dir: dir, DirRules: httpd.FileRules{Dir: dir, Ignore: rules(`index\.html`, `draft\..*`)},
		Start: func() httpd.StartPage { return httpd.StartPage{Title: "app"} },
	})
	w := get(s, "http://localhost/", func(r *http.Request) { r.RemoteAddr = "127.0.0.1:5" })
	body := w.Body.String()
	got := []bool{w.Code == 200, strings.Contains(body, "shown.html"), strings.Contains(body, "draft.html"), strings.Contains(body, "/index.html")}
	if want := []bool{true, true, false, false}; !slices.Equal(got, want) {
		t.Errorf("served, shown, draft, index: %v, want %v:\n%s", got, want, body)
	}
}
