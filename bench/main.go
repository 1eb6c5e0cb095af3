// Bench measures Parley beside other WebSocket servers: `make bench` in the
// project's folder runs it all and writes docs/benchmarks.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"parley.example/parley/bench/internal/report"
	"parley.example/parley/bench/internal/suite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	var opt suite.Options
	root := flag.String("root", "..", "the project's `folder`")
	flag.StringVar(&opt.Parley, "parley", "", "measure this Parley `binary`, instead of building the project's")
	flag.StringVar(&opt.Against, "against", "", "measure this other Parley `binary` beside it")
	flag.StringVar(&opt.Python, "python", defaultPython(), "`interpreter` for Parley's worker and for Tornado")
	only := flag.String("only", "", "measure only rows whose name matches this `pattern`; then nothing is written")
	servers := flag.String("series", "", "measure only servers whose name matches this `pattern`; then nothing is written")
	flag.BoolVar(&opt.Quick, "quick", false, "measure for a third of the time, in fewer rounds; then nothing is written")
	flag.IntVar(&opt.Rounds, "rounds", 0, "rounds of every row; 0 chooses")
	flag.DurationVar(&opt.For, "for", 0, "how long to measure each; 0 chooses")
	flag.IntVar(&opt.ServerCore, "server-core", 0, "core of the servers")
	flag.IntVar(&opt.LoadCore, "load-core", 1, "core of the load generator")
	flag.StringVar(&opt.Check, "crosscheck", "", "`folder` of another load generator, a Go program, to compare ours with")
	render := flag.Bool("render", false, "measure nothing: write the page again from the results of the last run")
	flag.Parse()
	if flag.NArg() > 0 {
		return fmt.Errorf("%q: there are only flags", flag.Arg(0))
	}

	var err error
	if opt.Root, err = filepath.Abs(*root); err != nil {
		return err
	}
	for _, binary := range []*string{&opt.Parley, &opt.Against} {
		if *binary == "" {
			continue
		}
		if *binary, err = filepath.Abs(*binary); err != nil {
			return err
		}
	}
	docs := filepath.Join(opt.Root, "docs")
	saved := filepath.Join(docs, "benchmarks/results.json")
	if *render {
		results, err := report.Read(saved)
		if err != nil {
			return err
		}
		return report.WritePage(docs, results, suite.Bars())
	}
	if *only != "" {
		if opt.Only, err = regexp.Compile(*only); err != nil {
			return fmt.Errorf("-only: %w", err)
		}
	}
	if *servers != "" {
		if opt.Series, err = regexp.Compile(*servers); err != nil {
			return fmt.Errorf("-series: %w", err)
		}
	}
	began := time.Now()
	opt.Logf = func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, "%4.0fs  %s\n", time.Since(began).Seconds(), fmt.Sprintf(format, args...))
	}
	results, failed := suite.Run(ctx, opt)
	if results == nil {
		return failed
	}
	bars := suite.Bars()
	for _, r := range results.Rows {
		for _, s := range r.Series {
			if id, ok := strings.CutSuffix(s.ID, suite.AgainstSuffix); ok {
				bars = append(bars, against(r, id))
			}
		}
	}
	if err := report.WriteText(os.Stdout, results, bars); err != nil {
		return err
	}
	if opt.Quick || opt.Only != nil || opt.Series != nil || opt.Against != "" {
		return failed
	}
	if err := os.MkdirAll(filepath.Dir(saved), 0o755); err != nil {
		return err
	}
	return errors.Join(failed, results.Write(saved), report.WritePage(docs, results, bars))
}

// against compares the two Parley binaries in one row.
func against(r report.Row, id string) report.Bar {
	figure := report.CPU
	if r.Unit == "connection" {
		figure = report.Memory
	}
	return report.Bar{
		Claim: r.ID + ", " + id + ": this binary beside the other", Row: r.ID, Series: id, Peer: id + suite.AgainstSuffix,
		Figure: figure, None: true,
	}
}

// defaultPython is Debian's own, which has Tornado from python3-tornado, or
// else that on PATH.
func defaultPython() string {
	const debian = "/usr/bin/python3"
	if _, err := os.Stat(debian); err == nil {
		return debian
	}
	if path, err := exec.LookPath("python3"); err == nil {
		return path
	}
	return "python3"
}
