//go:build unix && !linux

package python

import "syscall"

// processAttributes gives a worker a group of its own. It ends with the server
// because its link ends, unless it is stuck at that moment.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// waitUnreaped waits for the end of a child without reaping it, and reports
// whether it could; here it cannot, and does not wait.
func waitUnreaped(int) bool { return false }

// catches cannot be found out here.
func catches(int, syscall.Signal) bool { return true }
