package server

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/netip"
	"regexp"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/config"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/httpd"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/session"
	"parley.example/parley/internal/ws"
)

// sessionEnded is the topic on which servers tell each other which session was
// destroyed.
const sessionEnded = "session ended"

// openSessions opens the store that the app wishes for, in the data folder if it
// says nothing else; it is nil if sessions live in memory. What secrets sign is also good for the forms of logins.
func openSessions(app config.App, dir string, h *hub.Hub, log *slog.Logger) (
	m *session.Manager, store session.Store, secrets [][]byte, err error,
) {
	for _, given := range app.Settings.CookieSecrets {
		secrets = append(secrets, []byte(given.Text))
	}
	if len(secrets) == 0 {
		secret, err := session.LoadSecret(dir)
		if err != nil {
			return nil, nil, nil, err
		}
		secrets = [][]byte{secret}
	}
	if path := app.Session.File(dir); path != "" {
		if store, err = session.OpenSQLite(path); err != nil {
			return nil, nil, nil, err
		}
	}
	m = session.New(session.Options{
		Store:    store,
		Secrets:  secrets,
		Cookie:   app.Session.Cookie,
		Domain:   app.Session.Domain,
		Expiry:   app.Session.Expiry,
		Announce: func(id string) { h.Announce(sessionEnded, []byte(id)) },
		Log:      log,
	})
	h.Listen(sessionEnded, func(id []byte) { m.Ended(string(id)) })
	return m, store, secrets, nil
}

// hooksOf returns the functions of e by their hooks; a FileHandler has none.
func hooksOf(e *config.Endpoint) map[call.Hook]*config.Function {
	hooks := map[call.Hook]*config.Function{}
	if e.WebSocket != nil {
		hooks[call.Open] = e.WebSocket.Open
		hooks[call.OnMessage] = e.WebSocket.OnMessage
		hooks[call.OnClose] = e.WebSocket.OnClose
		hooks[call.OnPong] = e.WebSocket.OnPong
		hooks[call.SelectSubprotocol] = e.WebSocket.SelectSubprotocol
	}
	if e.Function != nil {
		hooks[call.Function] = e.Function.Function
	}
	maps.DeleteFunc(hooks, func(_ call.Hook, fn *config.Function) bool { return fn == nil })
	return hooks
}

// functions are some of the functions of e as package call wants them.
func functions(e *config.Endpoint, hooks map[call.Hook]*config.Function) call.Functions {
	f := call.Functions{Endpoint: e.Name, Kwargs: e.Kwargs, Runtime: e.Runtime, Hooks: map[call.Hook]call.Pipeline{}}
	for hook, fn := range hooks {
		f.Hooks[hook] = pipeline(fn)
	}
	return f
}

func pipeline(fn *config.Function) call.Pipeline {
	var p call.Pipeline
	for _, step := range fn.Steps {
		p = append(p, call.Step{
			Name: step.Name, Function: step.Text,
			Args: json.RawMessage(step.Args), Kwargs: json.RawMessage(step.Kwargs),
			Where: step.Pos.String(), Begin: step.Begin.String(),
		})
	}
	return p
}

// newSocket makes the WebSocketHandler of e.
func (s *Server) newSocket(e *built) (*endpoint.WebSocket, error) {
	var origins *auth.Origins
	where := e.Pos.String()
	if e.WebSocket.OriginsSet {
		where = e.WebSocket.Origins[0].Pos.String()
		var err error
		if origins, err = auth.ParseOrigins(originTexts(e.WebSocket)); err != nil {
			return nil, fmt.Errorf("%s: url.%s.kwargs.origins: %w", where, e.Name, err)
		}
	}
	var tickets *auth.Tickets
	if t := e.WebSocket.Token; t != nil && t.Ticket > 0 {
		tickets = auth.NewTickets(t.Ticket)
	}
	return endpoint.NewWebSocket(endpoint.Options{
		Name:         e.Name,
		OriginsWhere: where,
		Program:      e.program,
		Engine:       s.engine,
		Hub:          s.hub,
		Sessions:     s.sessions,
		Guard:        s.newGuard(e),
		Tokens:       s.tokens[e.WebSocket.Token],
		Tickets:      tickets,
		Origins:      origins,
		Headers:      headerOf(e.WebSocket.Headers),
		Settings:     settings(e.WebSocket),
		Address:      s.address(),
		Groups:       groupNames(e.Endpoint),
		Log:          s.log,
	}), nil
}

