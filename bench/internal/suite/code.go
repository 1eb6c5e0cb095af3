package suite

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"

	"parley.example/parley/bench/internal/report"
)

// codePackage has the Go benchmarks of one message without a socket.
const codePackage = "./internal/endpoint"

// goBenchmarks runs the Go benchmark that is the series' path, if there is one.
func goBenchmarks(ctx context.Context, s *Suite, _ row, one series) (report.Figures, error) {
	cmd := exec.CommandContext(ctx, "taskset", "-c", strconv.Itoa(s.opt.ServerCore),
		"go", "test", "-run=^$", "-bench=^"+one.path+"$", "-benchmem", "-cpu=1", "-benchtime="+s.duration(2e9).String(), codePackage)
	cmd.Dir = s.opt.Root
	out, err := cmd.CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return parseBenchmark(string(out), one.path), nil
}

// parseBenchmark reads the line of one benchmark in go test's output. Without
// it there are no figures.
func parseBenchmark(out, name string) report.Figures {
	for line := range strings.Lines(out) {
		fields := strings.Fields(line)
		if len(fields) < 2 || fields[0] != name {
			continue
		}
		figures := report.Figures{}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				continue
			}
			switch fields[i+1] {
			case "cpu-ns/op":
				figures[report.Time] = v
			case "allocs/op":
				figures[report.Allocs] = v
			}
		}
		return figures
	}
	return nil
}
