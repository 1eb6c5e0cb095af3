package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"parley.example/parley/server"
)

// splitOverrides takes the settings, --a.b=c or --a=b, out of a command line,
// and leaves the flags of root's commands. They may stand anywhere before a "--".
func splitOverrides(args []string, root *cobra.Command) (rest []string, overrides []server.Override, err error) {
	rest = []string{} // not nil, for which cobra would take the process's own
	isFlag := func(string) bool { return false }
	if command, _, err := root.Find(args); err == nil {
		isFlag = func(name string) bool { return command.Flags().Lookup(name) != nil }
	}
	for i, arg := range args {
		if arg == "--" {
			return append(rest, args[i:]...), overrides, nil
		}
		key, value, hasValue := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if !strings.HasPrefix(arg, "--") || isFlag(key) || !hasValue && !strings.Contains(key, ".") {
			rest = append(rest, arg)
			continue
		}
		if !hasValue {
			return nil, nil, &usageError{
				text:    fmt.Sprintf("--%s needs a value: write --%s=VALUE", key, key),
				command: "parley",
			}
		}
		overrides = append(overrides, server.Override{Key: key, Value: value})
	}
	return rest, overrides, nil
}
