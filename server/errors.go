package server

import (
	"errors"
	"strings"

	"parley.example/parley/internal/call"
	"parley.example/parley/internal/config"
)

// A ConfigError says why an app cannot be served as it is configured: all
// problems at once.
type ConfigError struct {
	lines []string
}

// Lines returns one problem a line, "gramex.yaml:9:7: …", in file order.
func (e *ConfigError) Lines() []string { return e.lines }

// Error returns all problems, one a line.
func (e *ConfigError) Error() string { return strings.Join(e.lines, "\n") }

// configError makes a ConfigError of an error that holds problems of the
// config or of its functions; other errors stay as they are.
func configError(err error) error {
	if lines := problemLines(err); len(lines) > 0 {
		return &ConfigError{lines: lines}
	}
	return err
}

func problemLines(err error) []string {
	var inConfig *config.Error
	if errors.As(err, &inConfig) {
		return strings.Split(inConfig.Error(), "\n")
	}
	var inFunction call.Problem
	if errors.As(err, &inFunction) {
		return strings.Split(err.Error(), "\n")
	}
	return nil
}
