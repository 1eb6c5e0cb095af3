package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/python"
)

// Check imports the app's modules and writes to out, for each endpoint and
// function, where it runs. Its error is a *ConfigError if a module does not
// import or lacks a function. A machine without Python is only a warning.
func (s *Server) Check(ctx context.Context, out io.Writer) error {
	defer s.closeParts()
	s.scripts.Load()
	err := s.workers.StartOne(ctx)
	var missing *python.NoPythonError
	switch {
	case errors.As(err, &missing):
		s.log.Warn("Python modules were not checked", "err", err)
	case err != nil:
		return err
	default:
		stop := s.start(ctx, s.workers.Run)
		defer stop()
	}
	if err := s.report(out); err != nil {
		return err
	}
	if faults := s.faults(); len(faults) > 0 {
		return faultError(faults)
	}
	return nil
}

// report writes a line per endpoint, and under it one per function.
func (s *Server) report(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if len(s.endpoints) == 0 {
		fmt.Fprintln(w, "no endpoints: only the folder's pages are served")
	}
	for _, e := range s.endpoints {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", e.Name, e.Pattern, e.Handler(), s.notes(e))
		for _, hook := range hooks {
			if !e.has(hook) {
				continue
			}
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", hook, e.functionText(hook), e.program.Name, e.program.Why[hook])
		}
	}
	return w.Flush()
}

// hooks in the order in which they are shown.
var hooks = []call.Hook{
	call.SelectSubprotocol, call.Open, call.OnMessage, call.OnPong, call.OnClose, call.Function,
}

// notes says what an operator should know of an endpoint.
func (s *Server) notes(e *built) string {
	switch {
	case e.WebSocket == nil:
		return ""
	case e.WebSocket.OriginsSet:
		return "origins: " + strings.Join(originTexts(e.WebSocket), " ")
	}
	return "origins: all (any site's page may connect; origins: says which)"
}

// faultError makes a ConfigError of what did not import.
func faultError(faults []call.Fault) error {
	e := &ConfigError{}
	for _, f := range faults {
		e.lines = append(e.lines, faultLine(f))
		if f.Traceback != "" {
			for line := range strings.Lines(f.Traceback) {
				e.lines = append(e.lines, "    "+strings.TrimRight(line, "\n"))
			}
		}
	}
	return e
}

func faultLine(f call.Fault) string {
	return fmt.Sprintf("%s: url.%s.kwargs.%s: %s", f.Where, f.Endpoint, f.Hook, f.Message)
}

// pythonError says which functions cannot run because there is no Python.
func (s *Server) pythonError(err error) error {
	var missing *python.NoPythonError
	if !errors.As(err, &missing) {
		return err
	}
	e := &ConfigError{lines: []string{"parley: " + err.Error(), "These functions need it:"}}
	for _, b := range s.endpoints {
		if b.program == nil || b.program.Name != call.Python {
			continue
		}
		for _, hook := range hooks {
			if b.has(hook) {
				e.lines = append(e.lines, fmt.Sprintf("    url.%s.kwargs.%s: %s", b.Name, hook, b.functionText(hook)))
			}
		}
	}
	return e
}
