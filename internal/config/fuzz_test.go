package config

import (
	"io"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

// FuzzLoad takes bytes as a gramex.yaml that imports itself under other names:
// whatever they are, there is a Config or an *Error, and no value of the
// environment is in it.
func FuzzLoad(f *testing.F) {
	for _, pattern := range []string{"*.yaml", "*/*.yaml"} {
		for _, path := range globOf(f, pattern) {
			data, err := os.ReadFile(path)
			if err == nil {
				f.Add(data)
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		read := func(path string) ([]byte, error) {
			if path == "/app/gramex.yaml" || path == "/app/sub/more.yaml" || path == "/app/again/more.yaml" {
				return data, nil
			}
			return nil, fs.ErrNotExist
		}
		list := func(dir string) []inFolder {
			switch dir {
			case "/app":
				return []inFolder{{name: mainFile}, {name: "sub", folder: true}, {name: "again", folder: true, link: true}}
			case "/app/sub", "/app/again":
				return []inFolder{{name: "more.yaml"}}
			}
			return nil
		}
		env := func(name string) (string, bool) { return "SECRETIVE", name == "HOME" || name == "PORT" }
		cfg, err := load("/app/gramex.yaml", Options{
			Env: env, Hidden: func(string) bool { return true },
			CheckPassword: func(text string) (string, error) { return text[:len(text)%2], nil },
		}, read, list)
		if cfg == nil && err == nil {
			t.Fatal("neither a config nor an error")
		}
		if err != nil {
			if len(problemsOf(t, err)) == 0 {
				t.Error("an error without problems")
			}
			if strings.Contains(err.Error(), "SECRETIVE") && !strings.Contains(string(data), "SECRETIVE") {
				t.Errorf("a problem shows a value of the environment: %v", err)
			}
			return
		}
		for _, p := range cfg.Warnings {
			if strings.Contains(p.String(), "SECRETIVE") && !strings.Contains(string(data), "SECRETIVE") {
				t.Errorf("a warning shows a value of the environment: %s", p)
			}
		}
		if err := cfg.Dump(io.Discard); err != nil {
			t.Error(err)
		}
	})
}

func globOf(f *testing.F, pattern string) []string {
	f.Helper()
	paths, err := fs.Glob(os.DirFS("testdata"), pattern)
	if err != nil || len(paths) == 0 {
		f.Fatalf("no fixtures %s: %v", pattern, err)
	}
	for i := range paths {
		paths[i] = "testdata/" + paths[i]
	}
	return paths
}

// FuzzPattern checks that a pattern which compiles matches whole paths only.
func FuzzPattern(f *testing.F) {
	for _, s := range []string{"/x", "/a|/b", "a)|(b", "/(?P<n>.*)$", "(?m)^/x$", `\Q/x`, "/x(?#", "(?s).*"} {
		f.Add(s, "/x")
	}
	f.Fuzz(func(t *testing.T, pattern, path string) {
		re, err := compilePattern(pattern)
		if err != nil {
			return
		}
		if at := re.FindStringIndex(path); at != nil && (at[0] != 0 || at[1] != len(path)) {
			t.Errorf("%q matches %v of %q", pattern, at, path)
		}
	})
}

func TestParseDuration(t *testing.T) {
	tests := []struct {
		text string
		unit time.Duration
		want time.Duration // -1 is an error
	}{
		{"10", time.Second, 10 * time.Second},
		{"0.5", time.Second, 500 * time.Millisecond},
		{"31", day, 31 * day},
		{"31d", time.Second, 31 * day},
		{"1.5 d", time.Second, 36 * time.Hour},
		{"1m30s", day, 90 * time.Second},
		{"12h", day, 12 * time.Hour},
		{"0", time.Second, 0},
		{"0s", day, 0},
		{"-1s", time.Second, -1},
		{"1e-12", time.Second, -1},
		{"1e300", time.Second, -1},
		{"inf", time.Second, -1},
		{"nan", time.Second, -1},
		{"1hd", time.Second, -1},
		{"d", time.Second, -1},
		{"", time.Second, -1},
		{"soon", time.Second, -1},
	}
	for _, tt := range tests {
		got, ok := parseDuration(tt.text, tt.unit)
		if ok != (tt.want >= 0) || ok && got != tt.want {
			t.Errorf("parseDuration(%q, %v) = %v, %v, want %v", tt.text, tt.unit, got, ok, tt.want)
		}
	}
}

func TestParseSize(t *testing.T) {
	tests := []struct {
		text string
		want float64 // -1 is an error
	}{
		{"65536", 65536},
		{"64KB", 64000},
		{"64kb", 64000},
		{"64 KiB", 65536},
		{"1MiB", 1 << 20},
		{"1.5MiB", 3 << 19},
		{"1MB", 1e6},
		{"2GiB", 2 << 30},
		{"2GB", 2e9},
		{"7B", 7},
		{"1.5", -1},
		{"MiB", -1},
		{"1TB", -1},
		{"", -1},
	}
	for _, tt := range tests {
		got, ok := parseSize(tt.text)
		if !ok {
			got = -1
		}
		if got != tt.want {
			t.Errorf("parseSize(%q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}
