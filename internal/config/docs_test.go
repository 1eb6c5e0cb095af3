package config

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func referencePage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "reference", "config.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// TestReferenceNamesEveryKey looks for a table row of each key, in the part of
// the page that is about its section.
func TestReferenceNamesEveryKey(t *testing.T) {
	page := referencePage(t)
	heads := map[string]string{
		"":               "\n## Top level\n",
		"url":            "\n## url: the endpoints\n",
		"step":           "\n### Functions\n",
		webSocketHandler: "\n### kwargs of a WebSocketHandler\n",
		compressionKwarg: "\n#### compression\n",
		rateKwarg:        "\n#### rate\n",
		functionHandler:  "\n### kwargs of a FunctionHandler\n",
		fileHandler:      "\n### kwargs of a FileHandler\n",
		simpleAuth:       "\n### kwargs of a SimpleAuth\n",
		logoutHandler:    "\n### kwargs of a LogoutHandler\n",
		authKwarg:        "\n### auth: who may come in\n",
		validateKwarg:    "\n### validate: what must hold\n",
		tokenKwarg:       "\n### token: JSON Web Tokens and tickets\n",
		redirectKwarg:    "\n#### redirect\n",
		fieldKwarg:       "\n### kwargs of a SimpleAuth\n",
	}
	for in, s := range sections {
		part, prefix := page, s.path
		if head, ok := heads[in]; ok {
			_, after, found := strings.Cut(page, head)
			if !found {
				t.Errorf("no heading %q", head)
			}
			part, _, _ = strings.Cut(after, "\n#")
			prefix = ""
		}
		for _, k := range s.keys {
			if row := "\n| `" + join(prefix, k.name) + "` |"; !strings.Contains(part, row) {
				t.Errorf("section %q: no row for %s", in, k.name)
			}
		}
	}
	for _, name := range unusedSections {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("the ignored section %s is not named", name)
		}
	}
	for _, name := range append(slices.Sorted(maps.Keys(guardKeys)), accessKeys...) {
		if !strings.Contains(page, "`"+name+"`") {
			t.Errorf("the key %s, which restricts access, is not named", name)
		}
	}
}

// TestReferenceExamples loads each example, and looks for each key in one.
func TestReferenceExamples(t *testing.T) {
	var all strings.Builder
	for _, m := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(referencePage(t), -1) {
		dir := t.TempDir()
		file := filepath.Join(dir, mainFile)
		for path, text := range map[string]string{file: m[1], filepath.Join(dir, "login.html"): "<form>"} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		_, err := Load(file, Options{Env: func(string) (string, bool) { return "", false }})
		if err != nil {
			t.Errorf("example does not load:\n%s\n%v", m[1], err)
		}
		all.WriteString(m[1])
	}
	for in, s := range sections {
		for _, k := range s.keys {
			if k.name != "import" && !regexp.MustCompile(`(?m)(^|[ {])`+k.name+`: `).MatchString(strings.ReplaceAll(all.String(), "\n", " \n")) {
				t.Errorf("section %q: no example of %s", in, k.name)
			}
		}
	}
}
