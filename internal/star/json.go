package star

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	starjson "go.starlark.net/lib/json"
	"go.starlark.net/starlark"
	"go.starlark.net/starlarkstruct"
)

// dumpsKeywords are those of json.dumps.
var dumpsKeywords = []string{"indent", "sort_keys", "ensure_ascii", "separators", "default"}

// jsonModule is the json of Python's that people use: dumps prints what
// Python's prints.
var jsonModule = &starlarkstruct.Module{Name: "json", Members: starlark.StringDict{
	"dumps": starlark.NewBuiltin("dumps", dumps),
	"loads": starlark.NewBuiltin("loads", loads),
}}

func loads(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var s starlark.Value
	if err := starlark.UnpackArgs(b.Name(), args, kwargs, "s", &s); err != nil {
		return nil, err
	}
	switch text := s.(type) {
	case starlark.String:
	case starlark.Bytes:
		s = starlark.String(text)
	default:
		return nil, fmt.Errorf("loads: the JSON object must be str or bytes, not %s", s.Type())
	}
	if deep(string(s.(starlark.String))) {
		return nil, errors.New("loads: nested too deeply")
	}
	value, err := starjson.Module.Members["decode"].(*starlark.Builtin).CallInternal(thread, starlark.Tuple{s}, nil)
	if err != nil {
		return nil, fmt.Errorf("loads: %s", strings.TrimPrefix(err.Error(), "json.decode: "))
	}
	return value, nil
}

// deep reports whether a JSON text is nested more deeply than it is safe to
// read, which peers may send.
func deep(text string) bool {
	depth, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '[', c == '{':
			if depth++; depth > maxDepth {
				return true
			}
		case c == ']', c == '}':
			depth--
		}
	}
	return false
}

// decode makes a value of JSON text that has come through the YAML or a
// session. Objects keep the order of their keys.
func decode(text json.RawMessage) (starlark.Value, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return decodeNext(d)
}

func decodeNext(d *json.Decoder) (starlark.Value, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token := token.(type) {
	case nil:
		return starlark.None, nil
	case bool:
		return starlark.Bool(token), nil
	case string:
		return starlark.String(token), nil
	case json.Number:
		return decodeNumber(token)
	case json.Delim:
		if token == '[' {
			return decodeList(d)
		}
		return decodeDict(d)
	}
	return nil, fmt.Errorf("unexpected %v", token)
}

func decodeNumber(n json.Number) (starlark.Value, error) {
	if strings.ContainsAny(n.String(), ".eE") {
		f, err := n.Float64()
		return starlark.Float(f), err
	}
	if i, err := n.Int64(); err == nil {
		return starlark.MakeInt64(i), nil
	}
	i, err := starlark.Call(&starlark.Thread{}, starlark.Universe["int"], starlark.Tuple{starlark.String(n)}, nil)
	return i, err
}

func decodeList(d *json.Decoder) (starlark.Value, error) {
	list := starlark.NewList(nil)
	for d.More() {
		item, err := decodeNext(d)
		if err != nil {
			return nil, err
		}
		_ = list.Append(item) // it is not frozen
	}
	_, err := d.Token()
	return list, err
}

func decodeDict(d *json.Decoder) (starlark.Value, error) {
	dict := &starlark.Dict{}
	for d.More() {
		key, err := decodeNext(d)
		if err != nil {
			return nil, err
		}
		value, err := decodeNext(d)
		if err != nil {
			return nil, err
		}
		_ = dict.SetKey(key, value) // it is not frozen, and the key is a string
	}
	_, err := d.Token()
	return dict, err
}

// dumps is Python's json.dumps, as far as its keywords go.
func dumps(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var value, indent, separators, otherwise starlark.Value
	p := printer{ascii: true}
	err := starlark.UnpackArgs(b.Name(), args, kwargs,
		"obj", &value, "indent?", &indent, "sort_keys?", &p.sorted, "ensure_ascii?", &p.ascii, "separators?", &separators,
		"default?", &otherwise)
	if err != nil {
		return nil, err
	}
	p.item, p.pair = ", ", ": "
	switch in := indent.(type) {
	case nil, starlark.NoneType:
	case starlark.Int:
		n, err := starlark.AsInt32(in)
		if err != nil || n > 100 {
			return nil, fmt.Errorf("dumps: indent is %v", in)
		}
		p.indent, p.item, p.lines = strings.Repeat(" ", max(n, 0)), ",", true
	case starlark.String:
		p.indent, p.item, p.lines = string(in), ",", true
	default:
		return nil, fmt.Errorf("dumps: indent must be int or str, not %s", indent.Type())
	}
	if separators != nil && separators != starlark.None {
		pair, ok := separators.(starlark.Tuple)
		if !ok || len(pair) != 2 {
			return nil, errors.New("dumps: separators must be a tuple of two texts")
		}
		item, okItem := starlark.AsString(pair[0])
		colon, okPair := starlark.AsString(pair[1])
		if !okItem || !okPair {
			return nil, errors.New("dumps: separators must be a tuple of two texts")
		}
		p.item, p.pair = item, colon
	}
	if otherwise != nil && otherwise != starlark.None {
		p.otherwise = func(v starlark.Value) (starlark.Value, error) {
			return starlark.Call(thread, otherwise, starlark.Tuple{v}, nil)
		}
	}
	if err := p.print(value, 0); err != nil {
		return nil, fmt.Errorf("dumps: %w", err)
	}
	return starlark.String(p.out), nil
}

// encode prints a value as compact JSON. Its error says what cannot be printed.
func encode(value starlark.Value) ([]byte, error) {
	p := printer{item: ",", pair: ":", strict: true}
	err := p.print(value, 0)
	return p.out, err
}

