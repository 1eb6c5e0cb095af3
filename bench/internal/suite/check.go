package suite

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"

	"parley.example/parley/bench/internal/load"
	"parley.example/parley/bench/internal/proc"
	"parley.example/parley/bench/internal/report"
)

// checkedSeries are those that the other generator measures, too.
var checkedSeries = map[string]bool{"parley": true, "gws": true}

// prepareCheck builds the other load generator.
func (s *Suite) prepareCheck(ctx context.Context) error {
	if s.opt.Check == "" {
		return nil
	}
	dir, err := filepath.Abs(s.opt.Check)
	if err != nil {
		return err
	}
	s.check = s.binary("check")
	return s.goBuild(ctx, dir, s.check, ".")
}

// crossCheck puts the same load on the same server once more, with the other
// generator. It is a program with the flags -mode, -addr, -path, -n, -w, -s, -d
// and -pid that prints a JSON object with cpu_us.
func (s *Suite) crossCheck(ctx context.Context, mode string, opt load.Options, server *proc.Server, one series) (report.Figures, error) {
	if s.check == "" || mode == "" || mode == "connect" || opt.Text || !checkedSeries[one.id] {
		return nil, nil
	}
	cmd := exec.CommandContext(ctx, "taskset", "-c", strconv.Itoa(s.opt.LoadCore), s.check, "-mode", mode,
		"-addr", opt.Addr.String(), "-path", opt.Path, "-n", strconv.Itoa(opt.Conns), "-w", strconv.Itoa(opt.Window),
		"-s", strconv.Itoa(opt.Size), "-d", opt.For.String(), "-pid", strconv.Itoa(server.PID()))
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cmd, err)
	}
	var result struct {
		CPU float64 `json:"cpu_us"`
	}
	if err := json.Unmarshal(out, &result); err != nil {
		return nil, fmt.Errorf("%s: %w", cmd, err)
	}
	return report.Figures{report.Check: result.CPU}, nil
}
