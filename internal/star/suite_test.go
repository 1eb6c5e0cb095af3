package star_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/star"
)

// app is a folder with these files.
func app(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		save(t, filepath.Join(dir, name), text)
	}
	return dir
}

func save(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// start brings a runtime up with endpoints. It ends with t.
func start(t *testing.T, opt star.Options, endpoints ...call.Functions) (*star.Runtime, []call.Hooks) {
	t.Helper()
	if opt.Log == nil {
		opt.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	r := star.New(opt)
	var hooks []call.Hooks
	for _, f := range endpoints {
		h, err := r.Compile(f)
		if err != nil {
			t.Fatal(err)
		}
		hooks = append(hooks, h)
	}
	r.Load()
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = r.Run(ctx) }) // it ends as it is told to
	t.Cleanup(func() {
		stop()
		running.Wait()
		if n := r.Stats().Running; n != 0 {
			t.Errorf("%d goroutines are left", n)
		}
	})
	return r, hooks
}

func TestSuite(t *testing.T) {
	source, texts, code := calltest.Starlark()
	dir := app(t, map[string]string{"suite.star": source})
	calltest.Run(t, calltest.Subject{
		Texts: texts, Code: code, Expressions: true,
		Start: func(t *testing.T, endpoints ...call.Functions) (call.Runtime, []call.Hooks) {
			r, hooks := start(t, star.Options{Dirs: []string{dir}, Timeout: 5 * time.Second, MaxSteps: 1 << 40}, endpoints...)
			return r, hooks
		},
	})
}
