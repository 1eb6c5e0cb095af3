package peer

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"parley.example/parley"
)

// A Transcript is what browsers did and heard, in order. The zero value is
// empty. It is safe for concurrent use.
type Transcript struct {
	mu    sync.Mutex
	lines []line
}

type line struct{ who, what string }

func (t *Transcript) add(who, what string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line{who, what})
}

// mostLines is how many of its last lines a transcript shows.
const mostLines = 200

// String returns a line for each thing that happened: "> " is before what was
// sent, "< " before what came.
func (t *Transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	shown := t.lines
	if n := len(shown) - mostLines; n > 0 {
		fmt.Fprintf(&b, "(%d more lines)\n", n)
		shown = shown[n:]
	}
	width := 0
	for _, l := range shown {
		width = max(width, utf8.RuneCountInString(l.who))
	}
	for _, l := range shown {
		if width > 0 {
			fmt.Fprintf(&b, "%-*s  ", width, l.who)
		}
		b.WriteString(l.what + "\n")
	}
	return b.String()
}

// content is what a transcript shows of a message.
func content(m parley.Message) string {
	if m.Kind == parley.Binary {
		return describe(m)
	}
	return shown(string(m.Data))
}

// describe says what a message is.
func describe(m parley.Message) string {
	if m.Kind == parley.Binary {
		return binaryText(m.Data)
	}
	return "text " + shown(string(m.Data))
}

func binaryText(data []byte) string {
	if len(data) == 0 {
		return "binary, empty"
	}
	return "binary " + cut(fmt.Sprintf("%x", data))
}

// shown returns text as it stands, or quoted if that could be misread.
func shown(text string) string {
	if text == "" || text != strings.TrimSpace(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return cut(strconv.Quote(text))
	}
	return cut(text)
}

// cut shortens what would fill the screen.
func cut(text string) string {
	const most = 1000 // octets
	if len(text) <= most {
		return text
	}
	n := most
	for !utf8.RuneStart(text[n]) {
		n--
	}
	return fmt.Sprintf("%s… (%d octets)", text[:n], len(text))
}
