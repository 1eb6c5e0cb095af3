package config_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"parley.example/parley/internal/config"
)

func noEnv(string) (string, bool) { return "", false }

// app writes files into a folder and returns it.
func app(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func mustLoad(t *testing.T, path string, opt config.Options) *config.Config {
	t.Helper()
	if opt.Env == nil {
		opt.Env = noEnv
	}
	cfg, err := config.Load(path, opt)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func TestDefaults(t *testing.T) {
	dir := app(t, map[string]string{"gramex.yaml": "url:\n"})
	cfg := mustLoad(t, dir, config.Options{})
	if cfg.App.Listen.Port != 9988 || cfg.App.Listen.Address != "127.0.0.1" || len(cfg.App.Listen.TrustedProxies) != 2 {
		t.Errorf("listen = %+v", cfg.App.Listen)
	}
	if s := cfg.App.Session; s.Cookie != "sid" || s.Expiry != 31*24*time.Hour || s.Store != "sqlite" || s.Path != "" {
		t.Errorf("session = %+v", s)
	}
	if cfg.App.ShutdownTimeout != 10*time.Second || cfg.App.Settings.CookieSecrets != nil {
		t.Errorf("app = %+v", cfg.App)
	}
	if cfg.Log.Level != slog.LevelInfo || cfg.Log.Format != "text" {
		t.Errorf("log = %+v", cfg.Log)
	}
	if p := cfg.Python; p.Executable != "python3" || p.Workers != 1 || p.HangTimeout != time.Minute || len(p.Path) != 0 {
		t.Errorf("python = %+v", p)
	}
}

func TestFolderAndFileAreTheSame(t *testing.T) {
	dir := app(t, map[string]string{"gramex.yaml": "url: {}\n", "other.yaml": "log: {level: debug}\n"})
	byFolder := mustLoad(t, dir, config.Options{})
	byFile := mustLoad(t, filepath.Join(dir, "gramex.yaml"), config.Options{})
	for _, cfg := range []*config.Config{byFolder, byFile} {
		if cfg.Dir != dir || cfg.File != filepath.Join(dir, "gramex.yaml") {
			t.Errorf("dir %s file %s", cfg.Dir, cfg.File)
		}
	}
	t.Chdir(dir)
	cfg := mustLoad(t, "other.yaml", config.Options{})
	if filepath.Base(cfg.File) != "other.yaml" || !filepath.IsAbs(cfg.File) || cfg.Log.Level != slog.LevelDebug {
		t.Errorf("file %s, log %+v", cfg.File, cfg.Log)
	}
}

func TestMissingPath(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "gone"), config.Options{})
	if err == nil || !strings.HasSuffix(err.Error(), "gone: no such file or folder") {
		t.Errorf("error = %v", err)
	}
}

