package python

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

// The worker's own code, without its tests.
//
//go:embed worker/__main__.py worker/parley_worker/*.py worker/parley_worker/tornado_standin/*.py
var workerFiles embed.FS

// unpackWorker writes the worker's code into a folder of cache, or of the
// user's cache directory, that is named after its content, and returns that
// folder. A folder that is there already is checked file by file and repaired,
// so one that an earlier server left half written does no harm; several
// servers may do this at once.
func unpackWorker(cache string) (string, error) {
	files, sum, err := embeddedWorker()
	if err != nil {
		return "", fmt.Errorf("unpacking the worker: %w", err)
	}
	base, err := cacheDir(cache)
	if err != nil {
		return "", fmt.Errorf("unpacking the worker: %w", err)
	}
	dir := filepath.Join(base, "worker-"+sum)
	for name, text := range files {
		if err := writeIfDifferent(filepath.Join(dir, filepath.FromSlash(name)), text); err != nil {
			return "", fmt.Errorf("unpacking the worker: %w", err)
		}
	}
	return dir, nil
}

// embeddedWorker returns the worker's files by their names and a short digest
// of them all.
func embeddedWorker() (files map[string][]byte, sum string, err error) {
	const root = "worker"
	files = map[string][]byte{}
	digest := sha256.New()
	err = fs.WalkDir(workerFiles, root, func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := workerFiles.ReadFile(name)
		if err != nil {
			return err
		}
		short, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(short)] = text
		fmt.Fprintf(digest, "%s %d\n%s", path.Clean(name), len(text), text)
		return nil
	})
	return files, hex.EncodeToString(digest.Sum(nil))[:16], err
}

// cacheDir returns a folder that only this user can write to. Where the user
// has none it is one of the system's for temporary files.
func cacheDir(wish string) (string, error) {
	if wish != "" {
		return wish, os.MkdirAll(wish, 0o700)
	}
	if dir, err := os.UserCacheDir(); err == nil {
		dir = filepath.Join(dir, "parley")
		if os.MkdirAll(dir, 0o700) == nil {
			return dir, nil
		}
	}
	dir := filepath.Join(os.TempDir(), fmt.Sprintf("parley-%d", os.Getuid()))
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return "", err
	}
	return dir, checkPrivate(dir) // somebody else may have made it
}

// writeIfDifferent puts text into a file, whole or not at all.
func writeIfDifferent(name string, text []byte) error {
	if old, err := os.ReadFile(name); err == nil && bytes.Equal(old, text) {
		return nil
	}
	dir := filepath.Dir(name)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // which is gone if all went well
	if _, err := f.Write(text); err != nil {
		f.Close()
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
