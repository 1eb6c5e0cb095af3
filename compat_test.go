package parley_test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// A compatRow is one row of a table of docs/compat.md.
type compatRow struct {
	provedRow
	gramex, status, means string
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
			t.Errorf("%s:%d: %s", row.page, row.line, fmt.Sprintf(format, args...))
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
		row.checkProofs(t)
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

// compatRows reads all tables that have tests.
func compatRows(t *testing.T) []compatRow {
	t.Helper()
	var rows []compatRow
	for _, row := range provedRows(t, "docs/compat.md") {
		if len(row.cells) != 3 {
			t.Errorf("docs/compat.md:%d: %d columns, want 4", row.line, len(row.cells)+1)
			continue
		}
		rows = append(rows, compatRow{provedRow: row, gramex: row.cells[0], status: row.cells[1], means: row.cells[2]})
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
