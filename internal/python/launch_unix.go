//go:build unix

package python

import (
	"context"
	"log/slog"
)

// osLauncher starts workers as processes of the operating system.
type osLauncher struct {
	opt Options
	log *slog.Logger

	// Set by Prepare, then read-only.
	executable string
	program    string // the folder that holds the worker's code
}

// Prepare implements launcher, as does Launch.
func (o *osLauncher) Prepare(ctx context.Context) (err error) {
	if o.executable, err = findPython(ctx, o.opt.Executable, o.opt.Dir); err != nil {
		return err
	}
	o.program, err = unpackWorker(o.opt.Cache)
	return err
}

// Launch starts a worker in the app's folder.
func (o *osLauncher) Launch(worker string) (process, error) {
	return startProcess(o.executable, []string{o.program}, o.opt.Dir, o.log.With("worker", worker))
}
