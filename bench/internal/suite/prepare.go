package suite

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"parley.example/parley/bench/internal/proc"
)

// prepare builds and installs what the rows need, and notes what is absent.
func (s *Suite) prepare(ctx context.Context, rows []row) error {
	if s.opt.Parley == "" {
		s.opt.Logf("building parley")
		s.opt.Parley = s.binary("parley")
		if err := s.goBuild(ctx, s.opt.Root, s.opt.Parley, "./cmd/parley"); err != nil {
			return err
		}
	}
	needed := map[string]bool{}
	needTLS := false
	for _, r := range rows {
		for _, one := range r.series {
			needed[one.server.peer] = true
			needTLS = needTLS || one.server.tls
		}
	}
	for _, name := range []string{"gws", "gorilla", "coder"} {
		if needed[name] {
			s.opt.Logf("building the peer %s", name)
			if err := s.goBuild(ctx, filepath.Join(s.opt.Root, "bench"), s.binary(name), "./peers/"+name); err != nil {
				return err
			}
		}
	}
	if needed["ws"] {
		s.absent["ws"] = s.installWS(ctx)
	}
	if needed["tornado"] {
		if err := exec.CommandContext(ctx, s.opt.Python, "-c", "import tornado.websocket").Run(); err != nil {
			s.absent["tornado"] = "not installed"
		}
	}
	if needTLS {
		if err := writeCertificate(s.certFile(), s.keyFile()); err != nil {
			return err
		}
	}
	if err := s.prepareCheck(ctx); err != nil {
		return err
	}
	return s.prepareVisitors(ctx, rows)
}

func (s *Suite) binary(name string) string { return filepath.Join(s.dir, name) }

func (s *Suite) goBuild(ctx context.Context, dir, out, what string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", out, what)
	cmd.Dir = dir
	if b, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s in %s: %w\n%s", what, dir, err, b)
	}
	return nil
}

// installWS installs ws from the lock file into its git-ignored folder. It
// returns why there is none.
func (s *Suite) installWS(ctx context.Context) string {
	for _, program := range []string{"node", "npm"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + " is not installed"
		}
	}
	dir := s.peerDir("ws")
	if s.wsVersion() == "" {
		s.opt.Logf("installing the peer ws")
		cmd := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund")
		cmd.Dir = dir
		if b, err := cmd.CombinedOutput(); err != nil {
			s.opt.Logf("npm ci: %v\n%s", err, b)
			return "npm could not install it"
		}
	}
	return ""
}

// wsVersion returns the version of ws that is installed, "" if none is.
func (s *Suite) wsVersion() string {
	b, err := os.ReadFile(filepath.Join(s.peerDir("ws"), "node_modules/ws/package.json"))
	var p struct{ Version string }
	if err != nil || json.Unmarshal(b, &p) != nil {
		return ""
	}
	return p.Version
}

func (s *Suite) peerDir(name string) string { return filepath.Join(s.opt.Root, "bench/peers", name) }

func (s *Suite) certFile() string { return filepath.Join(s.dir, "cert.pem") }
func (s *Suite) keyFile() string  { return filepath.Join(s.dir, "key.pem") }

// whyAbsent says why a series cannot be measured, "" if it can.
func (s *Suite) whyAbsent(ctx context.Context, one series) string {
	if why := s.absent[one.server.peer]; why != "" || len(one.server.args) == 0 {
		return why
	}
	// Parley reads its settings, and says whether it knows them.
	args := s.parleyArgs(one.server, "check")
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), s.parleyEnv()...)
	if cmd.Run() != nil {
		return "not in this version"
	}
	return ""
}

// command says how to start a server.
func (s *Suite) command(v server) (proc.Command, error) {
	if v.app != "" {
		return s.parleyCommand(v)
	}
	c := proc.Command{Log: s.logFile(v.peer)}
	switch v.peer {
	case "gws", "gorilla", "coder":
		c.Args = []string{s.binary(v.peer), "-addr", "127.0.0.1:{port}"}
		if v.tls {
			c.Args = append(c.Args, "-cert", s.certFile(), "-key", s.keyFile())
		}
	case "ws":
		c.Args, c.Dir = []string{"node", "server.js", "{port}"}, s.peerDir("ws")
	case "tornado":
		c.Args, c.Dir = []string{s.opt.Python, "server.py", "{port}"}, s.peerDir("tornado")
	default:
		return c, errors.New("there is no peer " + v.peer)
	}
	return c, nil
}

func (s *Suite) parleyCommand(v server) (proc.Command, error) {
	data, err := os.MkdirTemp(s.dir, "data-")
	if err != nil {
		return proc.Command{}, err
	}
	if v.visitors > 0 {
		data = s.stock[v.visitors].data
	}
	return proc.Command{
		Args: append(s.parleyArgs(v, "serve"), "--listen.port={port}"),
		Env:  append(s.parleyEnv(), "PARLEYDATA="+data),
		Log:  s.logFile("parley"),
	}, nil
}

// parleyArgs is a command line for an app, with its further settings.
func (s *Suite) parleyArgs(v server, subcommand string) []string {
	binary := s.opt.Parley
	if v.against {
		binary = s.opt.Against
	}
	args := []string{binary, subcommand, filepath.Join(s.opt.Root, "bench/apps", v.app)}
	fill := strings.NewReplacer("{cert}", s.certFile(), "{key}", s.keyFile())
	for _, arg := range v.args {
		args = append(args, fill.Replace(arg))
	}
	return args
}

func (s *Suite) parleyEnv() []string {
	return []string{"BENCH_PYTHON=" + s.opt.Python, "PYTHONDONTWRITEBYTECODE=1"}
}
