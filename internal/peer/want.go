package peer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"

	"parley.example/parley"
)

// A Failure says what was wanted and what came instead.
type Failure struct {
	Wanted, Came string
	Because      []string // the differences, if they are hard to see
}

// Error returns a line for each part.
func (f *Failure) Error() string {
	s := "wanted: " + f.Wanted + "\ncame:   " + f.Came
	for _, why := range f.Because {
		s += "\n        " + why
	}
	return s
}

// A Want says what a message is to be.
type Want interface {
	// String says it to people.
	String() string

	// fits reports whether m is as wanted.
	fits(m parley.Message) bool
}

// Check returns a *Failure if m is not as wanted.
func Check(want Want, m parley.Message) error {
	if want.fits(m) {
		return nil
	}
	f := &Failure{Wanted: want.String(), Came: describe(m)}
	if w, ok := want.(jsonWant); ok && m.Kind == parley.Text {
		f.Because = w.differences(m.Data)
	}
	return f
}

// Text wants exactly this text.
type Text string

// String implements Want, as do the other methods of the types below.
func (w Text) String() string { return "text " + shown(string(w)) }

func (w Text) fits(m parley.Message) bool {
	return m.Kind == parley.Text && string(m.Data) == string(w)
}

// Binary wants exactly these octets, in a binary message.
type Binary []byte

func (w Binary) String() string { return binaryText(w) }

func (w Binary) fits(m parley.Message) bool {
	return m.Kind == parley.Binary && bytes.Equal(m.Data, w)
}

// Match wants text in which the expression is found.
func Match(re *regexp.Regexp) Want { return match{re} }

type match struct{ *regexp.Regexp }

func (w match) String() string { return "text that matches " + w.Regexp.String() }

func (w match) fits(m parley.Message) bool {
	return m.Kind == parley.Text && w.Match(m.Data)
}

// JSON wants text that is JSON and equal to value, which is made of what
// encoding/json knows; Matchers and Parts may stand in maps and slices of any.
// It panics if value cannot be JSON.
func JSON(value any) Want { return jsonWant{normal(value)} }

type jsonWant struct{ value any }

func (w jsonWant) String() string {
	if part, ok := w.value.(Part); ok {
		return "JSON that has " + cut(jsonText(part.Value))
	}
	return "JSON " + cut(jsonText(w.value))
}

func (w jsonWant) fits(m parley.Message) bool {
	return m.Kind == parley.Text && len(w.differences(m.Data)) == 0
}

// differences says where text is not as wanted.
func (w jsonWant) differences(text []byte) []string {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var got any
	if err := dec.Decode(&got); err != nil || dec.More() {
		return []string{"it is not JSON"}
	}
	c := &comparison{}
	c.compare("", w.value, got)
	return c.found
}

// JSONMessage returns a text message that is value as JSON, in one line.
func JSONMessage(value any) (parley.Message, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(value)
	return parley.Message{Kind: parley.Text, Data: bytes.TrimSpace(b.Bytes())}, err
}

// jsonText returns a value that can be JSON as that.
func jsonText(value any) string {
	m, err := JSONMessage(value)
	if err != nil {
		panic(fmt.Sprintf("a value that cannot be JSON: %v", err))
	}
	return string(m.Data)
}
