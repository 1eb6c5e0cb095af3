package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files")

// A fixture is an app in testdata with what Load should say about it, written
// into its comments:
//
//	# want: text        a problem on this line holds text
//	# want 7: text      and it is in column 7
//	# warn: text        the same for a warning
//	# want-file: text   a problem of the file as a whole
//	# want-arg: text    a problem of the command line
//	# want-any: text    a problem anywhere
//	# env: NAME=value   the environment, which is empty otherwise
//	# arg: key=value    an override
//	# file: path        this file's comments count as well
type fixture struct {
	path string
	opt  Options
	want []want // problems
	warn []want
}

type want struct {
	place string // "gramex.yaml:9", "file", "arg" or "any"
	col   int    // 0 is any
	text  string
}

var directive = regexp.MustCompile(`# (want|warn|want-file|want-arg|want-any|env|arg|file)(?: (\d+))?: `)

func readFixture(t *testing.T, path string) fixture {
	t.Helper()
	fx := fixture{path: path}
	env := map[string]string{}
	fx.opt.Env = func(name string) (string, bool) { v, ok := env[name]; return v, ok }
	fx.opt.CheckOrigin = func(s string) error {
		if strings.HasSuffix(s, "/path") {
			return errors.New("an origin has no path")
		}
		return nil
	}
	fx.opt.CheckPassword = func(s string) (weakness string, err error) {
		switch {
		case strings.HasPrefix(s, "$2b$10$broken"):
			return "", errors.New("is no hash of bcrypt")
		case strings.HasPrefix(s, "$2b$04$"):
			return "is a bcrypt hash that is guessed fast", nil
		case !strings.HasPrefix(s, "$"):
			return "is the password itself", nil
		}
		return "", nil
	}
	fx.opt.Hidden = func(path string) bool { return strings.HasSuffix(path, ".yaml") || strings.HasPrefix(path, ".") }
	dir, main := filepath.Dir(path), filepath.Base(path)
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		dir, main = path, "want.txt"
		if _, err := os.Stat(filepath.Join(path, main)); err != nil {
			main = mainFile
		}
	}
	names := []string{main}
	for i := 0; i < len(names); i++ {
		data, err := os.ReadFile(filepath.Join(dir, names[i]))
		if err != nil {
			t.Fatal(err)
		}
		for n, line := range strings.Split(string(data), "\n") {
			starts := directive.FindAllStringSubmatchIndex(line, -1)
			for k, m := range starts {
				end := len(line)
				if k+1 < len(starts) {
					end = starts[k+1][0]
				}
				w := want{place: fmt.Sprintf("%s:%d", names[i], n+1), text: strings.TrimSpace(line[m[1]:end])}
				if m[4] >= 0 {
					w.col, _ = strconv.Atoi(line[m[4]:m[5]])
				}
				names = append(names, fx.add(line[m[2]:m[3]], w, env)...)
			}
		}
	}
	return fx
}

// add takes in one comment. It returns the files that it names.
func (fx *fixture) add(what string, w want, env map[string]string) (files []string) {
	key, value, _ := strings.Cut(w.text, "=")
	switch what {
	case "want":
		fx.want = append(fx.want, w)
	case "warn":
		fx.warn = append(fx.warn, w)
	case "want-file", "want-arg", "want-any":
		w.place = strings.TrimPrefix(what, "want-")
		fx.want = append(fx.want, w)
	case "env":
		env[key] = value
	case "arg":
		fx.opt.Overrides = append(fx.opt.Overrides, Override{key, value})
	case "file":
		files = append(files, w.text)
	}
	return files
}

func (w want) fits(p Problem) bool {
	said := p.Text
	if p.Key != "" {
		said = p.Key + ": " + p.Text
	}
	switch w.place {
	case "any":
	case "file":
		if p.Line != 0 || strings.HasPrefix(p.File, "--") {
			return false
		}
	case "arg":
		said = p.String()
	default:
		if w.place != fmt.Sprintf("%s:%d", p.File, p.Line) {
			return false
		}
	}
	return strings.Contains(said, w.text) && (w.col == 0 || w.col == p.Column)
}

