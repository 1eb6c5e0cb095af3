package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

const (
	// mostRemembered lines are brought back by the arrow keys.
	mostRemembered = 500
	// quitLine is what closes a terminal's connection when it is typed.
	quitLine = "/quit"
)

// A history remembers what was typed, in a file that only its user can read. It
// belongs to the line editor.
type history struct {
	lines []string // oldest first
	file  *os.File // nil if the lines are not kept
}

// openHistory reads what was typed before. If that cannot be kept, the history
// is good for this run, and the error says why.
func openHistory() (*history, error) {
	h := &history{}
	dir, err := os.UserCacheDir()
	if err != nil {
		return h, err
	}
	return h, h.open(filepath.Join(dir, "parley", "history"))
}

func (h *history) open(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	h.lines = strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
	if len(h.lines) > 2*mostRemembered { // the file is cut seldom, not at each line
		h.lines = h.lines[len(h.lines)-mostRemembered:]
		if err := rewrite(path, strings.Join(h.lines, "\n")+"\n"); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := file.Chmod(0o600); err != nil {
		file.Close()
		return err
	}
	h.file = file
	return nil
}

// rewrite replaces a file in one step.
func rewrite(path, text string) error {
	fresh := path + ".new"
	if err := os.WriteFile(fresh, []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(fresh, path)
}

// Add remembers a line, unless it is the same again, begins with a space, or has
// control characters, which can be pasted and would drive the terminal.
func (h *history) Add(line string) {
	if strings.TrimSpace(line) == quitLine || line == "" || line[0] == ' ' || strings.ContainsFunc(line, unicode.IsControl) ||
		len(h.lines) > 0 && h.lines[len(h.lines)-1] == line {
		return
	}
	h.lines = append(h.lines, line)
	if h.file != nil {
		_, _ = h.file.WriteString(line + "\n") // what cannot be kept is remembered for this run
	}
}

// Len returns how many lines can be brought back.
func (h *history) Len() int { return min(len(h.lines), mostRemembered) }

// At returns a line; 0 is the last one.
func (h *history) At(i int) string { return h.lines[len(h.lines)-1-i] }
