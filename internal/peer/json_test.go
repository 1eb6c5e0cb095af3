package peer_test

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/peer"
)

func anyOf(t *testing.T, kind string) peer.Matcher {
	t.Helper()
	m, ok := peer.Any(kind)
	if !ok {
		t.Fatalf("no kind %q", kind)
	}
	return m
}

type object = map[string]any

// because returns the differences that a Failure tells.
func because(err error) []string {
	var f *peer.Failure
	if !errors.As(err, &f) {
		return nil
	}
	return f.Because
}

func TestJSON(t *testing.T) {
	text, number, value := anyOf(t, "text"), anyOf(t, "number"), anyOf(t, "value")
	for _, tt := range []struct {
		name string
		want any
		got  string
		diff string // lines joined by "; "
	}{
		{"equal", object{"a": 1, "b": []any{true, nil, "x"}}, ` {"b": [true, null, "x"], "a": 1.0} `, ""},
		{"a struct", struct{ A []int }{[]int{1}}, `{"A":[1]}`, ""},
		{"another value", object{"a": object{"b": []any{1, 2}}}, `{"a":{"b":[1,3]}}`, "a.b[1]: 3, wanted 2"},
		{"another kind", object{"a": "1"}, `{"a":1}`, `a: 1, wanted "1"`},
		{"a missing key", object{"a": 1, "b": 2}, `{"a":1}`, "b: missing, wanted 2"},
		{"one key more", object{"a": 1}, `{"a":1,"b":2}`, "b: 2, wanted no such key"},
		{"one element more", []any{1}, `[1,2]`, "2 elements, wanted 1"},
		{"all differences", object{"a": 1, "b": 2, "c": 3}, `{"a":3,"b":2,"d":1}`, "a: 3, wanted 1; c: missing, wanted 3; d: 1, wanted no such key"},
		{"null is no mapping", object{}, `null`, "null, wanted {}"},
		{"null is no key", object{"a": nil}, `{}`, "a: missing, wanted null"},
		{"large numbers", uint64(1<<63 + 1), `9223372036854775808`, "9223372036854775808, wanted 9223372036854775809"},
		{"exponents", 1e3, `1000`, ""},
		{"no JSON", object{}, `hello`, "it is not JSON"},
		{"two values", 1, `1 2`, "it is not JSON"},

		{"any", object{"a": text, "b": number, "c": value, "d": value}, `{"a":"x","b":1,"c":null,"d":[]}`, ""},
		{
			"any other",
			object{"a": text, "b": number, "c": value},
			`{"a":1,"b":"1"}`,
			`a: 1, wanted {"any":"text"}; b: "1", wanted {"any":"number"}; c: missing, wanted {"any":"value"}`,
		},
		{"other kinds", []any{anyOf(t, "boolean"), anyOf(t, "list"), anyOf(t, "mapping")}, `[false,[],{}]`, ""},
		{
			"not other kinds",
			[]any{anyOf(t, "boolean"), anyOf(t, "list"), anyOf(t, "mapping")},
			`[0,{},null]`,
			`[0]: 0, wanted {"any":"boolean"}; [1]: {}, wanted {"any":"list"}; [2]: null, wanted {"any":"mapping"}`,
		},
		{"match", peer.Matching(regexp.MustCompile("^h")), `"hello"`, ""},
		{"no match", peer.Matching(regexp.MustCompile("^<")), `"hello"`, `"hello", wanted {"match":"^<"}`},
		{"match no number", peer.Matching(regexp.MustCompile("1")), `1`, `1, wanted {"match":"1"}`},

		{"part", peer.Part{Value: object{"a": object{"b": 1}}}, `{"a":{"b":1,"c":2},"d":3}`, ""},
		{"part in a list", []any{peer.Part{Value: object{"a": 1}}, object{}}, `[{"a":1,"b":2},{"b":2}]`, "[1].b: 2, wanted no such key"},
		{"no part", peer.Part{Value: object{"a": object{"b": 1}}}, `{"a":{"c":2}}`, "a.b: missing, wanted 1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := peer.Check(peer.JSON(tt.want), parley.Message{Kind: parley.Text, Data: []byte(tt.got)})
			diff := strings.Join(because(err), "; ")
			if diff != tt.diff || (err == nil) != (tt.diff == "") {
				t.Errorf("differences: %s\nwant: %s", diff, tt.diff)
			}
		})
	}
}

func TestWants(t *testing.T) {
	hello := parley.Message{Kind: parley.Text, Data: []byte("hello")}
	octets := parley.Message{Kind: parley.Binary, Data: []byte("hello")}
	match := peer.Match(regexp.MustCompile("^h.*o$"))
	for _, tt := range []struct {
		want    peer.Want
		m       parley.Message
		failure string
	}{
		{peer.Text("hello"), hello, ""},
		{peer.Text("hello "), hello, "wanted: text \"hello \"\ncame:   text hello"},
		{peer.Text("hello"), octets, "wanted: text hello\ncame:   binary 68656c6c6f"},
		{peer.Binary("hello"), octets, ""},
		{peer.Binary(nil), hello, "wanted: binary, empty\ncame:   text hello"},
		{match, hello, ""},
		{match, octets, "wanted: text that matches ^h.*o$\ncame:   binary 68656c6c6f"},
		{peer.JSON("hello"), octets, "wanted: JSON \"hello\"\ncame:   binary 68656c6c6f"},
		{peer.JSON(peer.Part{Value: object{"a": "<b>"}}), hello, "wanted: JSON that has {\"a\":\"<b>\"}\ncame:   text hello\n        it is not JSON"},
	} {
		got := ""
		if err := peer.Check(tt.want, tt.m); err != nil {
			got = err.Error()
		}
		if got != tt.failure {
			t.Errorf("%v of %v: got:\n%s\nwant:\n%s", tt.want, tt.m, got, tt.failure)
		}
	}
}

func TestManyDifferencesAreNotAllTold(t *testing.T) {
	want := make([]int, 100)
	err := peer.Check(peer.JSON(want), parley.Message{Kind: parley.Text, Data: []byte("[" + strings.Repeat("1,", 99) + "1]")})
	if told := because(err); len(told) != 5 || !slices.Contains(told, "[4]: 1, wanted 0") {
		t.Errorf("told: %q", told)
	}
}
