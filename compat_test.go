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
	"unicode"
)

// A compatRow is one row of a table of docs/compat.md.
type compatRow struct {
	line                  int
	gramex, status, means string
	proofs                []string // what the last column names, as "script: room" or a path
}

// TestCompatRows checks that each row of docs/compat.md has a status, and
// names tests that exist. A row that is not there yet may name where its
// “answers” are written.
func TestCompatRows(t *testing.T) {
	rows := compatRows(t)
	count := map[string]int{}
	for _, row := range rows {
		count[row.status]++
		errorf := func(format string, args ...any) {
			t.Errorf("docs/compat.md:%d: %s", row.line, fmt.Sprintf(format, args...))
		}
		switch row.status {
		case "same", "better":
			if len(row.proofs) == 0 {
				errorf("%q is %s, and no test proves it", row.gramex, row.status)
			}
		case "not yet":
			for _, answer := range quoted.FindAllStringSubmatch(row.means, -1) {
				if len(row.proofs) > 0 && !answers(row.proofs, answer[1]) {
					errorf("no file of this row has %q", answer[1])
				}
			}
			for _, proof := range row.proofs {
				if where, _, named := strings.Cut(proof, ": "); named && where != "script" {
					errorf("not there yet, and proved by %s", proof)
				}
			}
		default:
			errorf("status %q: want same, better or not yet", row.status)
		}
		for _, proof := range row.proofs {
			if err := proofExists(proof); err != nil {
				errorf("%s: %v", proof, err)
			}
		}
	}
	for _, status := range []string{"same", "better", "not yet"} {
		if count[status] < 10 {
			t.Errorf("%d rows are %q: have all tables been read?", count[status], status)
		}
	}
}

// TestCompatQuotesThePage checks that each sentence and each line of code of
// the document that Parley started from stands in the first column.
func TestCompatQuotesThePage(t *testing.T) {
	app := os.Getenv("PARLEY_SEED")
	if app == "" {
		app = filepath.Join("..", "shared", "seed", "app")
	}
	document, err := os.ReadFile(filepath.Join(filepath.Dir(app), "websockethandler.txt"))
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the document is missing: %v (set PARLEY_SEED)", err)
		}
		t.Logf("not tested: %v (set PARLEY_SEED)", err)
		return
	}
	var cells []string
	for _, row := range compatRows(t) {
		cells = append(cells, plain(row.gramex))
	}
	for n, line := range strings.Split(string(document), "\n") {
		for _, sentence := range sentences(plain(line)) {
			if !containedInOne(cells, sentence) {
				t.Errorf("line %d of the document stands in no first column of docs/compat.md: %s", n+1, sentence)
			}
		}
	}
}

// compatRows reads all tables of four columns.
func compatRows(t *testing.T) []compatRow {
	t.Helper()
	page, err := os.ReadFile("docs/compat.md")
	if err != nil {
		t.Fatal(err)
	}
	var rows []compatRow
	head := true // the next row is a table's first
	for n, line := range strings.Split(string(page), "\n") {
		if !strings.HasPrefix(line, "|") {
			head = true
			continue
		}
		cells := strings.Split(strings.Trim(strings.ReplaceAll(line, `\|`, "\x00"), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(strings.ReplaceAll(cells[i], "\x00", "|"))
		}
		if head || len(cells) == 2 || strings.Trim(cells[0], "-") == "" {
			head = false
			continue
		}
		if len(cells) != 4 {
			t.Errorf("docs/compat.md:%d: %d columns, want 4", n+1, len(cells))
			continue
		}
		row := compatRow{line: n + 1, gramex: cells[0], status: cells[1], means: cells[2]}
		if cells[3] != "–" {
			for _, proof := range strings.Split(cells[3], ", ") {
				row.proofs = append(row.proofs, strings.Trim(proof, "`"))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// quoted is what Parley answers.
var quoted = regexp.MustCompile(`“([^”]+)”`)

// answers reports whether one of the files says text.
func answers(proofs []string, text string) bool {
	for _, proof := range proofs {
		file, err := os.ReadFile(proofPath(proof))
		if err == nil && strings.Contains(string(file), text) {
			return true
		}
	}
	return false
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

// plain returns text without Markdown's backticks and with single blanks.
func plain(text string) string {
	return strings.Join(strings.Fields(strings.ReplaceAll(text, "`", "")), " ")
}

var sentenceEnd = regexp.MustCompile(`[.?!] [A-Z]`)

// sentences cuts a line into its sentences. What has neither a letter nor a
// digit in it is none.
func sentences(line string) (list []string) {
	for line != "" {
		cut := len(line)
		if at := sentenceEnd.FindStringIndex(line); at != nil {
			cut = at[0] + 1
		}
		if strings.ContainsFunc(line[:cut], func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) {
			list = append(list, line[:cut])
		}
		line = strings.TrimSpace(line[cut:])
	}
	return list
}

func containedInOne(cells []string, text string) bool {
	for _, cell := range cells {
		if strings.Contains(cell, text) {
			return true
		}
	}
	return false
}
