// Package suite knows the rows of the benchmark, the servers in them and the
// bars, and measures.
package suite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"parley.example/parley/bench/internal/load"
	"parley.example/parley/bench/internal/proc"
	"parley.example/parley/bench/internal/report"
)

// Options say what to measure, and how.
type Options struct {
	Root    string         // the project's folder
	Parley  string         // the binary to measure; "" builds Root's
	Against string         // another Parley binary, measured beside it; "" is none
	Python  string         // the interpreter of Parley's worker and of Tornado
	Check   string         // folder of another load generator, run beside ours; "" is none
	Only    *regexp.Regexp // the rows; nil is all
	Series  *regexp.Regexp // the servers in them; nil is all
	Quick   bool
	Rounds  int           // 0 chooses
	For     time.Duration // each measurement; 0 chooses

	ServerCore int
	LoadCore   int
	Logf       func(format string, args ...any) // hears what goes on
}

// A Suite is a benchmark run. One goroutine uses it.
type Suite struct {
	opt    Options
	dir    string // for what is built and written; gone after Run
	absent map[string]string
	stock  map[int]*visitors
	check  string // the other load generator's binary; "" is none
	failed []error
}

// Run measures all rows. Its error joins those of single measurements; the
// results hold all the others.
func Run(ctx context.Context, opt Options) (*report.Results, error) {
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	limit, err := proc.RaiseFileLimit()
	if err != nil {
		return nil, err
	}
	s := &Suite{opt: opt, dir: dir, absent: map[string]string{}, stock: map[int]*visitors{}}
	rows := s.chosen(limit)
	if err := s.prepare(ctx, rows); err != nil {
		return nil, err
	}
	results := &report.Results{
		Date:    time.Now().UTC().Format("2006-01-02 15:04 UTC"),
		Machine: s.machine(ctx),
		Quick:   opt.Quick,
	}
	for _, row := range rows {
		measured, err := s.measureRow(ctx, row)
		if err != nil {
			return nil, err
		}
		results.Rows = append(results.Rows, measured)
	}
	return results, errors.Join(s.failed...)
}

// chosen returns the rows that Only names, with the other Parley in them.
func (s *Suite) chosen(files uint64) []row {
	var chosen []row
	for _, r := range rows(files) {
		if s.opt.Only != nil && !s.opt.Only.MatchString(r.id) {
			continue
		}
		if s.opt.Series != nil {
			r.series = slices.DeleteFunc(r.series, func(one series) bool { return !s.opt.Series.MatchString(one.id) })
		}
		if s.opt.Against != "" {
			for _, one := range r.series {
				if one.server.app != "" {
					one.id, one.label, one.server.against = one.id+AgainstSuffix, one.label+", the other binary", true
					r.series = append(r.series, one)
				}
			}
		}
		chosen = append(chosen, r)
	}
	return chosen
}

// AgainstSuffix ends the IDs of the series of the other Parley binary.
const AgainstSuffix = "-against"

// maxFailures is how often a series may fail before it is given up.
const maxFailures = 2

// measureRow runs all rounds of one row. In each round the servers run one
// after the other, and every other round the other way round, so that what
// drifts meets all alike.
func (s *Suite) measureRow(ctx context.Context, r row) (report.Row, error) {
	out := report.Row{ID: r.id, Title: r.title, Unit: r.unit, Notes: r.notes}
	for _, one := range r.series {
		out.Series = append(out.Series, report.Series{ID: one.id, Label: one.label, Absent: s.whyAbsent(ctx, one)})
	}
	rounds, failures := s.rounds(r), make([]int, len(r.series))
	for round := range rounds {
		for i := range r.series {
			if round%2 == 1 {
				i = len(r.series) - 1 - i
			}
			one, series := r.series[i], &out.Series[i]
			if series.Absent != "" {
				continue
			}
			s.opt.Logf("%-12s round %d of %d: %s", r.id, round+1, rounds, one.label)
			figures, err := r.measure(ctx, s, r, one)
			switch {
			case ctx.Err() != nil:
				return out, context.Cause(ctx)
			case err != nil:
				err = fmt.Errorf("%s, %s, round %d: %w", r.id, one.label, round+1, err)
				s.opt.Logf("%v", err)
				s.failed = append(s.failed, err)
				first, _, _ := strings.Cut(err.Error(), "\n")
				out.Notes = append(out.Notes, "Failed: "+first)
				if failures[i]++; failures[i] == maxFailures {
					series.Absent = "failed"
				}
			case figures == nil:
				series.Absent = "not in this version"
			}
			series.Rounds = append(series.Rounds, figures) // nil if it failed: rounds stay in step
		}
	}
	return out, nil
}

func (s *Suite) rounds(r row) int {
	switch {
	case s.opt.Rounds > 0:
		return s.opt.Rounds
	case s.opt.Quick:
		return min(3, r.rounds)
	}
	return r.rounds
}

// duration returns how long one measurement takes: so long, or less if quick.
func (s *Suite) duration(full time.Duration) time.Duration {
	switch {
	case s.opt.For > 0:
		return s.opt.For
	case s.opt.Quick:
		return full / 3
	}
	return full
}

// with starts a series' server, runs f, and stops the server.
func (s *Suite) with(ctx context.Context, one series, f func(*proc.Server) error) error {
	command, err := s.command(one.server)
	if err != nil {
		return err
	}
	cores := []int{s.opt.ServerCore}
	if one.server.everyCore {
		cores = append(cores, s.opt.LoadCore)
	}
	server, err := proc.Start(ctx, command, cores)
	if err != nil {
		return err
	}
	defer server.Stop()
	return server.Explain(f(server))
}

// options completes the load that a row puts on a series.
func (s *Suite) options(r row, one series, server *proc.Server) load.Options {
	opt := r.load
	opt.Addr, opt.Core = server.Addr, s.opt.LoadCore
	opt.Path = one.path
	opt.Prefix = one.prefix
	if r.load.For == 0 {
		opt.For = s.duration(1500 * time.Millisecond)
		opt.Warm = opt.For / 4
	}
	return opt
}

// figures writes a generator's result in report's words.
func figures(r load.Result) report.Figures {
	n := float64(r.Count)
	us := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	return report.Figures{
		report.CPU:       us(r.CPU) / n,
		report.P50:       us(r.P50),
		report.P99:       us(r.P99),
		report.Tail:      us(r.P99) / us(r.P50),
		report.PerSecond: n / r.Wall.Seconds(),
		report.Busy:      r.CPU.Seconds() / r.Wall.Seconds(),
	}
}

// under returns a measurement of a load that the generator runs by itself.
func under(run func(load.Options) (load.Result, error), mode string) measurement {
	return func(ctx context.Context, s *Suite, r row, one series) (report.Figures, error) {
		var out report.Figures
		err := s.with(ctx, one, func(server *proc.Server) error {
			opt := s.options(r, one, server)
			if one.visitors > 0 {
				opt.Cookies = s.stock[one.visitors].cookies
			}
			w := &witness{server: server, cores: []int{s.opt.ServerCore, s.opt.LoadCore}}
			opt.Meter = w
			result, err := run(opt)
			if err != nil {
				return err
			}
			out = figures(result)
			out[report.Others] = w.others()
			checked, err := s.crossCheck(ctx, mode, opt, server, one)
			maps.Copy(out, checked)
			return err
		})
		return out, err
	}
}

// logFile returns a new file for what a server prints.
func (s *Suite) logFile(name string) string {
	return filepath.Join(s.dir, name+".log")
}