// compare reports what was said and not wanted, and the other way round.
func compare(t *testing.T, what string, got []Problem, wants []want) {
	t.Helper()
	wants = slices.Clone(wants)
	for _, p := range got {
		i := slices.IndexFunc(wants, func(w want) bool { return w.fits(p) })
		if i < 0 {
			t.Errorf("unexpected %s: %s", what, p)
			continue
		}
		wants = slices.Delete(wants, i, i+1)
	}
	for _, w := range wants {
		t.Errorf("no %s at %s column %d: %s", what, w.place, w.col, w.text)
	}
}

// problemsOf returns what an error of Load holds.
func problemsOf(t *testing.T, err error) []Problem {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is a %T, want *Error: %v", err, err)
	}
	return e.Problems
}

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", pattern))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no fixtures %s: %v", pattern, err)
	}
	return paths
}

func badFixtures(t *testing.T) []string {
	return append(glob(t, "*.bad.yaml"), glob(t, "*.bad")...)
}

func TestBadConfigs(t *testing.T) {
	for _, path := range badFixtures(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			fx := readFixture(t, path)
			_, err := Load(path, fx.opt)
			if err == nil {
				t.Fatal("loaded without an error")
			}
			got := problemsOf(t, err)
			compare(t, "problem", got, fx.want)
			if strings.Contains(err.Error(), "secretive") {
				t.Error("a problem shows the value of a variable")
			}
		})
	}
}

func TestWarnings(t *testing.T) {
	for _, path := range glob(t, "*.warn.yaml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			fx := readFixture(t, path)
			cfg, err := Load(path, fx.opt)
			if err != nil {
				t.Fatal(err)
			}
			compare(t, "warning", cfg.Warnings, fx.warn)
			for _, w := range cfg.Warnings {
				if strings.Contains(w.String(), "secretive") {
					t.Errorf("a warning shows the value of a variable: %s", w)
				}
			}
		})
	}
}

func TestGoodConfigs(t *testing.T) {
	for _, path := range append(glob(t, "*.good.yaml"), glob(t, "*.good")...) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			fx := readFixture(t, path)
			cfg, err := Load(path, fx.opt)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			if err := cfg.Dump(&got); err != nil {
				t.Fatal(err)
			}
			if strings.Contains(got.String(), "secretive") {
				t.Error("the dump shows a secret")
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".golden"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("got:\n%s\nwant (%s):\n%s", got.String(), golden, want)
			}
		})
	}
}

// TestEveryRuleHasAFixture walks the rules of rules.go: for each there is a
// fixture named after it which breaks it.
func TestEveryRuleHasAFixture(t *testing.T) {
	for _, r := range rulesInSource(t) {
		var paths []string
		for _, form := range []string{"%s.bad.yaml", "%s.warn.yaml", "%s.bad"} {
			path := filepath.Join("testdata", fmt.Sprintf(form, r))
			if _, err := os.Stat(path); err == nil {
				paths = append(paths, path)
			}
		}
		if len(paths) != 1 {
			t.Errorf("rule %s: fixtures %v, want one named after it", r, paths)
			continue
		}
		fx := readFixture(t, paths[0])
		cfg, err := Load(paths[0], fx.opt)
		var got []Problem
		if err != nil {
			got = problemsOf(t, err)
		} else {
			got = cfg.Warnings
		}
		if !slices.ContainsFunc(got, func(p Problem) bool { return p.rule == r }) {
			t.Errorf("rule %s: %s does not break it", r, paths[0])
		}
	}
}

// rulesInSource returns every constant of type rule.
func rulesInSource(t *testing.T) []rule {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "rules.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var rules []rule
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		for _, v := range spec.Values {
			s, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			rules = append(rules, rule(s))
		}
		return false
	})
	if len(rules) < 50 {
		t.Fatalf("found only %d rules", len(rules))
	}
	return rules
}
