package suite

import (
	"context"
	"time"

	"parley.example/parley/bench/internal/load"
	"parley.example/parley/bench/internal/proc"
	"parley.example/parley/bench/internal/report"
)

// idleMemory measures the resident memory of connections that have been silent
// for a while. The server's memory before them is that after a first
// connection, which has loaded what all need.
func idleMemory(ctx context.Context, s *Suite, r row, one series) (report.Figures, error) {
	return s.idle(ctx, r, one, load.Idle)
}

func idleMemoryTLS(ctx context.Context, s *Suite, r row, one series) (report.Figures, error) {
	return s.idle(ctx, r, one, load.IdleTLS)
}

func (s *Suite) idle(ctx context.Context, r row, one series, run func(load.Options, func() error) error) (report.Figures, error) {
	var out report.Figures
	err := s.with(ctx, one, func(server *proc.Server) error {
		opt := s.options(r, one, server)
		var cookies []string
		if one.visitors > 0 {
			cookies = s.stock[one.visitors].cookies
		}
		first := opt
		first.Conns, first.For = 1, 100*time.Millisecond
		if err := run(first, func() error { return nil }); err != nil {
			return err
		}
		before, err := server.Resident()
		if err != nil {
			return err
		}
		opt.Cookies, opt.For = cookies, s.duration(4*time.Second)
		return run(opt, func() error {
			after, err := server.Resident()
			out = report.Figures{report.Memory: float64(after-before) / float64(opt.Conns)}
			return err
		})
	})
	return out, err
}
