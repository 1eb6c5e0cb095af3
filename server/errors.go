package server

import (
	"errors"
	"strings"

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

// configError makes a ConfigError of a *config.Error; other errors stay as they
// are.
func configError(err error) error {
	var wrong *config.Error
	if !errors.As(err, &wrong) {
		return err
	}
	return &ConfigError{lines: wrong.Lines()}
}
