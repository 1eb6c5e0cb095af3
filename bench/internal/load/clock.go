package load

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// A clock measures from start to stop. Before and after, what is counted
// does not count.
type clock struct {
	client  *client
	running bool
	result  Result
	times   histogram
}

// count counts n things that took as long as d.
func (k *clock) count(n int, d time.Duration) {
	if k.running {
		k.result.Count += n
		k.times.add(d, n)
	}
}

// measure runs the client for a while, then for the measured time.
func (k *clock) measure() (Result, error) {
	opt := k.client.opt
	if err := k.client.during(opt.Warm); err != nil {
		return Result{}, err
	}
	cpu, err := opt.Meter.CPU()
	if err != nil {
		return Result{}, err
	}
	began := time.Now()
	k.running = true
	if err := k.client.during(opt.For); err != nil {
		return Result{}, err
	}
	k.running = false
	k.result.Wall = time.Since(began)
	after, err := opt.Meter.CPU()
	if err != nil {
		return Result{}, err
	}
	if k.result.Count == 0 {
		return Result{}, fmt.Errorf("nothing came back in %v", opt.For)
	}
	k.result.CPU = after - cpu
	k.result.P50, k.result.P99 = k.times.quantile(.5), k.times.quantile(.99)
	return k.result, nil
}

// alone runs f on a thread of its own, bound to a core, with garbage
// collection off. The thread ends with f.
func alone[T any](core int, f func() (T, error)) (T, error) {
	type outcome struct {
		value T
		err   error
	}
	done := make(chan outcome)
	go func() {
		runtime.LockOSThread() // and never unlocks it: nobody else gets a thread that is bound
		var o outcome
		defer func() { done <- o }()
		var set unix.CPUSet
		set.Set(core)
		if err := unix.SchedSetaffinity(0, &set); err != nil {
			o.err = fmt.Errorf("binding the generator to core %d: %w", core, err)
			return
		}
		runtime.GC()
		defer debug.SetGCPercent(debug.SetGCPercent(-1))
		o.value, o.err = f()
	}()
	o := <-done
	return o.value, o.err
}