// pythonJSON prints a value as json.dumps does without arguments.
func pythonJSON(value starlark.Value) ([]byte, error) {
	p := printer{item: ", ", pair: ": ", ascii: true}
	err := p.print(value, 0)
	return p.out, err
}

// maxDepth is how deep lists and dictionaries may lie in each other.
const maxDepth = 200

// A printer prints values as Python prints them.
type printer struct {
	item, pair string // between items, and between key and value
	indent     string
	lines      bool // each item has a line of its own
	ascii      bool // everything else is escaped
	sorted     bool
	strict     bool // no NaN or Infinity, which are not JSON

	otherwise func(starlark.Value) (starlark.Value, error) // makes JSON of what is not; nil if nothing does

	out []byte
}

func (p *printer) print(value starlark.Value, depth int) error {
	if depth > maxDepth {
		return errors.New("nested too deeply, or in itself")
	}
	switch v := value.(type) {
	case starlark.NoneType:
		p.out = append(p.out, "null"...)
	case starlark.Bool:
		p.out = strconv.AppendBool(p.out, bool(v))
	case starlark.Int:
		p.out = append(p.out, v.String()...)
	case starlark.Float:
		if p.strict && (math.IsNaN(float64(v)) || math.IsInf(float64(v), 0)) {
			return fmt.Errorf("%v is not JSON", v)
		}
		p.out = append(p.out, pythonFloat(float64(v))...)
	case starlark.String:
		return p.text(string(v))
	case *settings:
		return p.dict(v.dict.Items(), depth)
	case *starlark.Dict:
		return p.dict(v.Items(), depth)
	case *sessionValue:
		items, err := v.items()
		if err != nil {
			return err
		}
		return p.dict(items, depth)
	case *starlark.List:
		return p.list(v, depth)
	case starlark.Tuple:
		return p.list(v, depth)
	default:
		if p.otherwise == nil {
			return fmt.Errorf("a %s is not JSON", value.Type())
		}
		made, err := p.otherwise(value)
		if err != nil {
			return err
		}
		return p.print(made, depth+1)
	}
	return nil
}

func (p *printer) newline(depth int) {
	if p.lines {
		p.out = append(p.out, '\n')
		p.out = append(p.out, strings.Repeat(p.indent, depth)...)
	}
}

func (p *printer) list(list starlark.Indexable, depth int) error {
	if list.Len() == 0 {
		p.out = append(p.out, "[]"...)
		return nil
	}
	p.out = append(p.out, '[')
	for i := range list.Len() {
		if i > 0 {
			p.out = append(p.out, p.item...)
		}
		p.newline(depth + 1)
		if err := p.print(list.Index(i), depth+1); err != nil {
			return err
		}
	}
	p.newline(depth)
	p.out = append(p.out, ']')
	return nil
}

func (p *printer) dict(items []starlark.Tuple, depth int) error {
	if len(items) == 0 {
		p.out = append(p.out, "{}"...)
		return nil
	}
	if p.sorted {
		var err error
		slices.SortStableFunc(items, func(a, b starlark.Tuple) int {
			less, failed := starlark.Compare(lessToken, a[0], b[0])
			if failed != nil {
				err = failed
			}
			if less {
				return -1
			}
			return 1
		})
		if err != nil {
			return err
		}
	}
	p.out = append(p.out, '{')
	for i, item := range items {
		if i > 0 {
			p.out = append(p.out, p.item...)
		}
		p.newline(depth + 1)
		if err := p.key(item[0]); err != nil {
			return err
		}
		p.out = append(p.out, p.pair...)
		if err := p.print(item[1], depth+1); err != nil {
			return err
		}
	}
	p.newline(depth)
	p.out = append(p.out, '}')
	return nil
}

// key prints the key of a dictionary, which is a text or becomes one.
func (p *printer) key(key starlark.Value) error {
	switch key := key.(type) {
	case starlark.String:
		return p.text(string(key))
	case starlark.NoneType, starlark.Bool, starlark.Int, starlark.Float:
		p.out = append(p.out, '"')
		err := p.print(key, 0)
		p.out = append(p.out, '"')
		return err
	}
	return fmt.Errorf("keys must be str, int, float, bool or None, not %s", key.Type())
}

var escapes = map[rune]string{'"': `\"`, '\\': `\\`, '\n': `\n`, '\r': `\r`, '\t': `\t`, '\b': `\b`, '\f': `\f`}

func (p *printer) text(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not UTF-8", shown(s))
	}
	p.out = append(p.out, '"')
	for _, c := range s {
		escape, escaped := escapes[c]
		switch {
		case escaped:
			p.out = append(p.out, escape...)
		case c < ' ' || p.ascii && c > '~' && c <= 0xFFFF:
			p.out = fmt.Appendf(p.out, `\u%04x`, c)
		case p.ascii && c > 0xFFFF:
			high, low := utf16.EncodeRune(c)
			p.out = fmt.Appendf(p.out, `\u%04x\u%04x`, high, low)
		default:
			p.out = utf8.AppendRune(p.out, c)
		}
	}
	p.out = append(p.out, '"')
	return nil
}

// shown is the start of a text, for an error.
func shown(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.Quote(s[:most]) + "…"
	}
	return strconv.Quote(s)
}

// pythonFloat is Python's repr of f: the shortest text that is read as f.
func pythonFloat(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	}
	s := strconv.FormatFloat(f, 'e', -1, 64)
	exponent, _ := strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	if exponent < -4 || exponent >= 16 {
		return s
	}
	s = strconv.FormatFloat(f, 'f', -1, 64)
	if !strings.Contains(s, ".") {
		s += ".0"
	}
	return s
}
