package main

import (
	"context"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"parley.example/parley/server"
)

func serveCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "serve [DIR or FILE]",
		Short: "serve an app (what parley does without a command)",
		Long: `Serves the app in DIR, or in the current folder, until SIGINT or SIGTERM: then it
accepts nothing new, closes the sockets with 1001, runs every on_close, ends the
workers and saves the sessions. A second signal ends it at once.`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.serve(cmd.Context(), target(args))
		},
	}
}

// How much garbage there may be before it is collected, in percent of what is in
// use; and what is in use from the beginning, without taking any memory, since
// it is never touched: so that a small server need not collect all the time. See
// docs/adr/0008. GOGC in the environment wins.
const (
	gcPercent    = 33
	ballastBytes = 8 << 20
)

func (a *app) serve(ctx context.Context, path string) error {
	s, err := a.load(path)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
		ballast := make([]byte, ballastBytes)
		defer runtime.KeepAlive(ballast)
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal has its default effect: it ends the process
	return s.Run(ctx)
}

// load loads the app at path.
func (a *app) load(path string) (*server.Server, error) {
	return server.Load(path, server.Options{
		Overrides: a.overrides,
		Stderr:    a.stderr,
		Version:   version(),
	})
}
