package server

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/config"
	"parley.example/parley/internal/httpd"
)

// compile chooses a runtime for each endpoint's functions. What does not fit is
// added to wrong, which may be nil; its error is wrong if anything is.
//
// The functions that judge are a program of their own: an endpoint of built-ins
// alone, which run in Go, may have a condition that is an expression.
func compile(cfg *config.Config, calls *call.Chooser, wrong *config.Error) (all []*built, folder *built, err error) {
	folder = &built{Endpoint: &config.Endpoint{Name: folderName, File: cfg.Folder, Access: cfg.FolderAccess}}
	var texts []call.Functions
	var programs []**call.Program // where those of texts belong
	add := func(b *built, hooks map[call.Hook]*config.Function, to **call.Program) {
		f := functions(b.Endpoint, hooks)
		f.Runtime = cmp.Or(f.Runtime, cfg.Runtime)
		texts, programs = append(texts, f), append(programs, to)
	}
	for _, e := range cfg.Endpoints {
		b := &built{Endpoint: e}
		all = append(all, b)
		if e.WebSocket != nil || e.Function != nil {
			add(b, hooksOf(e), &b.program)
		}
	}
	everything := append(slices.Clone(all), folder)
	for _, b := range everything {
		if judges := judgesOf(b.Access); len(judges) > 0 {
			add(b, judges, &b.judges)
		}
	}
	compiled, err := calls.Compile(texts)
	var problems call.Problems
	switch {
	case errors.As(err, &problems):
		if wrong == nil {
			wrong = &config.Error{}
		}
		for _, p := range problems {
			wrong.Add(configProblem(everything, p))
		}
	case err != nil:
		return nil, nil, err
	}
	if wrong != nil {
		return nil, nil, wrong
	}
	for i, to := range programs {
		*to = compiled[i]
	}
	return all, folder, nil
}

// folderName is what the log calls the app's own folder.
const folderName = "(folder)"

// configProblem gives a problem of a function its place in the YAML.
func configProblem(endpoints []*built, p call.Problem) config.Problem {
	var pos config.Pos
	for _, e := range endpoints {
		if e.Name != p.Endpoint {
			continue
		}
		pos = e.Pos
		for _, fn := range e.functions() {
			for _, step := range fn.Steps {
				if step.Pos.String() == p.Where {
					pos = step.Pos
				}
			}
		}
	}
	return config.Problem{
		File: pos.File, Line: pos.Line, Column: pos.Column,
		Key: keyOf(p.Endpoint, p.Hook), Text: p.Text,
	}
}

// keyOf is where in the YAML a hook of an endpoint stands.
func keyOf(endpoint string, hook call.Hook) string {
	if endpoint == folderName {
		return fmt.Sprintf("the folder's %s", hook) // from app: or handlers:
	}
	return fmt.Sprintf("url.%s.kwargs.%s", endpoint, hook)
}

// built is one entry of url: with what was made of it.
type built struct {
	*config.Endpoint
	program *call.Program // nil where there are no functions
	judges  *call.Program // of auth.condition and validate; likewise
}

// functions are those of b by their hooks.
func (b *built) functions() map[call.Hook]*config.Function {
	all := hooksOf(b.Endpoint)
	maps.Copy(all, judgesOf(b.Access))
	return all
}

// hooks are those that b has functions for, in the order in which they run.
func (b *built) hooks() []call.Hook {
	all := []call.Hook{call.Condition}
	for i := range b.Validate {
		all = append(all, call.Validate(i))
	}
	all = append(all, call.SelectSubprotocol, call.Open, call.OnMessage, call.OnPong, call.OnClose, call.Function)
	return slices.DeleteFunc(all, func(h call.Hook) bool { return b.of(h) == nil })
}

// of returns the program that runs a hook; nil if b has no function for it.
func (b *built) of(hook call.Hook) *call.Program {
	p := b.program
	if hook.Judges() {
		p = b.judges
	}
	if p == nil || !p.Has(hook) {
		return nil
	}
	return p
}

// functionText is a hook's function as written, in one line.
func (b *built) functionText(hook call.Hook) string {
	var texts []string
	for _, step := range b.functions()[hook].Steps {
		texts = append(texts, strings.Join(strings.Fields(step.Text), " "))
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
