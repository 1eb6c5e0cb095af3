package httpd_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"parley.example/parley/internal/httpd"
)

func TestHiddenFilesDoNotExist(t *testing.T) {
	secret := []string{
		"app.py", "APP.PY", "app.pyc", "app.pyo", "bot.star", "main.go", "Main.GO", "main.go~", "go.mod", "go.sum", "go.work", "go.mod.bak", "gramex.yaml", "x.yml", "X.YaML",
		"key.pem", "tls.key", "TLS.KEY", "all.p12", "all.pfx", "key.pem.bak", "privkey.pem~",
		"app.db", "app.db-wal", "app.db-shm", "app.db-journal", "app.DB-WAL",
		"app.py~", "app.py.bak", "app.py.orig", "app.py.bak~", "gramex.yaml.old", "#app.py#", "app.py.swp",
		"__pycache__/x.txt", "__PyCache__/x.txt", "sub/__pycache__/app.cpython-311.pyc",
		".env", ".git/config", ".well-known/x.txt", "sub/.hidden/x.txt", "sub/.x.html",
		"sub/app.py", "folder.py/x.txt", "data.db/x.txt",
		"ends.", "ends.py.", "ends.py ", "ends.py. .", "back\\slash.txt",
		"app.py:stream", "zero\u200bwidth.txt", "app.p\u200by", "new\u2028line.txt", "x.\u017ftar", "bad\xff.txt",
	}
	visible := []string{
		"a.html", "sub/a.html", "py", "app.pyx", "python.txt", "app.python", "db", "my.db.html", "a.py.html",
		"x-wal", "copy.bak", "key", "pem", "x.key.html", "star.html", "two words.txt", "ünï.txt", "日本.txt", "a:b.txt", "sub/index.html", "a..b",
	}
	files := map[string]string{}
	for _, name := range append(secret, visible...) {
		files[name] = "SECRET"
	}
	dir := folder(t, files)
	s := httpd.New(httpd.Options{Dir: dir})
	for _, name := range secret {
		escaped := (&url.URL{Path: "/" + name}).EscapedPath()
		if w := get(s, escaped); w.Code != 404 && w.Code != 400 || strings.Contains(w.Body.String(), "SECRET") {
			t.Errorf("%q: status %d: %s", name, w.Code, w.Body)
		}
	}
	for _, name := range visible {
		escaped := (&url.URL{Path: "/" + name}).EscapedPath()
		if w := get(s, escaped); w.Code != 200 || w.Body.String() != "SECRET" {
			t.Errorf("%q: status %d: %s", name, w.Code, w.Body)
		}
	}
}

