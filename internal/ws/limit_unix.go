//go:build unix

package ws

import (
	"math"
	"syscall"
)

// descriptorLimit is how many descriptors the process may open.
func descriptorLimit() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return math.MaxInt32
	}
	return uint64(limit.Cur)
}
