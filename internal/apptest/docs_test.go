package apptest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"parley.example/parley/internal/peer"
)

// TestReference looks for a row of each key in the section of its action, and
// reads each example.
func TestReference(t *testing.T) {
	text, err := os.ReadFile("../../docs/reference/test.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(text)
	for _, v := range verbs {
		_, part, found := strings.Cut(page, "\n### "+v.name+"\n")
		if !found {
			t.Errorf("no section about %s", v.name)
		}
		part, _, _ = strings.Cut(part, "\n### ")
		for _, key := range append(v.keys, v.name) {
			if !regexp.MustCompile("(?m)^\\|.*`" + key + "`.* \\| .* \\| .* \\|$").MatchString(part) {
				t.Errorf("%s: no row for %s", v.name, key)
			}
			if !regexp.MustCompile(`(?m)[ {]` + key + `:( |$)`).MatchString(part) {
				t.Errorf("%s: no example of %s", v.name, key)
			}
		}
	}
	for _, kind := range peer.Kinds {
		if !strings.Contains(page, "`{any: "+kind+"}`") {
			t.Errorf("no row for {any: %s}", kind)
		}
	}
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(page, -1) {
		file := filepath.Join(t.TempDir(), "x.test.yaml")
		if err := os.WriteFile(file, []byte(m[1]), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Read([]string{file}); err != nil {
			t.Errorf("an example cannot be read:\n%s\n%v", m[1], err)
		}
	}
}
