package calltest

import (
	"reflect"
	"testing"
)

// requireAll fails the test if a field of texts, a struct of strings, is
// empty: a case that a runtime left out would pass unseen.
func requireAll(t *testing.T, texts any) {
	t.Helper()
	v := reflect.ValueOf(texts)
	for i := range v.NumField() {
		if v.Field(i).String() == "" {
			t.Fatalf("%T.%s is empty", texts, v.Type().Field(i).Name)
		}
	}
}
