package star

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.starlark.net/starlark"
)

// maxWidth bounds width and precision of a format.
const maxWidth = 10_000

// A layout says how a value is to be written: Python's format specification.
type layout struct {
	fill      string
	align     string // "<", ">", "^", "=", or "" for the type's own
	sign      string // "+", "-", " ", or ""
	prefix    bool   // 0x and the like are written
	width     int
	grouping  string // between thousands: ",", "_" or ""
	precision int    // -1 if none is given
	kind      string // the last letter, or ""
}

var specification = regexp.MustCompile(`^(?:(.)?([<>=^]))?([-+ ])?(#)?(0)?(\d*)([,_])?(?:\.(\d+))?([bcdeEfFgGnosxX%])?$`)

// format is format(value, spec): "8.2f", ",", ">10" and the like.
func format(thread *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	var value starlark.Value
	var spec string
	if err := starlark.UnpackPositionalArgs(b.Name(), args, kwargs, 1, &value, &spec); err != nil {
		return nil, err
	}
	if spec == "" {
		if text, ok := value.(starlark.Float); ok {
			return starlark.String(floatText(float64(text))), nil
		}
		return starlark.Call(thread, starlark.Universe["str"], starlark.Tuple{value}, nil)
	}
	l, err := parseLayout(spec)
	if err != nil {
		return nil, err
	}
	var text string
	switch v := value.(type) {
	case starlark.String:
		text, err = l.text(string(v))
	case starlark.Bool:
		text, err = l.int(number(v))
	case starlark.Int:
		text, err = l.int(v)
	case starlark.Float:
		text, err = l.float(float64(v))
	default:
		err = fmt.Errorf("a %s cannot be written so", value.Type())
	}
	if err != nil {
		return nil, fmt.Errorf("format %q: %w", spec, err)
	}
	return starlark.String(text), nil
}

func parseLayout(spec string) (layout, error) {
	m := specification.FindStringSubmatch(spec)
	if m == nil {
		return layout{}, fmt.Errorf("format: %q is no format: they look like .2f, >10 or , (thousands)", spec)
	}
	l := layout{fill: m[1], align: m[2], sign: m[3], prefix: m[4] != "", grouping: m[7], precision: -1, kind: m[9]}
	if m[5] != "" {
		if l.fill == "" {
			l.fill = "0"
		}
		if l.align == "" {
			l.align = "="
		}
	}
	if l.fill == "" {
		l.fill = " "
	}
	var errWidth, errPrecision error
	if m[6] != "" {
		l.width, errWidth = strconv.Atoi(m[6])
	}
	if m[8] != "" {
		l.precision, errPrecision = strconv.Atoi(m[8])
	}
	if errWidth != nil || errPrecision != nil || l.width > maxWidth || l.precision > maxWidth {
		return layout{}, fmt.Errorf("format %q: that is too wide", spec)
	}
	return l, nil
}

func (l layout) text(s string) (string, error) {
	if l.kind != "" && l.kind != "s" || l.sign != "" || l.prefix || l.grouping != "" || l.align == "=" {
		return "", errors.New("a text cannot be written so")
	}
	if runes := []rune(s); l.precision >= 0 && l.precision < len(runes) {
		s = string(runes[:l.precision])
	}
	if l.align == "" {
		l.align = "<"
	}
	return l.pad("", s), nil
}

func (l layout) int(x starlark.Int) (string, error) {
	if strings.Contains("eEfFgG%", l.kind) && l.kind != "" {
		f, _ := starlark.AsFloat(x)
		return l.float(f)
	}
	n := x.BigInt()
	sign := l.signOf(n.Sign() < 0)
	n.Abs(n)
	if l.precision >= 0 {
		return "", errors.New("a precision goes with f, e, g and %")
	}
	base, group := map[string]int{"": 10, "d": 10, "n": 10, "b": 2, "o": 8, "x": 16, "X": 16}[l.kind], 3
	switch {
	case l.kind == "c" && l.sign == "" && !l.prefix && n.IsInt64() && n.Int64() <= utf8.MaxRune:
		return l.pad("", string(rune(n.Int64()))), nil
	case base == 0:
		return "", fmt.Errorf("an int cannot be written as %s", l.kind)
	case base != 10 && l.grouping == ",":
		return "", fmt.Errorf(", does not go with %s", l.kind)
	case base != 10:
		group = 4
	}
	digits := n.Text(base)
	if l.prefix && base != 10 {
		sign += "0" + l.kind
	}
	if l.kind == "X" {
		digits = strings.ToUpper(digits)
	}
	return l.number(sign, digits, "", group), nil
}

