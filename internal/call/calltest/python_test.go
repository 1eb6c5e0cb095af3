package calltest_test

import (
	"reflect"
	"strings"
	"testing"

	"parley.example/parley/internal/call/calltest"
)

func TestEveryTextNamesAFunctionOfThePythonModule(t *testing.T) {
	source, texts, code := calltest.Python()
	for _, v := range []reflect.Value{reflect.ValueOf(texts), reflect.ValueOf(*code)} {
		for i := range v.NumField() {
			name, ok := strings.CutPrefix(v.Field(i).String(), "suite.")
			if !ok || !strings.Contains(source, "def "+name+"(") {
				t.Errorf("%s.%s is %q: no such function in suite.py", v.Type(), v.Type().Field(i).Name, v.Field(i))
			}
		}
	}
}
