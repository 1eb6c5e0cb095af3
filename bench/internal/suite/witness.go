package suite

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"parley.example/parley/bench/internal/proc"
)

// A witness is a server's meter that also sees what else goes on: each time it
// is asked for the server's CPU time it notes how busy the cores have been.
type witness struct {
	server *proc.Server
	cores  []int
	seen   []sight
}

// A sight is what a witness saw at one moment, in CPU time since some earlier one.
type sight struct {
	at                   time.Time
	server, ours, anyone time.Duration
}

// CPU is the server's.
func (w *witness) CPU() (time.Duration, error) {
	now := sight{at: time.Now()}
	var err error
	if now.server, err = w.server.CPU(); err != nil {
		return 0, err
	}
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts); err != nil {
		return 0, fmt.Errorf("reading our own CPU time: %w", err)
	}
	now.ours = time.Duration(ts.Nano())
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	if now.anyone, err = proc.BusyTime(stat, w.cores); err != nil {
		return 0, err
	}
	w.seen = append(w.seen, now)
	return now.server, nil
}

// others returns which share of the cores went neither to the server nor to us,
// between the first two looks. The kernel's own threads count.
func (w *witness) others() float64 {
	a, b := w.seen[0], w.seen[1]
	used := (b.anyone - a.anyone) - (b.server - a.server) - (b.ours - a.ours)
	return max(0, used.Seconds()/(b.at.Sub(a.at).Seconds()*float64(len(w.cores))))
}
