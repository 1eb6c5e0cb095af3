package apptest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/agnivade/levenshtein"
	"go.yaml.in/yaml/v3"
)

// An Error holds every mistake of the files that were read, one in each text:
// "chat.test.yaml:9:7: …".
type Error []string

// Lines returns the mistakes, in the order of the files.
func (e Error) Lines() []string { return e }

// Error returns all mistakes, one a line.
func (e Error) Error() string { return strings.Join(e, "\n") }

// A problem is one mistake. Line and column are in characters, from 1; 0 is
// unknown.
type problem struct {
	line, column int
	text         string
}

// A report collects the problems of one file.
type report struct {
	file     string
	problems []problem
	only     bool // nothing is added any more
}

func (r *report) addf(n *yaml.Node, format string, args ...any) {
	if r.only {
		return
	}
	r.problems = append(r.problems, problem{n.Line, n.Column, fmt.Sprintf(format, args...)})
}

// lines returns the problems in the order of the file.
func (r *report) lines() []string {
	slices.SortStableFunc(r.problems, func(a, b problem) int {
		return cmp.Or(cmp.Compare(a.line, b.line), cmp.Compare(a.column, b.column))
	})
	var lines []string
	for _, p := range r.problems {
		at := r.file
		for _, n := range []int{p.line, p.column} {
			if n > 0 {
				at += fmt.Sprintf(":%d", n)
			}
		}
		lines = append(lines, at+": "+p.text)
	}
	return lines
}

// didYouMean returns a hint if one of the names is almost what was written.
func didYouMean(written string, names []string) string {
	best, least := "", max(2, len(written)/3)+1
	if len(written) < 4 {
		least = 2
	}
	for _, name := range names {
		if d := levenshtein.ComputeDistance(written, name); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return " (did you mean " + best + "?)"
}
