package server

import (
	"errors"
	"fmt"
	"strings"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/config"
	"parley.example/parley/internal/httpd"
)

// compile chooses a runtime for each endpoint's functions. What does not fit
// is added to wrong, which may be nil; its error is wrong if anything is.
func compile(endpoints []*config.Endpoint, calls *call.Chooser, wrong *config.Error) ([]*built, error) {
	var all []*built
	for _, e := range endpoints {
		b := &built{Endpoint: e}
		all = append(all, b)
		if e.File != nil {
			continue
		}
		var err error
		b.program, err = calls.Compile(functions(e))
		var problems call.Problems
		switch {
		case errors.As(err, &problems):
			if wrong == nil {
				wrong = &config.Error{}
			}
			for _, p := range problems {
				wrong.Add(configProblem(e, p))
			}
		case err != nil:
			return nil, err
		}
	}
	if wrong != nil {
		return nil, wrong
	}
	return all, nil
}

// configProblem gives a problem of one of e's functions its place in the YAML.
func configProblem(e *config.Endpoint, p call.Problem) config.Problem {
	pos := e.Pos
	for _, fn := range hooksOf(e) {
		for _, step := range fn.Steps {
			if step.Pos.String() == p.Where {
				pos = step.Pos
			}
		}
	}
	return config.Problem{
		File: pos.File, Line: pos.Line, Column: pos.Column,
		Key: fmt.Sprintf("url.%s.kwargs.%s", e.Name, p.Hook), Text: p.Text,
	}
}

// built is one entry of url: with what was made of it.
type built struct {
	*config.Endpoint
	program *call.Program // nil for a FileHandler
}

func (b *built) has(hook call.Hook) bool { return b.program != nil && b.program.Has(hook) }

// functionText is a hook's function as written, in one line.
func (b *built) functionText(hook call.Hook) string {
	var texts []string
	for _, step := range functions(b.Endpoint).Hooks[hook] {
		texts = append(texts, strings.Join(strings.Fields(step.Function), " "))
	}
	return strings.Join(texts, " → ")
}

func (b *built) kind() httpd.Kind {
	switch {
	case b.WebSocket != nil:
		return httpd.WebSocket
	case b.Function != nil:
		return httpd.Function
	}
	return httpd.Page
}
