package calltest

import (
	_ "embed" // for suite.py and suite.star
	"reflect"
	"strings"
	"unicode"
)

//go:embed suite.py
var pythonSource string

// Python returns the suite's functions as the source of a Python module, and
// the texts that name them once it is saved as suite.py in an app's folder: a
// Subject is these two and Start.
func Python() (source string, texts Texts, code *Code) {
	texts, code = Names()
	return pythonSource, texts, code
}

//go:embed suite.star
var starlarkSource string

// Starlark is Python for a module suite.star.
func Starlark() (source string, texts Texts, code *Code) {
	texts, code = Names()
	return starlarkSource, texts, code
}

// Names returns texts that name the suite's functions in a module suite, each
// with the name of its field in snake case: suite.slow_open.
func Names() (texts Texts, code *Code) {
	code = &Code{}
	nameAll(reflect.ValueOf(&texts).Elem())
	nameAll(reflect.ValueOf(code).Elem())
	return texts, code
}

// nameAll sets each field to its own name in snake case, in the module suite.
func nameAll(v reflect.Value) {
	for i := range v.NumField() {
		v.Field(i).SetString("suite." + snake(v.Type().Field(i).Name))
	}
}

// snake turns FunctionJSON into function_json.
func snake(name string) string {
	var b strings.Builder
	upper := true
	for _, r := range name {
		if unicode.IsUpper(r) && !upper {
			b.WriteByte('_')
		}
		upper = unicode.IsUpper(r)
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