func TestEnvironmentIsTheProcessOne(t *testing.T) {
	t.Setenv("PARLEY_TEST_PORT", "4711")
	dir := app(t, map[string]string{"gramex.yaml": "app: {listen: {port: $PARLEY_TEST_PORT}}\n"})
	cfg, err := config.Load(dir, config.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.App.Listen.Port != 4711 {
		t.Errorf("port = %d", cfg.App.Listen.Port)
	}
}

func TestRouteOrder(t *testing.T) {
	const file = "kwargs: {path: .}, handler: FileHandler"
	dir := app(t, map[string]string{
		"gramex.yaml": "import: sub/more.yaml\nurl:\n" +
			"  low: {pattern: /a, priority: -1, " + file + "}\n" +
			"  first: {pattern: /b, " + file + "}\n" +
			"  high: {pattern: /c, priority: 2, " + file + "}\n" +
			"  second: {pattern: /d, " + file + "}\n",
		"sub/more.yaml": "url:\n  third: {pattern: /e, " + file + "}\n  higher: {pattern: /f, priority: 3, " + file + "}\n",
	})
	var names []string
	cfg := mustLoad(t, dir, config.Options{})
	for _, e := range cfg.Endpoints {
		names = append(names, e.Name)
	}
	if want := []string{"higher", "high", "first", "second", "third", "low"}; !slices.Equal(names, want) {
		t.Errorf("order = %v, want %v", names, want)
	}
	if want := []string{dir, filepath.Join(dir, "sub")}; !slices.Equal(cfg.Dirs, want) {
		t.Errorf("dirs = %v, want %v", cfg.Dirs, want)
	}
}

// TestRouteOrderOfPatterns has endpoints of one priority, each pattern after
// those that Gramex tries before it.
func TestRouteOrderOfPatterns(t *testing.T) {
	want := []string{
		"/a/b/c",
		"/a/b/.*",    // a wildcard
		"(/x|/y)/.+", // likewise: as in the file
		"/a/.*/b.*",  // one more
		"/a/b",       // fewer slashes
		"/[^/]*",     // they count wherever they stand
		"/first",
		"/second",
		"/\\w+",
		"/\\w+-.*",
	}
	for _, order := range [][]int{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, {9, 8, 6, 7, 5, 4, 3, 1, 2, 0}} {
		var urls strings.Builder
		for _, i := range order {
			fmt.Fprintf(&urls, "  e%d: {pattern: '%s', handler: FileHandler, kwargs: {path: .}}\n", i, want[i])
		}
		var got []string
		for _, e := range mustLoad(t, app(t, map[string]string{"gramex.yaml": "url:\n" + urls.String()}), config.Options{}).Endpoints {
			got = append(got, e.Pattern)
		}
		if !slices.Equal(got, want) {
			t.Errorf("order = %q, want %q", got, want)
		}
	}
}

func TestPatternsMatchWholePaths(t *testing.T) {
	tests := []struct {
		pattern, folder string
		match, not      []string
	}{
		{pattern: "/x", match: []string{"/x"}, not: []string{"/x/", "/xy", "/a/x", "/x\n", ""}},
		{pattern: "/x$", match: []string{"/x"}, not: []string{"/xy"}},
		{pattern: "^/x", match: []string{"/x"}, not: []string{"/xy"}},
		{pattern: "/a|/b", match: []string{"/a", "/b"}, not: []string{"/ab", "/a/b"}},
		{pattern: "(?i)/chat/(.*)", match: []string{"/CHAT/x", "/chat/"}, not: []string{"/chat"}},
		{pattern: "/$YAMLURL/x", match: []string{"/x"}, not: []string{"//x", "/./x"}},
		{pattern: "/$YAMLURL", match: []string{"/"}, not: []string{"/x", ""}},
		{pattern: "/${YAMLURL}/x", folder: "sub", match: []string{"/sub/x"}, not: []string{"/x"}},
		{pattern: "/$YAMLURL/x", folder: "v1.0+a", match: []string{"/v1.0+a/x"}, not: []string{"/v100a/x"}},
		{pattern: "/$YAMLURL/x", folder: "a/b", match: []string{"/a/b/x"}, not: []string{"/b/x"}},
	}
	for _, tt := range tests {
		t.Run(tt.folder+tt.pattern, func(t *testing.T) {
			dir := app(t, map[string]string{
				"gramex.yaml":                      "import: '" + filepath.ToSlash(filepath.Join(tt.folder, "x.yaml")) + "'\n",
				filepath.Join(tt.folder, "x.yaml"): "url: {x: {pattern: '" + tt.pattern + "', handler: FileHandler, kwargs: {path: .}}}\n",
			})
			re := mustLoad(t, dir, config.Options{}).Endpoints[0].Regexp
			for _, path := range tt.match {
				if !re.MatchString(path) {
					t.Errorf("%s does not match %q", re, path)
				}
			}
			for _, path := range tt.not {
				if re.MatchString(path) {
					t.Errorf("%s matches %q", re, path)
				}
			}
		})
	}
}

// TestProblemsStandInFileOrder has mistakes in three files and on the command
// line, found in another order.
func TestProblemsStandInFileOrder(t *testing.T) {
	dir := app(t, map[string]string{
		"gramex.yaml": "url:\n  a: {handler: FileHandler, kwargs: {path: .}}\nlog: {level: x, zebra: y}\napp: {zebra: 1}\nimport: [b.yaml, c.yaml]\n",
		"b.yaml":      "zebra: 1\nurl: {b: {}}\n",
		"c.yaml":      "a: b: c\n",
	})
	_, err := config.Load(dir, config.Options{Env: noEnv, Overrides: []config.Override{{Key: "zebra", Value: "1"}, {Key: "apple", Value: "1"}}})
	var places []string
	for line := range strings.SplitSeq(err.Error(), "\n") {
		place, _, _ := strings.Cut(line, ": ")
		places = append(places, place)
	}
	want := []string{
		"gramex.yaml:2:3", "gramex.yaml:3:14", "gramex.yaml:3:17", "gramex.yaml:4:7",
		"b.yaml:1:1", "b.yaml:2:7", "b.yaml:2:7", "c.yaml:1:1", "--zebra", "--apple",
	}
	if !slices.Equal(places, want) {
		t.Errorf("places = %q, want %q:\n%v", places, want, err)
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	const secret = "hunter2-hunter2-hunter2"
	env := func(name string) (string, bool) { return secret, name == "SECRET" }
	check := func(string) (string, error) { return "", errors.New("is no hash") }
	for _, yaml := range []string{
		"app: {settings: {cookie_secret: {" + secret + ": 1}}}",
		"app: {settings: {cookie_secret: [[" + secret + "]]}}",
		"app: {settings: {cookie_secret: pa$" + secret + "}}",
		"app: {settings: {cookie_secret: $SECRET, login_url: $SECRET}, listen: {port: $SECRET, address: ':$SECRET'}, session: {expiry: $SECRET}}",
		"app: {session: {domain: '.$SECRET'}, auth: {login_url: $SECRET, methods: $SECRET, query: =$SECRET}}",
		"log: {level: $SECRET}",
		"url: {x: {pattern: '/($SECRET', handler: $SECRET}}",
		"url: {x: {pattern: /x, handler: SimpleAuth, kwargs: {credentials: {ann: " + secret + "}, template: $SECRET, delay: $SECRET}}}",
		"url: {x: {pattern: /x, handler: SimpleAuth, kwargs: {credentials: {ann: {password: [" + secret + "]}}}}}",
		"url: {x: {pattern: /x, handler: SimpleAuth, kwargs: {credentials: [{ann: " + secret + "}]}}}",
		"url: {x: {pattern: /x, handler: SimpleAuth, kwargs: {credentials: {ann: $" + secret + "}}}}",
		"url: {x: {pattern: /x, handler: SimpleAuth, kwargs: {credentials: {ann: *" + secret + "}}}}",
		"url: {x: {pattern: /x, handler: SimpleAuth, kwargs: {credentials: {ann: !" + secret + "}}}}",
		"url: {x: {pattern: /x, handler: SimpleAuth, kwargs: {credentials: {ann: !!int " + secret + "}}}}",
		"variables: {ANN_PASSWORD: x$" + secret + "}",
		"app: {token: {secret: {" + secret + ": 1}}}",
		"app: {token: {secret: " + secret + ", from: $SECRET, algorithms: $SECRET, jwks: $SECRET, user: {id: .$SECRET}, grace: $SECRET}}",
	} {
		dir := app(t, map[string]string{"gramex.yaml": yaml + "\n"})
		cfg, err := config.Load(dir, config.Options{Env: env, CheckPassword: check})
		if err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: error = %v", yaml, err)
		}
		if cfg == nil {
			continue // not even YAML
		}
		for _, w := range cfg.Warnings {
			if strings.Contains(w.String(), secret) {
				t.Errorf("%s: warning: %s", yaml, w)
			}
		}
	}
	dir := app(t, map[string]string{"gramex.yaml": `
app:
  settings: {cookie_secret: [$SECRET, ` + secret + `]}
  token: {secret: $SECRET}
url:
  login: {pattern: /login, handler: SimpleAuth, kwargs: {credentials: {ann: $SECRET, bob: {password: ` + secret + `}}}}
  chat: {pattern: /chat, handler: WebSocketHandler, kwargs: {token: {secret: [$SECRET]}}}
`})
	cfg := mustLoad(t, dir, config.Options{Env: env})
	var dump strings.Builder
	if err := cfg.Dump(&dump); err != nil {
		t.Error(err)
	}
	data, err := json.Marshal(cfg.App)
	if err != nil {
		t.Error(err)
	}
	data = fmt.Appendf(data, "%s %+v %#v", dump.String(), cfg.App.Settings, cfg.App.Settings)
	for _, e := range cfg.Endpoints {
		data = fmt.Appendf(data, "%s", e.Kwargs)
		if e.Login != nil {
			data = fmt.Appendf(data, "%v %q %x %#v", e.Login, e.Login, e.Login, e.Login.Credentials)
		}
		if e.WebSocket != nil {
			data = fmt.Appendf(data, "%v %#v", e.WebSocket.Token, e.WebSocket.Token.Secrets)
		}
	}
	if strings.Contains(string(data), secret) || strings.Contains(string(data), fmt.Sprintf("%x", secret)) {
		t.Errorf("a secret is shown: %s", data)
	}
}

func TestImportedFileThroughASymlink(t *testing.T) {
	dir := app(t, map[string]string{"gramex.yaml": "import: [a.yaml, b.yaml]\n", "a.yaml": "url: {}\n"})
	if err := os.Symlink("a.yaml", filepath.Join(dir, "b.yaml")); err != nil {
		t.Fatal(err)
	}
	_, err := config.Load(dir, config.Options{Env: noEnv})
	if err == nil || !strings.Contains(err.Error(), "imported already") {
		t.Errorf("error = %v", err)
	}
}

// TestSeed loads the samples of the document that Parley started from.
func TestSeed(t *testing.T) {
	dir := os.Getenv("PARLEY_SEED")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "seed", "app")
	}
	if _, err := os.Stat(dir); err != nil {
		t.Logf("NOT TESTED: the seed's app is not at %s; set PARLEY_SEED to its folder (testdata/seed.good.yaml was tested)", dir)
		return
	}
	cfg := mustLoad(t, dir, config.Options{})
	if len(cfg.Warnings) != 0 {
		t.Errorf("warnings: %v", cfg.Warnings)
	}
	got := map[string]string{}
	for _, e := range cfg.Endpoints {
		got[e.Name] = e.Pattern
		if e.WebSocket.Open == nil || e.WebSocket.OnMessage == nil {
			t.Errorf("%s has no functions", e.Name)
		}
	}
	if len(got) != 2 || got["pingbot"] != "/pingbot" || got["websockethandler/messages"] != "/messages" {
		t.Errorf("endpoints = %v", got)
	}
	if origins := cfg.Endpoints[0].WebSocket.Origins; len(origins) != 3 || origins[0].Text != "gramener.com" {
		t.Errorf("origins = %v", origins)
	}
}

