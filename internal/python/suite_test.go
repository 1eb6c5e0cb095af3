package python_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
	"parley.example/parley/internal/python"
)

func TestSuite(t *testing.T) {
	source, texts, code := calltest.Python()
	dir, cache := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "suite.py"), []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	calltest.Run(t, calltest.Subject{
		Texts: texts, Code: code, Expressions: true,
		Start: func(t *testing.T, endpoints ...call.Functions) (call.Runtime, []call.Hooks) {
			t.Helper()
			r := python.New(python.Options{Dir: dir, Dirs: []string{dir}, Cache: cache, Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
			var hooks []call.Hooks
			for _, f := range endpoints {
				h, err := r.Compile(f)
				if err != nil {
					t.Fatal(err)
				}
				hooks = append(hooks, h)
			}
			if err := r.Start(t.Context()); err != nil {
				t.Fatal(err)
			}
			ctx, stop := context.WithCancel(context.Background())
			var running sync.WaitGroup
			running.Go(func() { _ = r.Run(ctx) }) // it ends as it is told to
			t.Cleanup(func() {
				stop()
				running.Wait()
			})
			return r, hooks
		},
	})
}
