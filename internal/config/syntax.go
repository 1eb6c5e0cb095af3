package config

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// syntax reports a file that is not YAML.
func (r *report) syntax(err error, data []byte, name string) {
	pos := Pos{File: name, Line: brokenLine(data)}
	if lines := bytes.Split(data, []byte("\n")); pos.Line > 0 && pos.Line <= len(lines) {
		line := string(lines[pos.Line-1])
		blanks := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if tab := strings.IndexByte(blanks, '\t'); tab >= 0 {
			pos.Column = tab + 1
			r.addf(ruleTab, pos, "", "a tab in the indentation; YAML wants spaces")
			return
		}
		pos.Column = len(blanks) + 1
	}
	msg := yamlPrefix.ReplaceAllString(err.Error(), "")
	msg = unknownAnchor.ReplaceAllString(msg, "$1")
	r.addf(ruleSyntax, pos, "", "not valid YAML: %s%s", msg, syntaxHint(msg))
}

// yamlPrefix is how the parser's errors begin. Their line is often that of the
// mapping around the mistake, or missing.
var yamlPrefix = regexp.MustCompile(`^yaml: (?:line \d+: )?`)

// unknownAnchor is in errors about an alias, whose name may be a password that
// begins with *.
var unknownAnchor = regexp.MustCompile(`(unknown anchor) '.*'`)

func syntaxHint(msg string) string {
	switch {
	case strings.Contains(msg, "unknown anchor"):
		return " (quote a text that starts with *)"
	case strings.Contains(msg, "did not find expected"):
		return " (look at the indentation, quotes and brackets)"
	case strings.Contains(msg, "mapping values are not allowed"):
		return ` (quote a text that has ": " in it, and look at the indentation)`
	case strings.Contains(msg, "could not find expected ':'"):
		return " (is a colon missing?)"
	case strings.Contains(msg, "cannot start any token"):
		return " (quote a text that starts with % @ or `)"
	case strings.Contains(msg, "unexpected end of stream"):
		return " (is a closing quote missing?)"
	}
	return ""
}

// brokenLine returns the first line that cannot follow what stands above it; 0
// if it is not found. What stands above it is the longest part of the file, in
// whole lines, that is YAML.
func brokenLine(data []byte) int {
	const most = 500 // lines to try
	reader := &slowReader{data: data}
	_ = decodeAll(reader) // fails a little behind the broken line
	read := bytes.Count(data[:reader.read], []byte("\n")) + 1
	ends := []int{0}
	for i, c := range data {
		if c == '\n' {
			ends = append(ends, i+1)
		}
	}
	for n := min(read, len(ends)-1); n >= max(0, read-most); n-- {
		if decodeAll(bytes.NewReader(data[:ends[n]])) == nil {
			return n + 1
		}
	}
	return 0
}

func decodeAll(r io.Reader) error {
	for dec := yaml.NewDecoder(r); ; {
		var doc yaml.Node
		if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// A slowReader gives one octet at a time, and counts.
type slowReader struct {
	data []byte
	read int
}

func (r *slowReader) Read(p []byte) (int, error) {
	if r.read == len(r.data) {
		return 0, io.EOF
	}
	n := copy(p, r.data[r.read:r.read+1])
	r.read += n
	return n, nil
}
