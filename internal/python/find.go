package python

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The oldest Python that runs the worker.
const (
	minMajor = 3
	minMinor = 9
)

const versionTimeout = 30 * time.Second // for an interpreter to tell its version

// A NoPythonError says that there is no interpreter that could run the worker.
type NoPythonError struct {
	Executable string // as configured, or "python3"
	Path       string // the PATH that was searched; "" if Executable is a path
	Version    string // what was found, if it is too old
	Err        error  // why it was not found or does not run; nil if it is too old
}

func (e *NoPythonError) Error() string {
	oldest := fmt.Sprintf("Python %d.%d or newer is needed", minMajor, minMinor)
	switch {
	case e.Version != "":
		return fmt.Sprintf("%s is Python %s: %s", e.Executable, e.Version, oldest)
	case errors.Is(e.Err, exec.ErrNotFound):
		return fmt.Sprintf("no %s on PATH (%s): %s", e.Executable, e.Path, oldest)
	}
	return fmt.Sprintf("%s does not run: %s (%s)", e.Executable, e.Err, oldest)
}

func (e *NoPythonError) Unwrap() error { return e.Err }

// findPython returns the path of the interpreter. A name is looked for on
// PATH, a relative path starts at dir.
func findPython(ctx context.Context, executable, dir string) (string, error) {
	if executable == "" {
		executable = "python3"
	}
	problem := &NoPythonError{Executable: executable}
	path := executable
	if !strings.ContainsRune(executable, filepath.Separator) {
		problem.Path = os.Getenv("PATH")
		found, err := exec.LookPath(executable)
		if err != nil {
			problem.Err = err
			return "", problem
		}
		path = found
	} else if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	// The worker starts in the app's folder, so the path must not depend on
	// where the server was started.
	path, err := filepath.Abs(path)
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", executable, err)
	}
	problem.Executable = path
	version, err := pythonVersion(ctx, path)
	if err != nil {
		problem.Err = err
		return "", problem
	}
	if tooOld(version) {
		problem.Version = version
		return "", problem
	}
	return path, nil
}

// pythonVersion asks an interpreter, in words that every Python understands.
func pythonVersion(ctx context.Context, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, versionTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-S", "-E", "-c", `import sys; sys.stdout.write("%d.%d.%d" % sys.version_info[:3])`)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	if err != nil {
		if line, _, _ := strings.Cut(strings.TrimSpace(stderr.String()), "\n"); line != "" {
			return "", fmt.Errorf("%w: %s", err, line)
		}
		return "", err
	}
	return strings.TrimSpace(string(out)), nil
}

func tooOld(version string) bool {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return true
	}
	major, err1 := strconv.Atoi(parts[0])
	minor, err2 := strconv.Atoi(parts[1])
	if err1 != nil || err2 != nil {
		return true
	}
	return major < minMajor || major == minMajor && minor < minMinor
}
