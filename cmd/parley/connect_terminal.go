package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/coder/websocket"
	"golang.org/x/term"
)

// atTerminal reports whether a person sits at both ends, with a terminal that
// can edit lines.
func atTerminal(stdin io.Reader, stdout io.Writer) bool {
	in, reads := stdin.(*os.File)
	out, writes := stdout.(*os.File)
	return reads && writes && os.Getenv("TERM") != "dumb" &&
		term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// A terminal is the console of a person: a line that is edited, with history,
// and messages above it.
type terminal struct {
	editor         *term.Terminal
	look           look
	stdout, stderr io.Writer
	size           func() (width, height int, err error)
	restore        func() // the terminal's state before us

	editing  atomic.Bool // the prompt is on the screen
	released atomic.Bool
	once     sync.Once // releases
}

// openTerminal makes stdin, a terminal, hand over each key.
func openTerminal(stdin *os.File, stdout, stderr io.Writer, look look) (*terminal, error) {
	past, err := openHistory()
	if err != nil {
		fmt.Fprintf(stderr, "parley: what you type is not kept for the next time: %v\n", err)
	}
	fd := int(stdin.Fd())
	state, err := term.MakeRaw(fd)
	if err != nil {
		return nil, fmt.Errorf("reading single keys: %w", err)
	}
	t := &terminal{
		look: look, stdout: stdout, stderr: stderr,
		size:    func() (int, int, error) { return term.GetSize(fd) },
		restore: func() { _ = term.Restore(fd, state) },
	}
	t.edit(stdin, past)
	t.editor.SetBracketedPasteMode(true) // what is pasted may have any length
	return t, nil
}

// edit begins to edit lines of what stdin says.
func (t *terminal) edit(stdin io.Reader, past *history) {
	keyboard := &keys{in: stdin, resized: t.resize}
	t.editor = term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{keyboard, t.stdout}, t.look.prompt())
	t.editor.History = past
}

// resize tells the editor how wide the terminal is now.
func (t *terminal) resize() {
	if width, height, err := t.size(); err == nil && width > 0 {
		_ = t.editor.SetSize(width, height)
	}
}

// mostTyped is how many characters the editor takes on a line. It drops what is
// typed beyond without a word.
const mostTyped = 4096

func (t *terminal) next() (string, error) {
	for {
		t.resize()
		t.editing.Store(true)
		line, err := t.editor.ReadLine()
		pasted := errors.Is(err, term.ErrPasteIndicator)
		if err != nil && !pasted {
			t.release()
			return "", err
		}
		t.editing.Store(false)
		switch {
		case strings.TrimSpace(line) == quitLine:
			t.release()
			return "", io.EOF
		case !pasted && utf8.RuneCountInString(line) == mostTyped:
			t.note(fmt.Sprintf("a line takes %d characters: it was cut, and not sent", mostTyped))
		case line != "":
			return line, nil
		}
	}
}

func (t *terminal) show(kind websocket.MessageType, data []byte) {
	t.print(t.look.message(kind, data) + "\n")
}

func (t *terminal) note(text string) {
	if t.released.Load() {
		fmt.Fprintf(t.stderr, "parley: %s\n", text)
		return
	}
	t.print("parley: " + text + "\n")
}

// print writes lines above the one that is edited.
func (t *terminal) print(lines string) {
	if t.released.Load() {
		io.WriteString(t.stdout, lines)
		return
	}
	// The editor takes every character for one column wide: where an emoji stands,
	// it does not come back to the first column by itself.
	_, _ = io.WriteString(t.editor, "\r\x1b[K"+lines)
}

func (t *terminal) release() {
	t.once.Do(func() {
		t.released.Store(true)
		t.editor.SetBracketedPasteMode(false)
		if t.editing.Load() {
			io.WriteString(t.stdout, "\r\n")
		}
		t.restore()
	})
}

const escapeKey = 0x1b

// keys are what is typed, without what the editor would wait behind for ever:
// bytes that are no UTF-8, and an Escape that begins no sequence.
type keys struct {
	in      io.Reader
	rest    []byte // what may be the beginning of a character or sequence
	resized func() // called after each read: the terminal may have another size
}

func (k *keys) Read(p []byte) (int, error) {
	if len(p) <= len(k.rest) {
		return 0, io.ErrShortBuffer
	}
	held := copy(p, k.rest)
	n, err := k.in.Read(p[held:])
	k.rest = k.rest[:0]
	k.resized()
	typed, passed := p[:held+n], p[:0]
	for len(typed) > 0 {
		r, size := utf8.DecodeRune(typed)
		switch {
		case err == nil && (!utf8.FullRune(typed) || r == escapeKey && len(typed) == 1):
			k.rest = append(k.rest, typed...)
			size = len(typed)
		case r == utf8.RuneError, r == escapeKey && !beginsSequence(typed[1:]):
			// dropped
		default:
			if r == escapeKey && typed[1] == 'O' {
				typed[1] = '[' // an arrow key of a terminal in application mode
			}
			passed = append(passed, typed[:size]...)
		}
		typed = typed[size:]
	}
	return len(passed), err
}

// beginsSequence reports whether an Escape before it belongs to text.
func beginsSequence(text []byte) bool {
	if len(text) == 0 {
		return false
	}
	c := text[0]
	return c == '[' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
