package apptest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A File is one *.test.yaml.
type File struct {
	Path  string
	Tests []*Test // at least one, in the file's order
}

// A Test is one name of a file, and its steps.
type Test struct {
	Name  string
	file  string
	turns []turn
}

// Read reads the files. Its error is an Error with every mistake in them.
func Read(paths []string) ([]*File, error) {
	var files []*File
	var wrong Error
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading the tests: %w", err)
		}
		r := &reader{report: report{file: filepath.ToSlash(path)}}
		files = append(files, &File{Path: path, Tests: r.file(data)})
		wrong = append(wrong, r.lines()...)
	}
	if len(wrong) > 0 {
		return nil, wrong
	}
	return files, nil
}

// A reader makes tests of one file's YAML.
type reader struct {
	report
	nodes int // looked at so far
}

// maxNodes bounds what the aliases of one file may expand to.
const maxNodes = 100_000

func (r *reader) file(data []byte) []*Test {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, next yaml.Node
	err := dec.Decode(&doc)
	if err == nil {
		err = dec.Decode(&next)
	}
	switch {
	case err == nil:
		r.addf(&next, "a second document starts here; a file of tests holds one")
	case !errors.Is(err, io.EOF):
		r.syntax(err, data)
		return nil
	}
	if doc.IsZero() || isNull(doc.Content[0]) {
		r.addf(&yaml.Node{}, "the file is empty; it has names of tests, and steps under each")
		return nil
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		r.addf(root, "the file must be a mapping of tests by their names")
		return nil
	}
	var tests []*Test
	for _, e := range r.entries(root) {
		t := &Test{Name: e.key.Value, file: r.report.file}
		t.turns = r.turns(e.key, e.value)
		tests = append(tests, t)
	}
	return tests
}

var yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)`)

// syntax reports a file that is not YAML.
func (r *reader) syntax(err error, data []byte) {
	var at yaml.Node
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil {
		r.addf(&at, "not valid YAML: %v", err)
		return
	}
	at.Line, _ = strconv.Atoi(m[1])
	if lines := strings.Split(string(data), "\n"); at.Line > 0 && at.Line <= len(lines) {
		line := lines[at.Line-1]
		at.Column = len(line) - len(strings.TrimLeft(line, " \t")) + 1
	}
	r.addf(&at, "not valid YAML: %s (look at the indentation, quotes and colons here and in the line above)", m[2])
}

// An entry is one key of a mapping.
type entry struct{ key, value *yaml.Node }

// entries returns the entries of a mapping, each key once.
func (r *reader) entries(n *yaml.Node) []entry {
	var list []entry
	lines := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], r.resolve(n.Content[i+1])
		if key.Kind != yaml.ScalarNode || isNull(key) {
			r.addf(key, "a key must be text")
			continue
		}
		if first, ok := lines[key.Value]; ok {
			r.addf(key, "%s: given twice, first in line %d", key.Value, first)
			continue
		}
		lines[key.Value] = key.Line
		list = append(list, entry{key, value})
	}
	return list
}

// resolve follows an alias, and counts. After too many values it has only empty
// ones, and that is the only problem.
func (r *reader) resolve(n *yaml.Node) *yaml.Node {
	if r.nodes++; r.nodes > maxNodes {
		if !r.only {
			r.problems = nil
			r.addf(n, "the file's aliases expand to more than %d values", maxNodes)
			r.only = true
		}
		return &yaml.Node{Kind: yaml.ScalarNode}
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// turns reads the steps of the test that key names.
func (r *reader) turns(key, n *yaml.Node) []turn {
	if n.Kind != yaml.SequenceNode || len(n.Content) == 0 {
		r.addf(key, "%s: must have a list of steps, such as  - dial: /chat", key.Value)
		return nil
	}
	cast := newCast()
	var turns []turn
	for _, item := range n.Content {
		turns = append(turns, r.step(cast, r.resolve(item))...)
	}
	return turns
}

// step reads one element of the list: an action, or actions by who does them.
func (r *reader) step(cast *cast, n *yaml.Node) []turn {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		r.addf(n, "a step must be a mapping, such as  dial: /chat")
		cast.lost = true
		return nil
	}
	entries := r.entries(n)
	if verbOf(entries) != nil {
		return []turn{r.act(cast, "", n, entries)}
	}
	var turns []turn
	for _, e := range entries {
		who, at := e.key.Value, e.key
		var actions []entry
		if e.value.Kind == yaml.MappingNode {
			actions = r.entries(e.value)
		}
		if verbOf(actions) != nil {
			turns = append(turns, r.act(cast, who, at, actions))
			continue
		}
		written := who
		if len(actions) > 0 {
			written, at = actions[0].key.Value, actions[0].key
		}
		r.addf(at, "%s: no such step%s; there are %s", written, didYouMean(written, verbNames()), strings.Join(verbNames(), ", "))
		cast.lost = true
	}
	return turns
}

// act reads what who does, at a place in the file.
func (r *reader) act(cast *cast, who string, at *yaml.Node, entries []entry) turn {
	v := verbOf(entries)
	f := fields{}
	for _, e := range entries {
		name := e.key.Value
		switch {
		case name == v.name:
		case isVerb(name):
			r.addf(e.key, "%s beside %s: each is a step of its own", name, v.name)
			continue
		case !v.takes(name):
			r.addf(e.key, "%s: unknown key of %s%s", name, v.name, didYouMean(name, v.keys))
			continue
		}
		f[name] = e.value
	}
	cast.follow(r, who, v, f)
	return turn{
		line: at.Line, who: who, verb: v.name,
		action: v.read(r, f[v.name], f), within: r.timeout(f["timeout"]),
	}
}