func (l layout) float(x float64) (string, error) {
	if l.prefix {
		return "", errors.New("# does not go with a float")
	}
	percent, kind, precision := "", strings.ToLower(l.kind), l.precision
	switch kind {
	case "", "e", "f", "g":
	case "n":
		kind = "g"
	case "%":
		kind, percent, x = "f", "%", x*100
	default:
		return "", fmt.Errorf("a float cannot be written as %s", l.kind)
	}
	sign := l.signOf(math.Signbit(x) && !math.IsNaN(x))
	x = math.Abs(x)
	if precision < 0 && kind != "" {
		precision = 6
	}
	var text string
	switch {
	case math.IsNaN(x):
		text = "nan"
	case math.IsInf(x, 0):
		text = "inf"
	case kind == "" && precision < 0:
		text = floatText(x)
	case kind == "" || kind == "g":
		text = general(x, max(precision, 1), kind == "")
	default:
		text = strconv.FormatFloat(x, kind[0], precision, 64)
	}
	if l.kind != "" && strings.Contains("EFG", l.kind) {
		text = strings.ToUpper(text)
	}
	end := strings.IndexFunc(text, func(c rune) bool { return c < '0' || c > '9' })
	if end < 0 {
		end = len(text)
	}
	return l.number(sign, text[:end], text[end:]+percent, 3), nil
}

// general writes x with so many digits, in full or with an exponent, whichever
// is shorter; plain says that what is written in full has a point.
func general(x float64, digits int, plain bool) string {
	text := strconv.FormatFloat(x, 'e', digits-1, 64)
	mantissa, exponent, _ := strings.Cut(text, "e")
	e, _ := strconv.Atoi(exponent)
	most := digits
	if plain {
		most--
	}
	trim := func(s string) string {
		if strings.Contains(s, ".") {
			s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
		}
		return s
	}
	if e < -4 || e >= most {
		return trim(mantissa) + "e" + exponent
	}
	text = trim(strconv.FormatFloat(x, 'f', digits-1-e, 64))
	if plain && !strings.Contains(text, ".") {
		text += ".0"
	}
	return text
}

// floatText is Python's str of a float.
func floatText(x float64) string {
	switch {
	case math.IsNaN(x):
		return "nan"
	case math.IsInf(x, 0):
		return strings.TrimPrefix(strings.ToLower(strconv.FormatFloat(x, 'f', -1, 64)), "+")
	}
	return pythonFloat(x)
}

func (l layout) signOf(negative bool) string {
	switch {
	case negative:
		return "-"
	case l.sign == "-":
		return ""
	}
	return l.sign
}

// number puts a number together: sign, digits before the point, grouped, and
// what follows.
func (l layout) number(sign, digits, rest string, group int) string {
	if l.align == "" {
		l.align = ">"
	}
	if l.grouping == "" {
		return l.pad(sign, digits+rest)
	}
	grouped := l.group(digits, group)
	if l.align == "=" && l.fill == "0" {
		for len(sign)+len(grouped)+len(rest) < l.width {
			digits = "0" + digits
			grouped = l.group(digits, group)
		}
	}
	return l.pad(sign, grouped+rest)
}

func (l layout) group(digits string, group int) string {
	for at := len(digits) - group; at > 0; at -= group {
		digits = digits[:at] + l.grouping + digits[at:]
	}
	return digits
}

// pad fills up to the width.
func (l layout) pad(sign, text string) string {
	missing := max(l.width-utf8.RuneCountInString(sign)-utf8.RuneCountInString(text), 0)
	switch l.align {
	case "<", "":
		return sign + text + strings.Repeat(l.fill, missing)
	case "^":
		return strings.Repeat(l.fill, missing/2) + sign + text + strings.Repeat(l.fill, missing-missing/2)
	case "=":
		return sign + strings.Repeat(l.fill, missing) + text
	}
	return strings.Repeat(l.fill, missing) + sign + text
}
