package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// DataDir is the folder in which Parley keeps what outlives it: wish, or if that
// is "" $PARLEYDATA, or parley in the user's config folder. It need not exist.
func DataDir(wish string) (string, error) {
	if wish != "" {
		return wish, nil
	}
	if dir := os.Getenv("PARLEYDATA"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place for sessions: %w (set PARLEYDATA to a folder)", err)
	}
	return filepath.Join(dir, "parley"), nil
}

// File is where sessions are kept if the data folder is dir; "" is in memory.
func (s Session) File(dir string) string {
	switch {
	case s.Store != "sqlite":
		return ""
	case s.Path != "":
		return s.Path
	}
	return filepath.Join(dir, "sessions.db")
}