func TestGlobsOfFiles(t *testing.T) {
	tests := []struct {
		glob       string
		match, not []string
	}{
		{"*.csv", []string{"/a.csv", "/a/b.csv", "/a/.csv", "/A.CSV", "/line\nbreak.csv"}, []string{"/a.csv/b", "/acsv", "a.csv", "/a.csv~"}},
		{"a.csv", []string{"/a.csv", "/b/a.csv"}, []string{"/xa.csv", "/a-csv"}},
		{"data/*", []string{"/data/x", "/data/x/y", "/a/data/x", "/DATA/x"}, []string{"/data", "/mydata/x"}},
		{"data/**", []string{"/data/x", "/data/x/y"}, []string{"/data"}},
		{"data/*.js", []string{"/data/x.js", "/data/x/y.js"}, []string{"/data/x.css"}},
		{".*", []string{"/.x", "/a/.x", "/.x/y"}, []string{"/x.y"}},
		{"?.txt", []string{"/a.txt", "/é.txt"}, []string{"/.txt", "/ab.txt"}},
		{"[ab-d].x", []string{"/a.x", "/c.x", "/C.x"}, []string{"/e.x", "/-.x"}},
		{"[!ab].x", []string{"/c.x", "/!.x"}, []string{"/a.x", "/A.x"}},
		{"[]^].x", []string{"/].x", "/^.x"}, []string{"/a.x"}},
		{`[\d[].x`, []string{`/\.x`, "/d.x", "/[.x"}, []string{"/1.x"}},
		{"[:alpha:]", []string{"/a", "/:"}, []string{"/b"}},
		{"[a.x", []string{"/[a.x"}, []string{"/a.x"}},
		{"a+(b)|$^{2}", []string{"/a+(b)|$^{2}"}, []string{"/aab"}},
	}
	for _, tt := range tests {
		dir := app(t, map[string]string{
			"gramex.yaml": "handlers: {FileHandler: {ignore: '" + strings.ReplaceAll(tt.glob, "'", "''") + "'}}\n",
		})
		re := mustLoad(t, dir, config.Options{}).Folder.Ignore[0].Regexp
		for _, path := range tt.match {
			if !re.MatchString(path) {
				t.Errorf("%s does not match %q", tt.glob, path)
			}
		}
		for _, path := range tt.not {
			if re.MatchString(path) {
				t.Errorf("%s matches %q", tt.glob, path)
			}
		}
	}
}

