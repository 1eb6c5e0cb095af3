// Command parley serves live applications described by a gramex.yaml.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"parley.example/parley/server"
)

// Exit statuses, the same for all commands.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitConfig = 3
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr))
}

// run executes one command line and returns its exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	a := &app{stdout: stdout, stderr: stderr}
	root := rootCommand(a)
	if cmd, _, err := root.Find(args); err != nil || cmd.Annotations[noSettings] == "" {
		if args, a.overrides, err = splitOverrides(args, root); err != nil {
			return report(stderr, err)
		}
	}
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	return report(stderr, root.ExecuteContext(ctx))
}

// app is what every subcommand needs.
type app struct {
	stdout, stderr io.Writer
	overrides      []server.Override
}

func rootCommand(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "parley [serve] [DIR or FILE] [flags]",
		Short: "a server for live applications",
		Long: `Parley serves the WebSockets, functions and pages that a gramex.yaml names.
Without a command it serves the app in DIR, or in the current folder.`,
		Example: `  parley                          serve the app in this folder
  parley chat --listen.port=8080  serve the app in chat/ on port 8080
  parley check chat               say what would be served, and what is wrong
  parley test chat                run the app's tests`,
		Version:       versionLine(),
		Args:          usageArgs(noMistypedCommand),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.serve(cmd.Context(), target(args))
		},
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SuggestionsMinimumDistance = 2
	root.SetVersionTemplate("{{.Version}}\n")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{text: err.Error(), command: cmd.CommandPath()}
	})
	root.AddCommand(serveCommand(a), checkCommand(a), testCommand(a), connectCommand(a), initCommand(a),
		sessionsCommand(a), tokenCommand(a), hashPasswordCommand(a), versionCommand(a))
	root.SetUsageTemplate(root.UsageTemplate() + settingsHelp)
	return root
}

// noSettings marks a command that serves no app: what looks like a setting on
// its line is a flag. The value says why.
const noSettings = "no settings"

const settingsHelp = `
Settings, before or after the folder, win over the gramex.yaml:
  --listen.port=8080        any app.* key without its "app.": app.listen.port
  --listen.address=0.0.0.0  let other machines in (default 127.0.0.1)
  --log.level=debug         keys of log: and python: by their section

Exit status: 0 done, 1 failed, 2 wrong usage, 3 a mistake in the app's config or tests.
`

// target is the app that the arguments name.
func target(args []string) string {
	if len(args) == 0 {
		return "."
	}
	return args[0]
}

// noMistypedCommand accepts one folder, unless it does not exist and is almost
// a command.
func noMistypedCommand(root *cobra.Command, args []string) error {
	if len(args) > 0 {
		near := root.SuggestionsFor(args[0])
		if _, err := os.Stat(args[0]); err != nil && len(near) > 0 {
			return fmt.Errorf("%s is no command and no folder (did you mean parley %s?)", args[0], near[0])
		}
	}
	return cobra.MaximumNArgs(1)(root, args)
}

// A usageError is a command line that makes no sense.
type usageError struct {
	text    string
	command string // for the hint
}

func (e *usageError) Error() string { return e.text }

func usageArgs(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &usageError{text: err.Error(), command: cmd.CommandPath()}
		}
		return nil
	}
}

// report prints err, if there is one, and returns the exit status it means.
func report(stderr io.Writer, err error) int {
	var usage *usageError
	var config interface { // a *server.ConfigError, or an apptest.Error
		error
		Lines() []string
	}
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "parley: %v\nSee %s --help\n", usage, usage.command)
		return exitUsage
	case errors.As(err, &config):
		for _, line := range config.Lines() {
			fmt.Fprintln(stderr, line)
		}
		return exitConfig
	case errors.Is(err, errTestsFailed):
		return exitFailed
	}
	fmt.Fprintf(stderr, "parley: %v\n", err)
	return exitFailed
}
