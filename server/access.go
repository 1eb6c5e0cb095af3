package server

import (
	"net/http"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/config"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/httpd"
)

// judgesOf returns the functions that judge who may do what access is about.
func judgesOf(access config.Access) map[call.Hook]*config.Function {
	hooks := map[call.Hook]*config.Function{}
	if access.Auth != nil && access.Auth.Condition != nil {
		hooks[call.Condition] = access.Auth.Condition
	}
	for i, v := range access.Validate {
		hooks[call.Validate(i)] = v.Function
	}
	return hooks
}

// newGuard joins who may use b; nil if everybody may.
func (s *Server) newGuard(b *built) *endpoint.Guard {
	if b.Auth == nil && b.judges == nil {
		return nil
	}
	opt := endpoint.GuardOptions{Name: b.Name, Judges: b.judges, Log: s.log}
	if a := b.Auth; a != nil {
		rule := &auth.Rule{LoginURL: a.LoginURL, Query: a.Query, Methods: a.Methods}
		for _, group := range a.Membership {
			rule.Membership = append(rule.Membership, auth.Group(group))
		}
		opt.Rule = rule
	}
	for _, v := range b.Validate {
		reason := v.Reason
		if reason == "" {
			reason = http.StatusText(v.Code)
		}
		opt.Validate = append(opt.Validate, endpoint.Validity{Status: v.Code, Reason: reason})
	}
	if b.WebSocket == nil {
		opt.Refuse = httpd.Refuse
	}
	return endpoint.NewGuard(opt)
}

// newPage puts b's guard before serve, if it has one.
func (s *Server) newPage(
	b *built, groups []string, serve func(http.ResponseWriter, *http.Request, []*string),
) func(http.ResponseWriter, *http.Request, []*string) {
	guard := s.newGuard(b)
	if guard == nil {
		return serve
	}
	return endpoint.NewPage(endpoint.PageOptions{
		Name: b.Name, Guard: guard, Engine: s.engine, Hub: s.hub, Sessions: s.sessions,
		Serve: serve, Groups: groups, Log: s.log,
	}).Serve
}

// guardFolder wraps what is answered from the app's folder; nil if that is for
// everybody.
func (s *Server) guardFolder() func(http.HandlerFunc) http.HandlerFunc {
	if s.newGuard(s.folder) == nil {
		return nil
	}
	return func(next http.HandlerFunc) http.HandlerFunc {
		page := s.newPage(s.folder, nil, func(w http.ResponseWriter, r *http.Request, _ []*string) { next(w, r) })
		return func(w http.ResponseWriter, r *http.Request) { page(w, r, nil) }
	}
}
