package server

import (
	"cmp"
	"errors"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/config"
	"parley.example/parley/internal/gofunc"
	"parley.example/parley/internal/httpd"
	"parley.example/parley/internal/hub"
	"parley.example/parley/internal/python"
	"parley.example/parley/internal/star"
	"parley.example/parley/internal/ws"
)

// Load reads the app at path, a folder or its gramex.yaml, and joins the parts
// that serve it. Nothing runs yet, and nothing is listening. Its error is a
// *ConfigError if the app's config is at fault.
func Load(path string, opt Options) (*Server, error) {
	return load(cmp.Or(path, "."), opt, program{})
}

// A program is what Go code brings to an app.
type program struct {
	functions map[string]gofunc.Function
	sockets   []config.Socket
	problems  []config.Problem // with what it registers
}

// load is Load for a program; path "" is an app without files.
func load(path string, opt Options, p program) (*Server, error) {
	cfg, err := config.Load(path, config.Options{
		Overrides:     opt.Overrides,
		Sockets:       p.sockets,
		CheckOrigin:   auth.CheckOrigin,
		CheckPassword: checkPassword,
		Hidden:        httpd.Hidden,
	})
	var wrong *config.Error
	if err != nil && !errors.As(err, &wrong) {
		return nil, err
	}
	if len(p.problems) > 0 {
		if wrong == nil {
			wrong = &config.Error{}
		}
		wrong.Add(p.problems...)
	}
	if cfg == nil {
		return nil, configError(wrong)
	}

	log := newLog(cfg.Log, opt.Stderr)
	certificate, problems := checkListen(cfg, ws.HaveLoops, log)
	tokens, more := newKeyring(cfg, log)
	problems = append(problems, more...)
	if len(problems) > 0 {
		if wrong == nil {
			wrong = &config.Error{}
		}
		wrong.Add(problems...)
	}
	engine := ws.New(ws.Options{
		Driver:        drivers[cfg.App.Listen.Driver],
		Loops:         cfg.App.Listen.Loops,
		MaxConns:      cfg.App.Limits.Connections,
		MaxPerAddress: cfg.App.Limits.ConnectionsPerAddress,
		Log:           log,
	})
	channels := hub.New(hub.Options{
		Prepare: func(m parley.Message) hub.Frame { return ws.Prepare(m) },
		Log:     log,
	})
	var homes []python.Loop // none where there are no loops
	for i := range cfg.Python.Workers {
		if l := engine.Loop(i); l != nil {
			homes = append(homes, l)
		}
	}
	workers := python.New(python.Options{
		Workers:      cfg.Python.Workers,
		Loops:        homes,
		Executable:   cfg.Python.Executable,
		Dir:          cfg.Dir,
		Dirs:         cfg.Dirs,
		Path:         cfg.Python.Path,
		HangTimeout:  cfg.Python.HangTimeout,
		LeaveTimeout: cfg.App.ShutdownTimeout / 8,
		Publish:      func(channel string, m parley.Message) { channels.Publish(channel, m, nil) },
		Log:          log,
	})
	scripts := star.New(star.Options{
		Dirs:         cfg.Dirs,
		MaxSteps:     uint64(cfg.Starlark.MaxSteps),
		Timeout:      cfg.Starlark.Timeout,
		LeaveTimeout: cfg.App.ShutdownTimeout / 8,
		Log:          log,
	})
	functions, err := gofunc.New(gofunc.Options{Functions: p.functions, Evaluate: scripts.Expression, Log: log})
	if err != nil {
		return nil, err
	}
	calls := call.New(map[string]call.Runtime{
		call.Go:       functions,
		call.Starlark: scripts,
		call.Python:   workers,
	})
	endpoints, folder, err := compile(cfg, calls, wrong)
	if err != nil {
		return nil, configError(err)
	}
	for _, warning := range cfg.Warnings {
		log.Warn(warning.String())
	}

	dataDir, err := config.DataDir(opt.DataDir)
	if err != nil {
		return nil, err
	}
	sessions, store, secrets, err := openSessions(cfg.App, dataDir, channels, log)
	if err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: log, version: opt.Version, dataDir: dataDir, listening: opt.Listening,
		engine: engine, hub: channels, sessions: sessions, store: store,
		functions: functions, scripts: scripts, workers: workers,
		tokens: tokens, passwords: auth.NewPasswords(), formKey: secrets[0],
		endpoints: endpoints, folder: folder,
	}
	var routes []httpd.Route
	for _, b := range endpoints {
		route, err := s.route(b)
		if err != nil {
			s.closeParts()
			return nil, err
		}
		routes = append(routes, route)
	}
	s.web = httpd.New(httpd.Options{
		Routes:          routes,
		Dir:             cfg.Dir,
		DirRules:        fileOptions(cfg.Folder, cfg.Dir, s.secretFiles(), log).Rules,
		Folder:          s.guardFolder(),
		Pages:           sessions.Pages,
		TrustedProxies:  cfg.App.Listen.TrustedProxies,
		Certificate:     certificate,
		MaxHandshakes:   cfg.App.Limits.Handshakes,
		Start:           s.startPage,
		ShutdownTimeout: cfg.App.DrainTime(),
		Log:             log,
	})
	return s, nil
}

// route builds the handler of one endpoint.
func (s *Server) route(b *built) (httpd.Route, error) {
	route := httpd.Route{Name: b.Name, Pattern: b.Regexp}
	switch {
	case b.File != nil:
		opt := fileOptions(b.File, s.cfg.Dir, s.secretFiles(), s.log)
		opt.Private = b.Auth != nil || b.judges != nil
		route.Serve, route.Pages = s.newPage(b, groupNames(b.Endpoint), httpd.NewFiles(opt).Serve), true
	case b.Function != nil:
		route.Serve, route.Pages = s.newFunction(b).Serve, true
	case b.Login != nil:
		page, err := s.newLogin(b.Endpoint)
		if err != nil { // of the template, which config has not read
			wrong := &config.Error{}
			wrong.Add(problemAt(b.Pos, "url."+b.Name, err))
			return route, configError(wrong)
		}
		route.Serve, route.Pages = page.Serve, true
	case b.Logout != nil:
		page, err := s.newLogout(b.Endpoint)
		if err != nil {
			return route, err
		}
		route.Serve, route.Pages = page.Serve, true
	default:
		socket, err := s.newSocket(b)
		if err != nil {
			return route, err
		}
		s.sockets = append(s.sockets, socket)
		route.Serve, route.Socket = socket.Serve, true
	}
	return route, nil
}
