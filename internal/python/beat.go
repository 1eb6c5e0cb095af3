package python

import (
	"context"
	"encoding/binary"
	"time"
)

const (
	dumpAfter = 10 * time.Second // of silence: the stacks go to the log
	loadTime  = time.Minute      // at least this long may importing the app take
)

// beat asks the worker for a sign of life, again and again, until ctx ends. A
// worker is silent while its event loop does not turn: signs are an answer to
// BEAT, and every row that says that a function has finished, so that one with
// much to do is not silent; what a function sends while it runs is no sign.
// Silence is counted in ticks, not read from a clock, so that a server that
// was stopped for a while does not blame its worker.
func (w *worker) beat(ctx context.Context, p process, hang time.Duration) {
	tick := max(min(dumpAfter, hang)/4, time.Millisecond)
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	var silent time.Duration
	dumped := false
	for number := uint64(1); ; number++ {
		w.link.send(toBeat, 0, binary.LittleEndian.AppendUint64(nil, number))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if w.turned.Swap(false) {
			silent, dumped = 0, false
			continue
		}
		silent += tick
		limit := hang
		if !w.loaded.Load() {
			limit = max(hang, loadTime)
		}
		if !dumped && silent >= min(dumpAfter, limit-tick) {
			dumped = true
			w.log.Warn("worker does not answer; its stacks follow", "silent", silent)
			p.Dump()
		}
		if silent >= limit {
			w.hung.Store(true)
			p.Kill()
			return
		}
	}
}
