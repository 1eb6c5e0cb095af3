package python

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"unsafe"
)

// processAttributes gives a worker a group of its own and makes the kernel end
// it when the server ends.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// waitUnreaped waits for the end of a child without reaping it, so that its id,
// and with it that of its group, still belongs to it. It reports whether it
// could.
func waitUnreaped(pid int) bool {
	const (
		byPID   = 1          // P_PID of waitid(2)
		exited  = 0x4        // WEXITED
		unreap  = 0x01000000 // WNOWAIT
		infoLen = 128        // sizeof(siginfo_t)
	)
	var info [infoLen / 8]uint64
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPID, uintptr(pid),
			uintptr(unsafe.Pointer(&info[0])), exited|unreap, 0, 0)
		if !errors.Is(errno, syscall.EINTR) {
			return errno == 0
		}
	}
}

// catches reports whether a process has a handler for a signal (proc(5)).
func catches(pid int, signal syscall.Signal) bool {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return false
	}
	_, caught, _ := strings.Cut(string(status), "\nSigCgt:")
	var mask uint64
	_, err = fmt.Sscanf(caught, "%x", &mask)
	return err == nil && mask&(1<<(signal-1)) != 0
}
