//go:build unix

package python

import (
	"fmt"
	"os"
	"syscall"
)

// checkPrivate tells whether a folder is this user's alone.
func checkPrivate(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("%s belongs to somebody else or is open to others", dir)
	}
	return nil
}
