package suite

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"

	"parley.example/parley/bench/internal/report"
)

// machine says what is measured on and with. What cannot be found out is left
// out.
func (s *Suite) machine(ctx context.Context) report.Machine {
	m := report.Machine{CPU: procField("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU()}
	var kB float64
	if n, _ := fmt.Sscanf(procField("/proc/meminfo", "MemTotal"), "%f kB", &kB); n == 1 {
		m.Memory = fmt.Sprintf("%.0f GiB", kB/(1<<20))
	}
	if b, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.Kernel = "Linux " + strings.TrimSpace(string(b))
	}
	root, bench := s.opt.Root, filepath.Join(s.opt.Root, "bench")
	module := func(path string) string {
		return say(ctx, bench, "go", "list", "-m", "-f", "{{.Version}}", path)
	}
	for _, v := range []report.Version{
		{Name: "Parley", Version: say(ctx, root, "git", "describe", "--always", "--dirty", "--exclude=*")},
		{Name: "Go", Version: say(ctx, root, "go", "env", "GOVERSION")},
		{Name: "gws", Version: module("github.com/lxzan/gws")},
		{Name: "gorilla/websocket", Version: module("github.com/gorilla/websocket")},
		{Name: "coder/websocket", Version: module("github.com/coder/websocket")},
		{Name: "Node.js", Version: say(ctx, root, "node", "--version")},
		{Name: "ws", Version: s.wsVersion()},
		{Name: "Python", Version: say(ctx, root, s.opt.Python, "-c", "import platform; print(platform.python_version())")},
		{Name: "Tornado", Version: say(ctx, root, s.opt.Python, "-c", "import tornado; print(tornado.version)")},
	} {
		if v.Version != "" {
			m.Versions = append(m.Versions, v)
		}
	}
	return m
}

// procField returns the value of the first line "name : value" of a file.
func procField(file, name string) string {
	b, _ := os.ReadFile(file)
	for line := range bytes.Lines(b) {
		if key, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// say returns what a program prints, "" if it fails.
func say(ctx context.Context, dir string, program string, args ...string) string {
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	out, err := cmd.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}
