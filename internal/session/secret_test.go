package session_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"parley.example/parley/internal/session"
)

func TestSecretIsMadeOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "not", "there")
	const loaders = 16
	secrets := make([][]byte, loaders)
	var all sync.WaitGroup
	for i := range secrets {
		all.Go(func() {
			secret, err := session.LoadSecret(dir)
			if err != nil {
				t.Error(err)
			}
			secrets[i] = secret
		})
	}
	all.Wait()
	for _, secret := range secrets {
		if len(secret) != 32 || !bytes.Equal(secret, secrets[0]) {
			t.Fatalf("secrets of %d and %d octets differ, or are not 32", len(secret), len(secrets[0]))
		}
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, "secret"): 0o600} {
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v; want %v", path, info.Mode(), err, want)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("files = %v, %v; want only the secret", files, err)
	}
	elsewhere, err := session.LoadSecret(t.TempDir())
	if err != nil || bytes.Equal(elsewhere, secrets[0]) {
		t.Errorf("another folder has the same secret, or none: %v", err)
	}
}

func TestSecretsThatAreRefused(t *testing.T) {
	for name, file := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"readable by others": {"x", 0o644, "may be read by others (mode 0644)"},
		"readable by group":  {"x", 0o640, "may be read by others (mode 0640)"},
		"empty":              {"", 0o600, "damaged"},
		"short":              {"AAAA\n", 0o600, "damaged"},
		"long":               {strings.Repeat("A", 1000), 0o600, "damaged"},
		"not base64":         {strings.Repeat("!", 43), 0o600, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "secret")
			if err := os.WriteFile(path, []byte(file.text), file.mode); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, file.mode); err != nil { // whatever the umask is
				t.Fatal(err)
			}
			if _, err := session.LoadSecret(dir); err == nil || !strings.Contains(err.Error(), file.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error = %v, want %q and %s", err, file.want, path)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != file.text {
				t.Errorf("the file was changed to %q, %v", got, err)
			}
		})
	}
}

func TestSecretInAFolderThatCannotBe(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := session.LoadSecret(filepath.Join(file, "dir")); err == nil {
		t.Error("no error")
	}
}
