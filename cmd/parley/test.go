package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"parley.example/parley/internal/apptest"
	"parley.example/parley/internal/trial"
	"parley.example/parley/server"
)

func testCommand(a *app) *cobra.Command {
	var run string
	t := &tester{app: a}
	c := &cobra.Command{
		Use:   "test [DIR or FILE] [flags]",
		Short: "run an app's tests, the *.test.yaml files beside it",
		Long: `Runs the *.test.yaml files in DIR and its subfolders, or the one file named,
against the real server on a free port. A file tests the app whose gramex.yaml is
in the same folder, or in the nearest folder above. The app is started anew for
each file, without sessions, and its tests run in order.

A mistake in a file ends it with status 3 before anything is run, a failed test
with status 1.`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if t.run, err = regexp.Compile(run); err != nil {
				return &usageError{text: "--run " + run + ": " + err.Error(), command: cmd.CommandPath()}
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return t.test(ctx, target(args))
		},
	}
	c.Flags().StringVar(&run, "run", "", "only the tests in whose names this regular expression is found")
	c.Flags().BoolVarP(&t.verbose, "verbose", "v", false, "show what happened in each test, and the app's log")
	return c
}

// errTestsFailed is told already, by the last line of the report.
var errTestsFailed = errors.New("tests failed")

// A tester runs tests and reports on them.
type tester struct {
	app     *app
	run     *regexp.Regexp
	verbose bool

	ran, failed int
}

func (t *tester) test(ctx context.Context, path string) error {
	began := time.Now()
	paths, err := testFiles(path)
	if err != nil {
		return err
	}
	files, err := apptest.Read(paths)
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := t.file(ctx, f); err != nil {
			return err
		}
	}
	took := time.Since(began).Seconds()
	switch {
	case t.ran == 0:
		return fmt.Errorf("no test has a name that matches %s", t.run)
	case t.failed > 0:
		fmt.Fprintf(t.app.stdout, "%d failed, %d passed (%.2fs)\n", t.failed, t.ran-t.failed, took)
		return errTestsFailed
	}
	fmt.Fprintf(t.app.stdout, "%d passed (%.2fs)\n", t.ran, took)
	return nil
}

// testFiles returns the files that path names, in order.
func testFiles(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		if !isTestFile(path) {
			return nil, fmt.Errorf("%s is no *.test.yaml file", path)
		}
		return []string{path}, nil
	}
	var paths []string
	err = filepath.WalkDir(path, func(at string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case !entry.IsDir() && isTestFile(name):
			paths = append(paths, at)
		case entry.IsDir() && at != path && (strings.HasPrefix(name, ".") || name == "node_modules"):
			return filepath.SkipDir
		}
		return nil
	})
	if err == nil && len(paths) == 0 {
		err = fmt.Errorf("%s: no *.test.yaml file here or in a folder below", path)
	}
	return paths, err
}

func isTestFile(path string) bool { return strings.HasSuffix(path, ".test.yaml") }

// appOf returns the folder of the app that a file tests.
func appOf(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for dir := filepath.Dir(abs); ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "gramex.yaml")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s: no gramex.yaml in its folder or in one above", path)
		}
	}
}

// file runs the tests of one file that were asked for.
func (t *tester) file(ctx context.Context, f *apptest.File) (err error) {
	tests := slices.DeleteFunc(slices.Clone(f.Tests), func(test *apptest.Test) bool { return !t.run.MatchString(test.Name) })
	if len(tests) == 0 {
		return nil
	}
	dir, err := appOf(f.Path)
	if err != nil {
		return err
	}
	log := &appLog{}
	app, err := trial.Start(ctx, dir, server.Options{
		Overrides: append(slices.Clone(t.app.overrides), server.Override{Key: "log.format", Value: "text"}),
		Stderr:    log,
		Version:   version(),
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, app.Stop()) }()
	start := log.take() // why an endpoint answers 503 concerns every test
	for i, test := range tests {
		result := test.Run(ctx, app)
		if ctx.Err() != nil {
			return errors.New("interrupted")
		}
		logged := log.take()
		if i == 0 || !t.verbose {
			logged = slices.Concat(start, logged)
		}
		t.report(filepath.ToSlash(f.Path)+": "+test.Name, result, logged)
	}
	return nil
}

// report writes one line, and what there is to know of a test that failed.
func (t *tester) report(name string, r apptest.Result, logged []string) {
	t.ran++
	verdict := "ok  "
	if r.Failure != "" {
		t.failed++
		verdict = "FAIL"
	}
	fmt.Fprintf(t.app.stdout, "%s  %s (%.2fs)\n", verdict, name, r.Took.Seconds())
	if r.Failure == "" && !t.verbose {
		return
	}
	if !t.verbose {
		logged = slices.DeleteFunc(logged, func(entry string) bool {
			return !strings.HasPrefix(entry, "level=ERROR") && !strings.HasPrefix(entry, "level=WARN")
		})
	}
	t.indented("", r.Failure)
	t.indented("what happened:", r.Transcript)
	t.indented("the app logged:", strings.Join(logged, ""))
}

// indented writes a text below a heading, unless it is empty.
func (t *tester) indented(heading, text string) {
	indent := "      "
	if text == "" {
		return
	}
	if heading != "" {
		fmt.Fprintf(t.app.stdout, "%s%s\n", indent, heading)
		indent += "  "
	}
	for line := range strings.Lines(strings.TrimRight(text, "\n")) {
		fmt.Fprintf(t.app.stdout, "%s%s\n", indent, strings.TrimRight(line, "\n"))
	}
}

// appLog gathers what an app logs. Each Write is one entry, with its traceback.
type appLog struct {
	mu      sync.Mutex
	entries []string
}

func (l *appLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := string(p)
	if _, rest, ok := strings.Cut(entry, " level="); ok { // without the time
		entry = "level=" + rest
	}
	l.entries = append(l.entries, entry)
	return len(p), nil
}

// take returns the entries since the last time.
func (l *appLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries := l.entries
	l.entries = nil
	return entries
}
