package python

import (
	"errors"
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
