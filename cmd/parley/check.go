package main

import (
	"github.com/spf13/cobra"
)

func checkCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check [DIR or FILE]",
		Short: "load an app, import its modules, and say what would run where",
		Long: `Loads everything, imports the Python modules and prints one line per endpoint and
function with where it runs. Nothing is served. A Python module that does not
import, or lacks the function, ends it with status 3; if there is no Python on
this machine, that is a warning.`,
		Args: usageArgs(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := a.load(target(args))
			if err != nil {
				return err
			}
			return s.Check(cmd.Context(), a.stdout)
		},
	}
}
