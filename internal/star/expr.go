package star

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"parley.example/parley/internal/call"
)

// dialect is what Starlark allows here. Assigning to a global again is allowed
// while a module is loaded; afterwards its globals are frozen.
var dialect = &syntax.FileOptions{
	Set: true, While: true, TopLevelControl: true, GlobalReassign: true, Recursion: true,
}

// An expression is the parsed text of a function. Its free names are variables,
// built-ins, or modules of the app.
type expression struct {
	lambda  *syntax.LambdaExpr // of all variables
	body    syntax.Expr
	modules []reference // what it names of the app's modules
}

// A reference is module.name; name is "" if a module stands alone.
type reference struct{ module, name string }

// parse reads the text of step, a function whose variables are names. Its error
// says what is not Starlark, and where in the text.
func (r *Runtime) parse(names []string, step call.Step) (*expression, error) {
	file, line, column := splitPlace(cmp.Or(step.Begin, step.Where))
	portion := syntax.FilePortion{Content: []byte(step.Function), FirstLine: line, FirstCol: column}
	body, err := dialect.ParseExpr(file, portion, 0)
	start := syntax.MakePosition(&file, line, column)
	if err != nil {
		return nil, notStarlark(step.Function, start, err)
	}
	e := &expression{body: body, lambda: &syntax.LambdaExpr{Lambda: start, Body: body}}
	for _, name := range names {
		e.lambda.Params = append(e.lambda.Params, &syntax.Ident{NamePos: start, Name: name})
	}
	if _, err := resolve.ExprOptions(dialect, e.lambda, r.isPredeclared, starlark.Universe.Has); err != nil {
		return nil, notStarlark(step.Function, start, err)
	}
	if err := r.lookAt(e, start); err != nil {
		return nil, err
	}
	return e, nil
}

// isPredeclared reports whether name is one of ours, or a module of the app.
func (r *Runtime) isPredeclared(name string) bool {
	return predeclared.Has(name) || r.Owns(name) != ""
}

// lookAt collects what e names of the app's modules. Its error says what it
// names of the built-in ones that is not there.
func (r *Runtime) lookAt(e *expression, start syntax.Position) (err error) {
	inner := map[syntax.Expr]bool{} // paths that are part of a longer one
	wrong := func(pos syntax.Position, format string, args ...any) {
		if err == nil {
			err = fmt.Errorf("%s: %s", within(start, pos), fmt.Sprintf(format, args...))
		}
	}
	syntax.Walk(e.body, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.DotExpr:
			inner[n.X] = true
			module, ok := n.X.(*syntax.Ident)
			if !ok || !isGlobal(module) {
				return true
			}
			if r.Owns(module.Name) != "" {
				e.modules = append(e.modules, reference{module.Name, n.Name.Name})
				return true
			}
			if value, ok := lookup(module.Name); ok && !hasAttr(value, n.Name.Name) {
				wrong(n.Name.NamePos, "%s has no %s in Starlark", module.Name, n.Name.Name)
			}
		case *syntax.CallExpr:
			for _, keyword := range unknownKeywords(n) {
				wrong(keyword.NamePos, "json.dumps takes no %s in Starlark", keyword.Name)
			}
		case *syntax.Ident:
			if !inner[n] && isGlobal(n) && r.Owns(n.Name) != "" {
				e.modules = append(e.modules, reference{module: n.Name})
			}
		}
		return true
	})
	return err
}

// unknownKeywords are those of a call of json.dumps that ours does not have.
func unknownKeywords(c *syntax.CallExpr) (unknown []*syntax.Ident) {
	fn, ok := c.Fn.(*syntax.DotExpr)
	if !ok || fn.Name.Name != "dumps" {
		return nil
	}
	if module, ok := fn.X.(*syntax.Ident); !ok || module.Name != "json" || !isGlobal(module) {
		return nil
	}
	for _, arg := range c.Args {
		if pair, ok := arg.(*syntax.BinaryExpr); ok && pair.Op == syntax.EQ {
			if name := pair.X.(*syntax.Ident); !slices.Contains(dumpsKeywords, name.Name) {
				unknown = append(unknown, name)
			}
		}
	}
	return unknown
}

// isGlobal reports whether a name that has been resolved is no variable.
func isGlobal(id *syntax.Ident) bool {
	binding, ok := id.Binding.(*resolve.Binding)
	return ok && (binding.Scope == resolve.Predeclared || binding.Scope == resolve.Universal)
}

// dotted returns the names of a path and its first as it stands there; nil if e
// is something else.
func dotted(e syntax.Expr) (path []string, root *syntax.Ident) {
	for {
		switch x := e.(type) {
		case *syntax.DotExpr:
			path = append(path, x.Name.Name)
			e = x.X
		case *syntax.Ident:
			path = append(path, x.Name)
			slices.Reverse(path)
			return path, x
		default:
			return nil, nil
		}
	}
}

// lookup returns what a built-in name stands for.
func lookup(name string) (starlark.Value, bool) {
	if value, ok := predeclared[name]; ok {
		return value, true
	}
	value, ok := starlark.Universe[name]
	return value, ok
}

func hasAttr(value starlark.Value, name string) bool {
	object, ok := value.(starlark.HasAttrs)
	return ok && slices.Contains(object.AttrNames(), name)
}

// formatted is the first f-string of a text.
var formatted = regexp.MustCompile(`(?:^|[^\pL\pN_"'])([fF][rR]?["']|[rR][fF]["'])`)

// notStarlark says in a few words what the parser or resolver has said of text,
// which begins at start.
func notStarlark(text string, start syntax.Position, err error) error {
	var parsing syntax.Error
	var resolving resolve.ErrorList
	switch {
	case errors.As(err, &parsing):
		if at := formatted.FindStringSubmatchIndex(text); at != nil {
			return fmt.Errorf("%s: an f-string is not Starlark", within(start, advance(start, text[:at[2]])))
		}
		return fmt.Errorf("%s: not Starlark: %s", within(start, parsing.Pos), strings.TrimPrefix(parsing.Msg, "syntax error: "))
	case errors.As(err, &resolving):
		where := within(start, resolving[0].Pos)
		if name, ok := strings.CutPrefix(resolving[0].Msg, "undefined: "); ok {
			name, _, _ = strings.Cut(name, " ") // a suggestion may follow
			return &call.UndefinedError{Name: name, Where: where}
		}
		return fmt.Errorf("%s: %s", where, resolving[0].Msg)
	}
	return err
}

// within says where in a text that begins at start pos is.
func within(start, pos syntax.Position) string {
	if pos.Line == start.Line {
		return fmt.Sprintf("column %d", pos.Col-start.Col+1)
	}
	return fmt.Sprintf("line %d, column %d", pos.Line-start.Line+1, pos.Col)
}

// advance is the position behind part of a text that begins at start.
func advance(start syntax.Position, part string) syntax.Position {
	for _, c := range part {
		if start.Col++; c == '\n' {
			start.Line, start.Col = start.Line+1, 1
		}
	}
	return start
}

// splitPlace takes "gramex.yaml:9:19" apart.
func splitPlace(where string) (file string, line, column int32) {
	parts := strings.Split(where, ":")
	n := len(parts)
	if n < 3 {
		return where, 1, 1
	}
	l, errLine := strconv.ParseInt(parts[n-2], 10, 32)
	c, errColumn := strconv.ParseInt(parts[n-1], 10, 32)
	if errLine != nil || errColumn != nil {
		return where, 1, 1
	}
	return strings.Join(parts[:n-2], ":"), int32(l), int32(c)
}
