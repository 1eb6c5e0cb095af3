package httpd

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Hidden reports whether name, a slash-separated path below a folder, is one
// that no page may show:
//
//   - code and data: *.py, *.pyc, *.pyo, *.star, *.go, go.mod, go.sum, go.work, *.yaml, *.yml, *.db with its
//     -wal, -shm and -journal, keys and certificates as *.pem, *.key, *.p12 and
//     *.pfx, their backups (x.py~, x.py.bak, x.py.orig, …),
//     and __pycache__, in any case of letters;
//   - names that begin with a dot;
//   - what is no plain name: empty, with a backslash, with a dot or blank at its
//     end, with invisible characters, not UTF-8, longer than 255 octets.
//
// One hidden step hides all below it.
func Hidden(name string) bool {
	for step := range strings.SplitSeq(name, "/") {
		if !plain(step) || step[0] == '.' {
			return true
		}
		step, _, _ = strings.Cut(step, ":") // a stream of NTFS is as hidden as its file
		if secret(step) {
			return true
		}
	}
	return false
}

func plain(step string) bool {
	if step == "" || len(step) > 255 || !utf8.ValidString(step) {
		return false
	}
	if end := step[len(step)-1]; end == '.' || end == ' ' {
		return false
	}
	return !strings.ContainsFunc(step, func(r rune) bool {
		return r == '\\' || !unicode.IsGraphic(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
	})
}

func secret(step string) bool {
	for {
		shorter := strings.TrimRight(step, "~# .")
		if i := strings.LastIndexAny(shorter, ".-"); i >= 0 && foldedIn(shorter[i:], beside) {
			shorter = shorter[:i]
		}
		if shorter == step {
			break
		}
		step = shorter
	}
	return foldedIn(step, secretNames) || foldedIn(path.Ext(step), secretExts)
}

func foldedIn(text string, list []string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, text) })
}

var (
	secretNames = []string{"__pycache__", "go.mod", "go.sum", "go.work"}
	secretExts  = []string{".py", ".pyc", ".pyo", ".star", ".go", ".yaml", ".yml", ".db", ".pem", ".key", ".p12", ".pfx"}

	// beside ends names of copies and companions that lie beside a file.
	beside = []string{".bak", ".old", ".orig", ".rej", ".save", ".swp", ".tmp", "-wal", "-shm", "-journal"}
)
