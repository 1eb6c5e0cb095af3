package main

import (
	"fmt"
	"strings"

	"parley.example/parley/server"
)

// splitOverrides takes the settings, --a.b=c or --a=b, out of a command line.
// They may stand anywhere before a "--".
func splitOverrides(args []string) (rest []string, overrides []server.Override, err error) {
	rest = []string{} // not nil, for which cobra would take the process's own
	for i, arg := range args {
		if arg == "--" {
			return append(rest, args[i:]...), overrides, nil
		}
		key, value, hasValue := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		if !strings.HasPrefix(arg, "--") || !hasValue && !strings.Contains(key, ".") {
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
