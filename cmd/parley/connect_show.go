package main

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/coder/websocket"
)

// A look is how a terminal shows messages.
type look struct {
	raw    bool // as a script gets them
	colour bool
}

// mark is put before a line: who speaks.
func (l look) mark(sign, colour string) string {
	if l.colour {
		sign = colour + sign + "\x1b[0m"
	}
	return sign + " "
}

func (l look) prompt() string { return l.mark(">", "\x1b[32m") }

// message shows one that came. Its further lines are indented: none can look
// like a message or a prompt of its own.
func (l look) message(kind websocket.MessageType, data []byte) string {
	var text string
	switch {
	case l.raw:
		text = oneLine(kind, data)
	case kind == websocket.MessageBinary:
		text = dump(data)
	default:
		text = layOut(data)
	}
	return l.mark("<", "\x1b[36m") + strings.ReplaceAll(text, "\n", "\n  ")
}

// oneLine is a message as a script gets it: JSON stays what it is, though it
// may lose its line breaks; binary is hex digits.
func oneLine(kind websocket.MessageType, data []byte) string {
	if kind == websocket.MessageBinary {
		return hex.EncodeToString(data)
	}
	var compact bytes.Buffer
	if bytes.ContainsAny(data, "\r\n") && json.Compact(&compact, data) == nil {
		data = compact.Bytes()
	}
	return escape(string(data))
}

// layOut is a text as people read it: on several lines if it has them, or is
// JSON with more than a value in it.
func layOut(data []byte) string {
	trimmed := bytes.TrimSpace(data)
	if bytes.HasPrefix(trimmed, []byte("{")) || bytes.HasPrefix(trimmed, []byte("[")) {
		var indented bytes.Buffer
		if json.Indent(&indented, trimmed, "", "  ") == nil {
			data = indented.Bytes()
		}
	}
	lines := strings.Split(string(data), "\n")
	for i := range lines {
		lines[i] = escape(lines[i])
	}
	return strings.Join(lines, "\n")
}

// mostDumped is how many bytes of a binary message a terminal shows.
const mostDumped = 256

func dump(data []byte) string {
	text := fmt.Sprintf("%d bytes", len(data))
	if len(data) == 1 {
		text = "1 byte"
	}
	if shown := data[:min(len(data), mostDumped)]; len(shown) > 0 {
		text += "\n" + strings.TrimSuffix(hex.Dump(shown), "\n")
	}
	if more := len(data) - mostDumped; more > 0 {
		text += fmt.Sprintf("\n… and %d more (--raw shows all)", more)
	}
	return text
}

// escape writes the control characters of a text as JSON does, and bytes that
// are no UTF-8 as \x and their digits: nobody's text drives a terminal, and JSON
// stays the same JSON. Tabs may stay.
func escape(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, size := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case unicode.IsControl(r) && r != '\t':
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteString(text[:size])
		}
		text = text[size:]
	}
	return b.String()
}
