package e2e_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait. It only matters when a test fails.
const patience = 90 * time.Second

// With the race detector for all tests but those that measure memory.
var (
	raceBinary  = sync.OnceValues(func() (string, error) { return build("-race") })
	plainBinary = sync.OnceValues(func() (string, error) { return build() })
)

// binaries is where both are built.
var binaries = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "parley-e2e-") })

func build(flags ...string) (string, error) {
	dir, err := binaries()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "parley"+fmt.Sprint(len(flags)))
	args := append([]string{"build", "-o", path}, flags...)
	out, err := exec.Command("go", append(args, "../cmd/parley")...).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building parley: %w\n%s", err, out)
	}
	return path, nil
}

func TestMain(m *testing.M) {
	status := 1
	if _, err := raceBinary(); err != nil {
		fmt.Fprintln(os.Stderr, err)
	} else {
		status = m.Run()
	}
	if dir, err := binaries(); err == nil {
		os.RemoveAll(dir)
	}
	if _, err := os.Stat(filepath.Join(seedPath(), "gramex.yaml")); err != nil {
		fmt.Fprintf(os.Stderr, "note: the seed document's files were not tested: %v (set PARLEY_SEED)\n", err)
	}
	os.Exit(status)
}

func seedPath() string {
	if path := os.Getenv("PARLEY_SEED"); path != "" {
		return path
	}
	return "../../shared/seed/app"
}

// seed returns the folder of the seed's app. Without it the test fails in CI,
// and elsewhere ok is false: the run ends by saying so.
func seed(t *testing.T) (dir string, ok bool) {
	t.Helper()
	dir, err := filepath.Abs(seedPath())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "gramex.yaml")); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("the seed's files are missing: %v (set PARLEY_SEED)", err)
		}
		t.Logf("not tested: %v (set PARLEY_SEED)", err)
		return "", false
	}
	return dir, true
}

// program returns the path of a program that the test needs.
func program(t *testing.T, name, debianPackage string) string {
	t.Helper()
	for _, candidate := range []string{name, "/usr/sbin/" + name} {
		if path, err := exec.LookPath(candidate); err == nil {
			return path
		}
	}
	t.Fatalf("%s is missing: apt-get install %s", name, debianPackage)
	return ""
}

// example returns the path of a file or folder of examples/.
func example(t *testing.T, path string) string {
	t.Helper()
	full, err := filepath.Abs(filepath.Join("../examples", path))
	if err != nil {
		t.Fatal(err)
	}
	return full
}

// app writes an app's files, by name, and returns its folder.
func app(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// eventually waits until ok.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("in %v it did not happen: %s", patience, what)
		}
	}
}
