package config

import (
	"strings"
	"testing"
)

func TestSyntaxErrorsNameTheirLine(t *testing.T) {
	tests := []struct{ yaml, want string }{
		{"url:\n  a:\n    pattern: /x\n   handler: y\n    more: z\n", "a.yaml:4:4: not valid YAML: did not find expected key"},
		{"url:\n  a:\n    pattern: /x\n    handler WebSocketHandler\n    kwargs: {}\n", "a.yaml:4:5: not valid YAML: could not find expected ':' (is a colon"},
		{"x: {a: 1,\n  b: 2}\nurl:\n  a: {pattern: /x\n  b: 1\n  c: 5\n", "a.yaml:4:3: not valid YAML: did not find expected ',' or '}'"},
		{"url:\n  a:\n    pattern: \"/x\n    handler: y\n", "a.yaml:3:5: not valid YAML: found unexpected end of stream (is a closing"},
		{"url:\n  a:\n    pattern: [/x\nother:\n", "a.yaml:3:5: not valid YAML: did not find expected ',' or ']'"},
		{"b: 1\na: *nope\nc: 5\n", "a.yaml:2:1: not valid YAML: unknown anchor referenced (quote a text that starts with *)"},
		{"x: 1\na: 'b' c\nd: 1\ne: 5\n", "a.yaml:2:1: not valid YAML: did not find expected key"},
		{"url:\n  a:\n    pattern: /x: y\n", `a.yaml:3:5: not valid YAML: mapping values are not allowed in this context (quote a text that has ": "`},
		{"a: 1\nb: \x00\n", "a.yaml:2:1: not valid YAML: control characters are not allowed"},
		{"a: 1\n- b\nc: 1\n", "a.yaml:2:1: not valid YAML: did not find expected key"},
		{"a: 1\n]\nd: 2\n", "a.yaml:2:1: not valid YAML: did not find expected key"},
		{"a: 1\n%x\nb: 1\n", "a.yaml:2:1: not valid YAML: found unknown directive name"},
		{"a: |\n\ttext\n\tmore\nb: c: d\n", "a.yaml:2:1: a tab in the indentation; YAML wants spaces"},
		{"a: |\n  text\n  \tmore\nb: c: d\n", "a.yaml:4:1: not valid YAML: mapping values"},
	}
	for _, tt := range tests {
		r := &report{}
		if n := r.parse([]byte(tt.yaml), "a.yaml"); n != nil || len(r.problems) != 1 || !strings.HasPrefix(r.problems[0].String(), tt.want) {
			t.Errorf("%q: problems = %v, want %s", tt.yaml, r.problems, tt.want)
		}
	}
}
