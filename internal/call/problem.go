package call

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// A Problem is one reason why a function cannot be used as it is written.
type Problem struct {
	Where    string // "gramex.yaml:9:19"; "" if Text holds the place
	Endpoint string // "" if Text names what it is about
	Hook     Hook
	Text     string
}

// Error returns the problem in one line, as
// "gramex.yaml:9:19: url.pingbot.kwargs.open: …".
func (p Problem) Error() string {
	var b strings.Builder
	if p.Where != "" {
		b.WriteString(p.Where + ": ")
	}
	if p.Endpoint != "" {
		b.WriteString("url." + p.Endpoint + ".kwargs." + string(p.Hook) + ": ")
	}
	b.WriteString(p.Text)
	return b.String()
}

// Problems are all problems of one endpoint's functions, in file order.
// Errors of Compile are Problems.
type Problems []Problem

// Error returns the problems, one a line.
func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i, problem := range p {
		lines[i] = problem.Error()
	}
	return strings.Join(lines, "\n")
}

// Unwrap returns each problem by itself.
func (p Problems) Unwrap() []error {
	errs := make([]error, len(p))
	for i, problem := range p {
		errs[i] = problem
	}
	return errs
}

func (p Problems) sort() {
	slices.SortStableFunc(p, func(a, b Problem) int { return comparePlaces(a.Where, b.Where) })
}

// comparePlaces orders "file:line:column" as a reader meets the places.
func comparePlaces(a, b string) int {
	fileA, lineA, columnA := splitPlace(a)
	fileB, lineB, columnB := splitPlace(b)
	return cmp.Or(cmp.Compare(fileA, fileB), cmp.Compare(lineA, lineB), cmp.Compare(columnA, columnB))
}

func splitPlace(where string) (file string, line, column int) {
	file, columnText := cutLast(where)
	file, lineText := cutLast(file)
	// What is no number counts as 0: such a place stands before all others.
	line, _ = strconv.Atoi(lineText)
	column, _ = strconv.Atoi(columnText)
	return file, line, column
}

func cutLast(s string) (before, after string) {
	if i := strings.LastIndexByte(s, ':'); i >= 0 {
		return s[:i], s[i+1:]
	}
	return s, ""
}
