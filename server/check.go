package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
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

// endpointsAndFolder are the endpoints, and the app's folder if it is not for
// everybody.
func (s *Server) endpointsAndFolder() []*built {
	if s.folder.Auth == nil && s.folder.judges == nil {
		return s.endpoints
	}
	return append(slices.Clone(s.endpoints), s.folder)
}

// report writes a line per endpoint, and under it one per function.
func (s *Server) report(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	if len(s.endpoints) == 0 {
		fmt.Fprintln(w, "no endpoints: only the folder's pages are served")
	}
	for _, e := range s.endpointsAndFolder() {
		line := fmt.Sprintf("%s\t%s\t%s", e.Name, e.Pattern, e.Handler())
		if notes := s.notes(e); notes != "" {
			line += "\t" + notes
		}
		fmt.Fprintln(w, line)
		for _, hook := range e.hooks() {
			p := e.of(hook)
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\n", hook, e.functionText(hook), p.Name, p.Why[hook])
		}
	}
	return w.Flush()
}

// notes says what an operator should know of an endpoint.
func (s *Server) notes(e *built) string {
	var notes []string
	if e.Auth != nil {
		notes = append(notes, "auth: "+whoMay(e))
	}
	switch {
	case e.Login != nil:
		notes = append(notes, fmt.Sprintf("users: %d", len(e.Login.Credentials)))
	case e.WebSocket == nil:
	case e.WebSocket.OriginsSet:
		notes = append(notes, "origins: "+strings.Join(originTexts(e.WebSocket), " "))
	case e.Auth != nil:
		notes = append(notes, "origins: this site's")
	default:
		notes = append(notes, "origins: all (other sites' pages without their cookie; origins: says which may)")
	}
	return strings.Join(notes, "; ")
}

// whoMay says in a few words whom auth: of e admits.
func whoMay(e *built) string {
	who := "users"
	if len(e.Auth.Membership) > 0 {
		who = "members"
	}
	if len(e.Auth.Methods) > 0 {
		who += " for " + strings.Join(e.Auth.Methods, ", ")
	}
	if e.WebSocket != nil && e.WebSocket.Token != nil {
		who += ", by token or login"
	}
	return who
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
	return fmt.Sprintf("%s: %s: %s", f.Where, keyOf(f.Endpoint, f.Hook), f.Message)
}

// pythonError says which functions cannot run because there is no Python.
func (s *Server) pythonError(err error) error {
	var missing *python.NoPythonError
	if !errors.As(err, &missing) {
		return err
	}
	e := &ConfigError{lines: []string{"parley: " + err.Error(), "These functions need it:"}}
	for _, b := range s.endpointsAndFolder() {
		for _, hook := range b.hooks() {
			if b.of(hook).Name == call.Python {
				e.lines = append(e.lines, fmt.Sprintf("    %s: %s", keyOf(b.Name, hook), b.functionText(hook)))
			}
		}
	}
	return e
}
