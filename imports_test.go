package parley_test

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "parley.example/parley"

// allowed says which of our packages each package may import (docs/architecture.md,
// "What may import what"). "" is the root package. Packages that only our tests
// import (wstest, hubtest, calltest, e2e) are not in it.
var allowed = map[string][]string{
	"":                {},
	"internal/config": {""},
	"internal/httpd":  {""},
	"internal/ws":     {""},
	"internal/call":   {""},

	// What runtimes share that run functions in this process.
	"internal/call/serial": {},
	"internal/hub":         {""},
	"internal/session":     {""},
	"internal/control":     {},
	"internal/auth":        {""},
	"internal/login":       {"", "internal/session", "internal/auth"},
	"internal/gofunc":      {"", "internal/call", "internal/call/serial"},
	"internal/star":        {"", "internal/call", "internal/call/serial"},
	"internal/python":      {"", "internal/call"},
	"internal/endpoint":    {"", "internal/ws", "internal/call", "internal/hub", "internal/session", "internal/auth"},
	"server": {
		"", "internal/config", "internal/httpd", "internal/ws", "internal/call", "internal/hub", "internal/session",
		"internal/auth", "internal/control", "internal/login",
		"internal/gofunc", "internal/star", "internal/python", "internal/endpoint",
	},
	"internal/peer":    {""},
	"internal/trial":   {"", "server"},
	"internal/apptest": {"", "internal/peer"},
	"parleytest":       {"", "server", "internal/peer", "internal/trial"},
	"cmd/parley":       {"", "server", "internal/config", "internal/session", "internal/auth", "internal/control", "internal/trial", "internal/apptest"},

	// What users' programs import.
	"examples/go-chat": {"", "server"},
}

// onlyImporters says which of our packages alone may import a library.
var onlyImporters = map[string][]string{
	"go.yaml.in/yaml/v3":           {"internal/config", "internal/apptest"},
	"modernc.org/sqlite":           {"internal/session"},
	"github.com/fsnotify/fsnotify": {"server"},
	"github.com/spf13/cobra":       {"cmd/parley"},
	"github.com/golang-jwt/jwt/v5": {"internal/auth"},
	"go.starlark.net/starlark":     {"internal/star"},
	"golang.org/x/term":            {"cmd/parley"},
	"golang.org/x/crypto/argon2":   {"internal/auth"},
	"golang.org/x/crypto/bcrypt":   {"internal/auth"},
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []goPackage
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); {
		var p goPackage
		if err := dec.Decode(&p); err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// ours returns the place of an import path in this module.
func ours(path string) (place string, ok bool) {
	if path == module {
		return "", true
	}
	return strings.CutPrefix(path, module+"/")
}

func onlyForTests(place string) bool {
	return strings.HasSuffix(place, "test") || place == "e2e"
}

func TestImportTable(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		place, _ := ours(p.ImportPath)
		may, listed := allowed[place]
		if !listed && onlyForTests(place) {
			continue
		}
		if !listed {
			t.Errorf("package %s is not in the table", place)
		}
		seen[place] = true
		for _, path := range p.Imports {
			if importers, guarded := onlyImporters[path]; guarded && !slices.Contains(importers, place) {
				t.Errorf("%s imports %s: only %s may", place, path, strings.Join(importers, " and "))
			}
			if other, isOurs := ours(path); isOurs && !slices.Contains(may, other) {
				t.Errorf("%s imports %q: not allowed", place, other)
			}
		}
		if place == "" {
			for _, path := range p.Imports {
				if strings.Contains(strings.SplitN(path, "/", 2)[0], ".") {
					t.Errorf("the root package imports %s: standard library only", path)
				}
			}
		}
	}
	for place := range allowed {
		if !seen[place] {
			t.Errorf("package %q is in the table but does not exist", place)
		}
	}
}