// TestImportedPatterns has links, and a folder whose own name looks like a
// pattern.
func TestImportedPatterns(t *testing.T) {
	dir := app(t, map[string]string{
		"ap[p]*/a/x.yaml":   "url: {}\n",
		"ap[p]*/b/c/x.yaml": "url: {}\n",
		"ap[p]*/.d/x.yaml":  "url: {}\n",
		"else/x.yaml":       "url: {}\n",
	})
	root := filepath.Join(dir, "ap[p]*")
	for link, target := range map[string]string{"link": "../else", "b/up": "..", "gone": "nowhere", "b/again.yaml": "c/x.yaml"} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		pattern string
		want    []string
	}{
		{"*/x.yaml", []string{"a/x.yaml", "link/x.yaml"}},
		{"$YAMLPATH/*/x.yaml", []string{"a/x.yaml", "link/x.yaml"}},
		{"**/x.yaml", []string{"a/x.yaml", "b/c/x.yaml"}},
		{"./b/**//*.yaml", []string{"b/again.yaml"}}, // and c/x.yaml is the same file
		{"**/c/**/*.yaml", []string{"b/c/x.yaml"}},
		{".*/x.yaml", []string{".d/x.yaml"}},
		{"../el*/*", []string{"../else/x.yaml"}},
		{filepath.ToSlash(dir) + "/e*/x.yaml", []string{"../else/x.yaml"}},
		{"b/[!a]*/*.yaml", []string{"b/c/x.yaml"}},
		{"$YAMLPATH/a/x.yaml", []string{"a/x.yaml"}}, // the * is the folder's
		{"*/../x.yaml", nil},
		{"b/**", []string{}},
	} {
		main := filepath.Join(root, "gramex.yaml")
		if err := os.WriteFile(main, []byte("import: '"+tt.pattern+"'\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg := mustLoad(t, root, config.Options{})
		var got []string
		for _, file := range cfg.Files[1:] {
			name, err := filepath.Rel(root, file)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, filepath.ToSlash(name))
		}
		if !slices.Equal(got, tt.want) || (len(got) == 0) != (len(cfg.Warnings) == 1) {
			t.Errorf("%s: %q, want %q; warnings: %v", tt.pattern, got, tt.want, cfg.Warnings)
		}
	}
}
