package session

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
)

const secretBytes = 32

// LoadSecret returns the signing secret kept in the folder dir, and makes both
// if they do not exist: the folder with mode 0700, the file with 0600. Of
// several processes that do so at once all get the same secret. A file that
// others can read, or that holds no secret, is an error: cookies signed with
// it could be anybody's.
func LoadSecret(dir string) ([]byte, error) {
	path := SecretFile(dir)
	secret, err := readSecret(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return secret, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the folder of the session secret: %w", err)
	}
	if err := makeSecret(dir, path); err != nil {
		return nil, fmt.Errorf("making the session secret: %w", err)
	}
	return readSecret(path)
}

// SecretFile is where LoadSecret keeps it.
func SecretFile(dir string) string { return filepath.Join(dir, "secret") }

// makeSecret writes a new secret to a file of its own and links it to path,
// which fails if there is one already: nobody sees half a secret, and the
// first one stays.
func makeSecret(dir, path string) error {
	var secret [secretBytes]byte
	rand.Read(secret[:])                      // never fails
	f, err := os.CreateTemp(dir, ".secret-*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := f.WriteString(base64.RawURLEncoding.EncodeToString(secret[:]) + "\n"); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

func readSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("reading the session secret: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the session secret: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 && runtime.GOOS != "windows" {
		return nil, fmt.Errorf("the session secret %s may be read by others (mode %04o): "+
			"remove it to get a new one, which ends all sessions, or chmod 600 it if nobody has", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, 128))
	if err != nil {
		return nil, fmt.Errorf("reading the session secret: %w", err)
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(secret) != secretBytes {
		return nil, fmt.Errorf("the session secret %s is damaged: remove it to get a new one, which ends all sessions", path)
	}
	return secret, nil
}
