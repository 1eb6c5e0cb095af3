package proc

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the CPU time, user and system, that the server and its
// descendants have used, to the nanosecond.
func (s *Server) CPU() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range family(s.cmd.Process.Pid) {
		d, err := cpu(pid)
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum, nil
}

// cpu reads a process's CPU-time clock (clock_getcpuclockid(3)): the
// scheduler's own account, of all threads that it has or had.
func cpu(pid int) (time.Duration, error) {
	const sched = 2
	var ts unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|sched), &ts); err != nil {
		return 0, fmt.Errorf("reading the CPU time of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}

// Resident returns the resident memory of the server and its descendants, in
// bytes. What they share counts for each.
func (s *Server) Resident() (int64, error) {
	var sum int64
	for _, pid := range family(s.cmd.Process.Pid) {
		n, err := resident(pid)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func resident(pid int) (int64, error) {
	name := fmt.Sprintf("/proc/%d/smaps_rollup", pid)
	b, err := os.ReadFile(name)
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(b) {
		var kb int64
		if n, _ := fmt.Sscanf(string(line), "Rss: %d kB", &kb); n == 1 {
			return kb << 10, nil
		}
	}
	return 0, fmt.Errorf("%s has no Rss", name)
}

// BusyTime reads /proc/stat: how long these cores have worked for anyone, in
// steps of 10 ms. What the hypervisor gave to other machines counts.
func BusyTime(stat []byte, cores []int) (time.Duration, error) {
	var sum time.Duration
	found := 0
	for line := range bytes.Lines(stat) {
		var core, user, nice, system, idle, wait, irq, softirq, steal int
		n, _ := fmt.Sscanf(string(line), "cpu%d %d %d %d %d %d %d %d %d",
			&core, &user, &nice, &system, &idle, &wait, &irq, &softirq, &steal)
		if n == 9 && slices.Contains(cores, core) {
			sum += time.Duration(user+nice+system+irq+softirq+steal) * 10 * time.Millisecond
			found++
		}
	}
	if found < len(cores) {
		return 0, fmt.Errorf("/proc/stat has %d of the cores %v", found, cores)
	}
	return sum, nil
}

// family returns pid and its descendants.
func family(pid int) []int {
	all := []int{pid}
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, name := range files {
		b, _ := os.ReadFile(name) // the thread may have ended
		for _, field := range bytes.Fields(b) {
			if child, err := strconv.Atoi(string(field)); err == nil {
				all = append(all, family(child)...)
			}
		}
	}
	return all
}

// RaiseFileLimit lets us and the servers open as many files as the system
// allows, and returns how many that is.
func RaiseFileLimit() (uint64, error) {
	// Not unix: only syscall's tells the runtime to leave the limit to children, too.
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("reading the limit of open files: %w", err)
	}
	limit.Cur = limit.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("raising the limit of open files: %w", err)
	}
	return limit.Cur, nil
}