// address is how connections are counted by their clients' addresses; nil if
// they are not limited.
func (s *Server) address() func(*http.Request) (netip.Addr, bool) {
	if s.cfg.App.Limits.ConnectionsPerAddress == 0 {
		return nil
	}
	return httpd.ClientAddr
}

// settings are how the engine treats the connections of e.
func settings(e *config.WebSocket) ws.Settings {
	s := ws.Settings{
		MaxMessage: e.MaxMessageSize,
		Outbox:     e.Outbox,
		Slow:       slowPolicies[e.Slow],
		PingEvery:  e.PingInterval,
		StaleAfter: e.PingTimeout,
		IdleAfter:  e.IdleTimeout,
	}
	if c := e.Compression; c != nil {
		s.Compression = &ws.Compression{Threshold: c.Threshold, Level: c.Level, ContextTakeover: c.ContextTakeover}
	}
	if r := e.Rate; r != nil {
		s.Rate = &ws.Rate{Messages: r.Messages, Bytes: r.Bytes, Burst: r.Burst, Close: r.Over == "close"}
	}
	return s
}

// slowPolicies and drivers are the engine's names for those of the YAML.
var (
	slowPolicies = map[string]ws.SlowPolicy{
		"disconnect": ws.Disconnect, "drop_oldest": ws.DropOldest, "drop_newest": ws.DropNewest,
	}
	drivers = map[string]ws.Driver{"auto": ws.Auto, "epoll": ws.Epoll, "goroutine": ws.Goroutine}
)

func originTexts(e *config.WebSocket) []string {
	var texts []string
	for _, origin := range e.Origins {
		texts = append(texts, origin.Text)
	}
	return texts
}

func (s *Server) newFunction(e *built) *endpoint.Function {
	return endpoint.NewFunction(endpoint.FunctionOptions{
		Name:     e.Name,
		Program:  e.program,
		Engine:   s.engine,
		Hub:      s.hub,
		Sessions: s.sessions,
		Guard:    s.newGuard(e),
		Headers:  headerOf(e.Function.Headers),
		Groups:   groupNames(e.Endpoint),
		Log:      s.log,
	})
}

// headerOf returns headers as net/http has them; one that is off has no values.
func headerOf(list []config.Header) http.Header {
	h := http.Header{}
	for _, header := range list {
		if header.Off {
			h[http.CanonicalHeaderKey(header.Name)] = nil
		} else {
			h.Set(header.Name, header.Value)
		}
	}
	return h
}

// fileOptions are how the files of f are served, in the app at dir; those at never
// are not.
func fileOptions(f *config.File, dir string, never []string, log *slog.Logger) httpd.FileOptions {
	rules := httpd.FileRules{
		Dir:    dir,
		Never:  never,
		Ignore: regexps(f.Ignore),
		Allow:  regexps(f.Allow),
	}
	if len(f.Headers) > 0 {
		rules.Headers = append(rules.Headers, httpd.FileHeaders{Header: headerOf(f.Headers)})
	}
	for _, some := range f.FilesHeaders {
		rules.Headers = append(rules.Headers, httpd.FileHeaders{Files: some.Files.Regexp, Header: headerOf(some.Headers)})
	}
	return httpd.FileOptions{Path: f.Path, DefaultFilename: f.DefaultFilename, Rules: rules, Log: log}
}

func regexps(globs []config.Glob) []*regexp.Regexp {
	var list []*regexp.Regexp
	for _, g := range globs {
		list = append(list, g.Regexp)
	}
	return list
}

// groupNames returns the names of the pattern's groups, "" for those without.
func groupNames(e *config.Endpoint) []string {
	return e.Regexp.SubexpNames()[1:]
}
