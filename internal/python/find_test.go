package python

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

func TestTooOld(t *testing.T) {
	for version, want := range map[string]bool{
		"3.9.0": false, "3.11.2": false, "3.100.1": false, "4.0.0": false,
		"3.8.18": true, "2.7.18": true, "3": true, "": true, "hello": true, "x.y.z": true,
	} {
		if got := tooOld(version); got != want {
			t.Errorf("tooOld(%q) = %t, want %t", version, got, want)
		}
	}
}

// program writes a shell script that can be run.
func program(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
}

func TestFindPython(t *testing.T) {
	app := t.TempDir()
	program(t, filepath.Join(app, "venv/bin/python"), "printf 3.12.1")
	program(t, filepath.Join(app, "old"), "printf 3.8.2")
	program(t, filepath.Join(app, "broken"), "echo no libpython >&2; exit 1")
	bin := t.TempDir()
	program(t, filepath.Join(bin, "python3"), "printf 3.9.0")
	program(t, filepath.Join(bin, "python3.10"), "printf 3.10.0")
	empty := t.TempDir()

	for name, test := range map[string]struct {
		executable, path string
		want             string // the path found
		err              string // or words of the error
	}{
		"the default":          {"", bin, filepath.Join(bin, "python3"), ""},
		"a name":               {"python3.10", bin, filepath.Join(bin, "python3.10"), ""},
		"a path in the app":    {"venv/bin/python", empty, filepath.Join(app, "venv/bin/python"), ""},
		"an absolute path":     {filepath.Join(bin, "python3"), empty, filepath.Join(bin, "python3"), ""},
		"none on PATH":         {"", empty, "", "no python3 on PATH (" + empty + "): Python 3.9 or newer is needed"},
		"no such file":         {"./nowhere", bin, "", "no such file"},
		"too old":              {"./old", bin, "", "is Python 3.8.2: Python 3.9 or newer is needed"},
		"one that cannot run":  {"./broken", bin, "", "does not run: exit status 1: no libpython"},
		"a name, not in Dir":   {"old", bin, "", "no old on PATH"},
		"a folder":             {"./venv", bin, "", "does not run"},
		"the app's by default": {"./venv/bin/python", bin, filepath.Join(app, "venv/bin/python"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", test.path+":/usr/bin:/bin")
			if test.path == empty {
				t.Setenv("PATH", empty)
			}
			got, err := findPython(t.Context(), test.executable, app)
			if test.err == "" {
				if err != nil || got != test.want {
					t.Errorf("found %q, error %v; want %q", got, err, test.want)
				}
				return
			}
			var missing *NoPythonError
			if !errors.As(err, &missing) || !strings.Contains(err.Error(), test.err) {
				t.Errorf("error %v, want a *NoPythonError with %q", err, test.err)
			}
		})
	}
}

func TestStartWithoutPython(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	r := New(Options{Dir: t.TempDir()})
	if _, err := r.Compile(functions("bot", nil)); err != nil {
		t.Fatal(err)
	}
	err := r.Start(t.Context())
	var missing *NoPythonError
	if !errors.As(err, &missing) || !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("error %v, want a *NoPythonError", err)
	}
	if err := r.Ready(t.Context(), call.Info{Session: &calltest.Session{Name: "s"}}, &hooks{endpoint: "bot"}); err == nil {
		t.Error("ready without Python")
	}
}
