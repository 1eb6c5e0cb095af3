package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Pos is a place in a YAML file or on the command line.
type Pos struct {
	File   string // relative to the app's folder, with slashes; a flag as "--listen.port", or the place of a Socket
	Line   int    // from 1; 0 is the file as a whole
	Column int    // in characters, from 1; 0 is the line as a whole
}

// String returns "gramex.yaml:9:7", without the parts that are 0.
func (p Pos) String() string {
	s := p.File
	for _, n := range []int{p.Line, p.Column} {
		if n == 0 {
			break
		}
		s += ":" + strconv.Itoa(n)
	}
	return s
}

// A Problem is one mistake, or one warning. It shows values as they are
// written, not what their variables stand for, and never a secret or password.
type Problem struct {
	File   string // as in Pos
	Line   int
	Column int
	Key    string // "url.pingbot.kwargs.on_mesage"; "" for the file as a whole
	Text   string // what is wrong, and what to do about it

	rule rule
}

// String returns "gramex.yaml:9:7: url.pingbot.kwargs.on_mesage: unknown key
// (did you mean on_message?)".
func (p Problem) String() string {
	parts := []string{Pos{p.File, p.Line, p.Column}.String(), p.Text}
	if p.Key != "" {
		parts = slices.Insert(parts, 1, p.Key)
	}
	return strings.Join(parts, ": ")
}

// An Error holds everything that is wrong with an app's config, in file order:
// files as they are read, then the command line.
type Error struct {
	Problems []Problem // at least one

	files []string // names of files in the order of reading
}

// Add adds problems that were found after Load, each in its place.
func (e *Error) Add(problems ...Problem) {
	e.Problems = inFileOrder(append(e.Problems, problems...), e.files)
}

// Lines returns one problem a line.
func (e *Error) Lines() []string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return lines
}

// Error returns the same in one text.
func (e *Error) Error() string { return strings.Join(e.Lines(), "\n") }

// A report collects problems and warnings. It belongs to one Load.
type report struct {
	files    []string // names of files in the order of reading
	problems []Problem
	warnings []Problem
}

func (r *report) addf(rule rule, pos Pos, key, format string, args ...any) {
	r.problems = append(r.problems, newProblem(rule, pos, key, fmt.Sprintf(format, args...)))
}

func (r *report) warnf(rule rule, pos Pos, key, format string, args ...any) {
	r.warnings = append(r.warnings, newProblem(rule, pos, key, fmt.Sprintf(format, args...)))
}

func newProblem(rule rule, pos Pos, key, text string) Problem {
	return Problem{File: pos.File, Line: pos.Line, Column: pos.Column, Key: key, Text: text, rule: rule}
}

// inFileOrder returns list sorted. One place can be reached several times, by
// YAML aliases and as a setting for all endpoints: the same is told once, with
// the key it was found under first.
func inFileOrder(list []Problem, files []string) []Problem {
	order := map[string]int{}
	for i, name := range files {
		order[name] = i - len(files) // below 0, which is what flags get
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Problem) int {
		return cmp.Or(
			cmp.Compare(order[a.File], order[b.File]),
			cmp.Compare(a.Line, b.Line),
			cmp.Compare(a.Column, b.Column),
		)
	})
	type told struct {
		pos  Pos
		text string
	}
	seen := map[told]bool{}
	return slices.DeleteFunc(list, func(p Problem) bool {
		this := told{Pos{p.File, p.Line, p.Column}, p.Text}
		before := seen[this]
		seen[this] = true
		return before
	})
}

// err returns nil, or an *Error with every problem.
func (r *report) err() error {
	if len(r.problems) == 0 {
		return nil
	}
	return &Error{Problems: inFileOrder(r.problems, r.files), files: r.files}
}
