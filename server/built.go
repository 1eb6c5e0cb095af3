package server

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/config"
	"parley.example/parley/internal/httpd"
)

// compile chooses a runtime for each endpoint's functions. What does not fit is
// added to wrong, which may be nil; its error is wrong if anything is.
func compile(cfg *config.Config, calls *call.Chooser, wrong *config.Error) ([]*built, error) {
	var all, running []*built
	var texts []call.Functions
	for _, e := range cfg.Endpoints {
		b := &built{Endpoint: e}
		all = append(all, b)
		if e.File != nil {
			continue
		}
		f := functions(e)
		f.Runtime = cmp.Or(f.Runtime, cfg.Runtime)
		running, texts = append(running, b), append(texts, f)
	}
	programs, err := calls.Compile(texts)
	var problems call.Problems
	switch {
	case errors.As(err, &problems):
		if wrong == nil {
			wrong = &config.Error{}
		}
		for _, p := range problems {
			wrong.Add(configProblem(running, p))
		}
	case err != nil:
		return nil, err
	}
	if wrong != nil {
		return nil, wrong
	}
	for i, b := range running {
		b.program = programs[i]
	}
	return all, nil
}

// configProblem gives a problem of a function its place in the YAML.
func configProblem(endpoints []*built, p call.Problem) config.Problem {
	var pos config.Pos
	for _, e := range endpoints {
		if e.Name != p.Endpoint {
			continue
		}
		pos = e.Pos
		for _, fn := range hooksOf(e.Endpoint) {
			for _, step := range fn.Steps {
				if step.Pos.String() == p.Where {
					pos = step.Pos
				}
			}
		}
	}
	return config.Problem{
		File: pos.File, Line: pos.Line, Column: pos.Column,
		Key: fmt.Sprintf("url.%s.kwargs.%s", p.Endpoint, p.Hook), Text: p.Text,
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