func TestShows(t *testing.T) {
	dir := folder(t, map[string]string{"app/a.html": "", "app/sub/b": "", "app/key.pem": "", "c.html": ""})
	at := func(name string) string { return filepath.Join(dir, filepath.FromSlash(name)) }
	for link, target := range map[string]string{"in": "app/a.html", "app/out.html": "../c.html", "app/in.pem": "a.html"} {
		if err := os.Symlink(target, at(link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		path, file string
		want       bool
	}{
		{"app", "app/a.html", true},
		{"app", "app/sub/b", true},
		{"app", "in", true},         // it is the same file
		{"app", "app/in.pem", true}, // likewise
		{"app", "app/key.pem", false},
		{"app", "app/sub", false},
		{"app", "c.html", false},
		{"app", "app/out.html", false},
		{"app", "app/nothing", false},
		{"app/a.html", "app/a.html", true},
		{"app/a.html", "app/sub/b", false},
		{"app/key.pem", "app/key.pem", false},
		{"nothing", "app/a.html", false},
	} {
		if got := httpd.NewFiles(httpd.FileOptions{Path: at(tt.path)}).Shows(at(tt.file)); got != tt.want {
			t.Errorf("%s shows %s: %t, want %t", tt.path, tt.file, got, tt.want)
		}
	}
}

func TestPathsThatLeadElsewhere(t *testing.T) {
	dir := folder(t, map[string]string{
		"outside.txt": "SECRET", "app-evil/x.txt": "SECRET",
		"app/a.html": "A", "app/sub/b.html": "B", "app/x.py": "SECRET", "app/.env": "SECRET", "app/nofiles/x.yaml": "SECRET",
	})
	app := filepath.Join(dir, "app")
	for link, target := range map[string]string{
		"good.html":     "a.html",
		"goodabs.html":  filepath.Join(app, "a.html"),
		"updown.html":   "../app/sub/b.html",
		"sub/up.html":   "../a.html",
		"goodfolder":    "sub",
		"chain.html":    "good.html",
		"self":          ".",
		"code.html":     "x.py",
		"code2.html":    "code.html",
		"env.html":      ".env",
		"out.html":      "../outside.txt",
		"outabs.html":   filepath.Join(dir, "outside.txt"),
		"outfolder":     "..",
		"sibling":       "../app-evil",
		"top":           "/",
		"dangling.html": "nothing.html",
		"loop.html":     "loop.html",
	} {
		if err := os.Symlink(target, filepath.Join(app, filepath.FromSlash(link))); err != nil {
			t.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(filepath.Join(app, "pipe.html"), 0o644); err != nil {
		t.Fatal(err)
	}
	s := httpd.New(httpd.Options{Dir: app})
	for target, want := range map[string]string{
		"/a.html":                      "A",
		"/sub/b.html":                  "B",
		"/good.html":                   "A",
		"/goodabs.html":                "A",
		"/updown.html":                 "B",
		"/sub/up.html":                 "A",
		"/goodfolder/b.html":           "B",
		"/chain.html":                  "A",
		"/self/a.html":                 "A",
		"/self/self/sub/b.html":        "B",
		"/sub%2Fb.html":                "",
		"/sub%5Cb.html":                "",
		"/sub//b.html":                 "",
		"//a.html":                     "",
		"/./a.html":                    "",
		"/a.html/":                     "",
		"/a.html/x":                    "",
		"/a.html%00":                   "",
		"/a.html%20":                   "",
		"/a.html.":                     "",
		"/../outside.txt":              "",
		"/sub/../a.html":               "",
		"/%2e%2e/outside.txt":          "",
		"/..%2foutside.txt":            "",
		"/..%5coutside.txt":            "",
		"/%252e%252e/outside.txt":      "",
		"/code.html":                   "",
		"/code2.html":                  "",
		"/env.html":                    "",
		"/out.html":                    "",
		"/outabs.html":                 "",
		"/outfolder/outside.txt":       "",
		"/sibling/x.txt":               "",
		"/top/etc/passwd":              "",
		"/dangling.html":               "",
		"/loop.html":                   "",
		"/pipe.html":                   "",
		"/nofiles":                     "",
		"/nofiles/":                    "",
		"/sub":                         "", // no index.html
		"/sub/":                        "",
		"/" + strings.Repeat("n", 300): "",
	} {
		w := get(s, target)
		if want == "" {
			if w.Code < 400 || strings.Contains(w.Body.String(), "SECRET") {
				t.Errorf("%s: status %d: %s", target, w.Code, w.Body)
			}
		} else if w.Code != 200 || w.Body.String() != want {
			t.Errorf("%s: status %d %q, want %q", target, w.Code, w.Body, want)
		}
	}
}

func TestAFolderShowsItsDefaultFile(t *testing.T) {
	dir := folder(t, map[string]string{
		"index.html": "TOP", "sub/index.html": "SUB", "javascript:x/index.html": "X", "sp ace/index.html": "S", "dir/index.html/x": "",
	})
	s := httpd.New(httpd.Options{Dir: dir})
	for _, tt := range []struct{ target, body, location string }{
		{"/", "TOP", ""},
		{"/sub/", "SUB", ""},
		{"/sub", "", "./sub/"},
		{"/sub?next=//evil.example", "", "./sub/?next=//evil.example"},
		{"/javascript:x", "", "./javascript:x/"},
		{"/sp%20ace", "", "./sp%20ace/"},
	} {
		w := get(s, tt.target)
		if tt.location == "" {
			if w.Code != 200 || w.Body.String() != tt.body {
				t.Errorf("%s: %d %s, want %s", tt.target, w.Code, w.Body, tt.body)
			}
			continue
		}
		if got := w.Header().Get("Location"); w.Code != http.StatusFound || got != tt.location {
			t.Errorf("%s: %d to %q, want 302 to %q", tt.target, w.Code, got, tt.location)
		}
	}
	for _, target := range []string{"//evil.example", "//evil.example/..", "//sub", "/dir/", "/dir"} {
		if w := get(s, target); w.Code < 400 || w.Header().Get("Location") != "" {
			t.Errorf("%s: status %d to %q, want an error", target, w.Code, w.Header().Get("Location"))
		}
	}
}

func TestFileHandler(t *testing.T) {
	dir := folder(t, map[string]string{
		"site/home.html": "HOME", "site/sub/home.html": "SUB", "site/a.css": "CSS", "site/x.py": "SECRET",
		"one.txt": "ONE", ".dot/home.html": "DOT", "secret.yaml": "SECRET",
	})
	if err := os.Symlink("secret.yaml", filepath.Join(dir, "link.txt")); err != nil {
		t.Fatal(err)
	}
	sub := func(s string) []*string { return []*string{&s} }
	for _, tt := range []struct {
		name, path string
		url        string
		groups     []*string
		want       string // "" is 404; begins with ./ for a redirect
	}{
		{"a file", "one.txt", "/one", nil, "ONE"},
		{"a file takes no path", "one.txt", "/one/x", sub("x"), ""},
		{"a file and an empty group", "one.txt", "/one", sub(""), "ONE"},
		{"a hidden file stays hidden", "secret.yaml", "/one", nil, ""},
		{"a link to a hidden file", "link.txt", "/one", nil, ""},
		{"no such path", "nothing", "/one", nil, ""},
		{"a folder without a group", "site", "/site", nil, "HOME"},
		{"a group that took no part", "site", "/site", []*string{nil}, "HOME"},
		{"a file of the folder", "site", "/site/a.css", sub("a.css"), "CSS"},
		{"with the slash in the group", "site", "/site/a.css", sub("/a.css"), "CSS"},
		{"only the first group counts", "site", "/site/a.css", append(sub("a.css"), sub("x.py")...), "CSS"},
		{"a folder below", "site", "/site/sub/", sub("sub/"), "SUB"},
		{"a folder below, pattern with slash", "site", "/site/sub/", sub("sub"), "SUB"},
		{"a folder below, no slash", "site", "/site/sub", sub("sub"), "./sub/"},
		{"hidden below", "site", "/site/x.py", sub("x.py"), ""},
		{"out of the folder", "site", "/site/x", sub("../one.txt"), ""},
		{"out of the folder, absolute", "site", "/site/x", sub("/" + dir + "/one.txt"), ""},
		{"a hidden folder on purpose", ".dot", "/dot", nil, "DOT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := httpd.NewFiles(httpd.FileOptions{Path: filepath.Join(dir, tt.path), DefaultFilename: "home.html"})
			w := httptest.NewRecorder()
			files.Serve(w, httptest.NewRequest(http.MethodGet, tt.url, nil), tt.groups)
			got := w.Body.String()
			switch {
			case w.Code == 302:
				got = w.Header().Get("Location")
			case w.Code == 404:
				got = ""
			case w.Code != 200:
				t.Errorf("status %d", w.Code)
			}
			if got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestAFolderWithoutADefaultFileShowsNothing(t *testing.T) {
	dir := folder(t, map[string]string{"index.html": "INDEX"})
	files := httpd.NewFiles(httpd.FileOptions{Path: dir})
	for name, want := range map[string]int{"": 404, "/": 404, "index.html": 200} {
		w := httptest.NewRecorder()
		files.Serve(w, httptest.NewRequest(http.MethodGet, "/site/"+name, nil), []*string{&name})
		if w.Code != want {
			t.Errorf("%q: status %d, want %d", name, w.Code, want)
		}
	}
}

func TestKindsOfFiles(t *testing.T) {
	png := "\x89PNG\x0d\x0a\x1a\x0a"
	files := map[string][2]string{
		"a.html":   {"x", "text/html; charset=utf-8"},
		"A.HTM":    {"x", "text/html; charset=utf-8"},
		"a.js":     {"x", "text/javascript; charset=utf-8"},
		"a.mjs":    {"x", "text/javascript; charset=utf-8"},
		"a.css":    {"x", "text/css; charset=utf-8"},
		"a.svg":    {"x", "image/svg+xml; charset=utf-8"},
		"a.wasm":   {"x", "application/wasm"},
		"a.json":   {"x", "application/json"},
		"a.webp":   {"x", "image/webp"},
		"a.woff2":  {"x", "font/woff2"},
		"a.txt":    {"x", "text/plain; charset=utf-8"},
		"a.png":    {png, "image/png"},
		"README":   {"plain words", "text/plain; charset=utf-8"},
		"empty":    {"", "text/plain; charset=utf-8"},
		"page":     {"<!DOCTYPE html><script>alert(1)</script>", "text/plain; charset=utf-8"},
		"x.bin":    {"\x00\x01\x02\xff", "application/octet-stream"},
		"picture":  {png, "application/octet-stream"},
		"a.x-user": {"<svg xmlns='http://www.w3.org/2000/svg'/>", "text/plain; charset=utf-8"},
	}
	contents := map[string]string{}
	for name, f := range files {
		contents[name] = f[0]
	}
	s := httpd.New(httpd.Options{Dir: folder(t, contents)})
	for name, f := range files {
		w := get(s, "/"+name)
		if got := w.Header().Get("Content-Type"); got != f[1] || w.Body.String() != f[0] {
			t.Errorf("%s: %s, want %s", name, got, f[1])
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || w.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: headers %v", name, w.Header())
		}
	}
}

func TestMethodsRangesAndCopies(t *testing.T) {
	s := httpd.New(httpd.Options{Dir: folder(t, map[string]string{"a.txt": "0123456789", "sub/index.html": "S"})})
	first := get(s, "/a.txt")
	tag, date := first.Header().Get("ETag"), first.Header().Get("Last-Modified")
	if tag == "" || date == "" {
		t.Fatalf("no ETag or Last-Modified: %v", first.Header())
	}
	for _, tt := range []struct {
		name, method, target string
		change               func(*http.Request)
		status               int
		body                 string
	}{
		{"range", "GET", "/a.txt", header("Range", "bytes=2-4"), 206, "234"},
		{"range beyond", "GET", "/a.txt", header("Range", "bytes=20-"), 416, ""},
		{"same tag", "GET", "/a.txt", header("If-None-Match", tag), 304, ""},
		{"same date", "GET", "/a.txt", header("If-Modified-Since", date), 304, ""},
		{"other tag", "GET", "/a.txt", header("If-None-Match", `"x"`), 200, "0123456789"},
		{"head", "HEAD", "/a.txt", nil, 200, ""},
		{"options", "OPTIONS", "/a.txt", nil, 204, ""},
		{"post", "POST", "/a.txt", nil, 405, ""},
		{"put", "PUT", "/sub", nil, 405, ""},
		{"delete nothing", "DELETE", "/nothing", nil, 404, ""},
		{"head nothing", "HEAD", "/nothing", nil, 404, ""},
	} {
		var change []func(*http.Request)
		if tt.change != nil {
			change = append(change, tt.change)
		}
		w := do(s, tt.method, tt.target, change...)
		if w.Code != tt.status || tt.status < 400 && w.Body.String() != tt.body {
			t.Errorf("%s: %d %q, want %d %q", tt.name, w.Code, w.Body, tt.status, tt.body)
		}
		if allow := w.Header().Get("Allow"); (tt.status == 405 || tt.status == 204) && allow != "GET, HEAD, OPTIONS" {
			t.Errorf("%s: Allow = %q", tt.name, allow)
		}
	}
	if got := do(s, "HEAD", "/a.txt").Header().Get("Content-Length"); got != "10" {
		t.Errorf("HEAD: Content-Length = %q, want 10", got)
	}
}

func TestASavedFileIsANewOne(t *testing.T) {
	dir := folder(t, map[string]string{"a.txt": "old"})
	s := httpd.New(httpd.Options{Dir: dir})
	tag := get(s, "/a.txt").Header().Get("ETag")
	if err := os.WriteFile(filepath.Join(dir, "a.txt"), []byte("newer"), 0o644); err != nil {
		t.Fatal(err)
	}
	if w := get(s, "/a.txt", header("If-None-Match", tag)); w.Code != 200 || w.Body.String() != "newer" {
		t.Errorf("status %d %q, want the new text", w.Code, w.Body)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if w := get(s, "/a.txt"); w.Code != 404 {
		t.Errorf("without the folder: status %d, want 404", w.Code)
	}
}

// FuzzStaticPath asks for any path of a folder in which everything that may be
// seen says PUBLIC; nothing else may come out.
func FuzzStaticPath(f *testing.F) {
	dir := folder(f, map[string]string{
		"outside.txt": "SECRET", "app/index.html": "PUBLIC", "app/a.txt": "PUBLIC", "app/sub/index.html": "PUBLIC",
		"app/x.py": "SECRET", "app/gramex.yaml": "SECRET", "app/.env": "SECRET", "app/sub/.git/config": "SECRET",
		"app/x.db": "SECRET", "app/x.db-wal": "SECRET", "app/__pycache__/x.txt": "SECRET",
		"app/ignored.txt": "SECRET", "app/sub/ignored/x.txt": "SECRET",
	})
	for link, target := range map[string]string{
		"out": "..", "code.txt": "x.py", "in": "sub", "abs": dir, "ok.txt": "ignored.txt", "fine": "sub/ignored",
	} {
		if err := os.Symlink(target, filepath.Join(dir, "app", link)); err != nil {
			f.Fatal(err)
		}
	}
	app := filepath.Join(dir, "app")
	rule := httpd.FileRules{Dir: dir, Ignore: rules(`ignored.*`), Allow: rules(`.*\.py`, `.*\.env`, `.*\.yaml`)}
	s := httpd.New(httpd.Options{Dir: app, DirRules: rule})
	files := httpd.NewFiles(httpd.FileOptions{Path: app, DefaultFilename: "index.html", Rules: rule})
	for _, seed := range []string{
		"/a.txt", "/sub/", "/in/", "/x.py", "/X.PY", "/x.py.", "/x.py ", "/x.py/", "/.env", "/sub/.git/config", "/out/outside.txt",
		"/../outside.txt", "/code.txt", "/abs/outside.txt", "/__pycache__/x.txt", "/x.db-wal", "/sub/../x.py", "/x.py\x00.txt",
		"//x.py", "/./x.py", "\\x.py", "/sub/..\\x.py", "/x.p\u200by", "/ignored.txt", "/IGNORED.TXT", "/sub/ignored/x.txt", "/ok.txt", "/fine/x.txt",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, path string) {
		check := func(w *httptest.ResponseRecorder) {
			t.Helper()
			if strings.Contains(w.Body.String(), "SECRET") || w.Code == 200 && w.Body.String() != "PUBLIC" {
				t.Errorf("%q: status %d: %s", path, w.Code, w.Body)
			}
			if at := w.Header().Get("Location"); at != "" {
				base, _ := url.Parse("http://app.example" + (&url.URL{Path: path}).EscapedPath())
				if base == nil {
					return
				}
				to, err := base.Parse(at)
				if err != nil || to.Host != "app.example" || to.Scheme != "http" {
					t.Errorf("%q leads to %q", path, at)
				}
			}
		}
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		if path != "/favicon.ico" && !strings.HasPrefix(path, "/.parley/") {
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			check(w)
		}
		w := httptest.NewRecorder()
		files.Serve(w, r, []*string{&path}) // also what no path can be
		check(w)
	})
}
