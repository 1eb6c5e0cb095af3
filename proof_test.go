package parley_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// A provedRow is one row of a table whose last column names tests.
type provedRow struct {
	page   string
	line   int
	cells  []string // without the last
	proofs []string // what the last column names, as "script: room" or a path
}

// provedRows reads the tables of a page whose last column is "tests".
func provedRows(t *testing.T, page string) []provedRow {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	var rows []provedRow
	var head []string // of the table; nil between tables
	for n, line := range strings.Split(string(text), "\n") {
		if !strings.HasPrefix(line, "|") {
			head = nil
			continue
		}
		cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", "|"))
		}
		last := len(cells) - 1
		switch {
		case head == nil:
			head = cells
		case head[len(head)-1] != "tests", strings.Trim(cells[0], "-") == "":
		case len(cells) != len(head):
			t.Errorf("%s:%d: %d columns, want %d", page, n+1, len(cells), len(head))
		default:
			row := provedRow{page: page, line: n + 1, cells: cells[:last]}
			if cells[last] != "–" {
				for _, proof := range strings.Split(cells[last], ", ") {
					row.proofs = append(row.proofs, strings.Trim(proof, "`"))
				}
			}
			rows = append(rows, row)
		}
	}
	return rows
}

// checkProofs reports what the row names and is not there.
func (r provedRow) checkProofs(t *testing.T) {
	t.Helper()
	for _, proof := range r.proofs {
		if err := proofExists(proof); err != nil {
			t.Errorf("%s:%d: %s: %v", r.page, r.line, proof, err)
		}
	}
}

// proofPath returns the file of a story, or proof itself.
func proofPath(proof string) string {
	if story, ok := strings.CutPrefix(proof, "script: "); ok {
		return filepath.Join("cmd/parley/testdata/script", story+".txtar")
	}
	return proof
}

// proofExists says why what a row names is not there.
func proofExists(proof string) error {
	where, name, named := strings.Cut(proof, ": ")
	switch {
	case !named && !strings.HasPrefix(proof, "internal/config/testdata/"):
		return fmt.Errorf("neither a test nor a configuration of internal/config/testdata")
	case !named, where == "script":
		info, err := os.Stat(proofPath(proof))
		if err == nil && (info.IsDir() || info.Size() == 0) {
			return fmt.Errorf("no file with something in it")
		}
		return err
	case where == "worker":
		return pythonTestExists(name)
	}
	return goTestExists(where, name)
}

// pythonTestExists looks for file.Class.method among the worker's tests.
func pythonTestExists(name string) error {
	parts := strings.Split(name, ".")
	if len(parts) != 3 {
		return fmt.Errorf("want file.Class.test")
	}
	text, err := os.ReadFile(filepath.Join("internal/python/worker/tests", parts[0]+".py"))
	if err != nil {
		return err
	}
	_, class, found := strings.Cut(string(text), "\nclass "+parts[1]+"(")
	if !found {
		return fmt.Errorf("%s.py has no class %s", parts[0], parts[1])
	}
	if end := regexp.MustCompile(`\n[^\s#)]`).FindStringIndex(class); end != nil {
		class = class[:end[0]]
	}
	method := regexp.MustCompile(`(?m)^    (async )?def ` + regexp.QuoteMeta(parts[2]) + `\(self`)
	if !strings.HasPrefix(parts[2], "test_") || !method.MatchString(class) {
		return fmt.Errorf("class %s has no test %s", parts[1], parts[2])
	}
	return nil
}

// goTestExists looks for a test or fuzz target of the package in dir, and for
// a subtest's name among the texts of that package's tests and of the suites
// that they run.
func goTestExists(dir, name string) error {
	name, subtest, _ := strings.Cut(name, "/")
	if !strings.HasPrefix(name, "Test") && !strings.HasPrefix(name, "Fuzz") {
		return fmt.Errorf("no name of a test")
	}
	files, err := parseGo(filepath.Join(dir, "*_test.go"))
	if err != nil {
		return err
	}
	declared := false
	for _, file := range files {
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			declared = declared || ok && f.Recv == nil && f.Name.Name == name
		}
	}
	if !declared {
		return fmt.Errorf("no such test in %s", dir)
	}
	if subtest == "" || hasText(files, subtest) {
		return nil
	}
	for _, file := range files {
		for _, imported := range file.Imports {
			path, err := strconv.Unquote(imported.Path.Value)
			if err != nil {
				return err
			}
			place, own := ours(path)
			if !own || !onlyForTests(place) {
				continue
			}
			suite, err := parseGo(filepath.Join(place, "*.go"))
			if err != nil {
				return err
			}
			if hasText(suite, subtest) {
				return nil
			}
		}
	}
	return fmt.Errorf("no subtest of this name is written there")
}

func parseGo(pattern string) ([]*ast.File, error) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, path := range paths {
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}

// hasText reports whether text is a string of the program.
func hasText(files []*ast.File, text string) bool {
	found := false
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				value, err := strconv.Unquote(literal.Value)
				found = found || err == nil && value == text
			}
			return !found
		})
	}
	return found
}
