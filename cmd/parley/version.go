package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// release is the version of the code; CHANGELOG.md says what is in it.
const release = "0.1.0-dev"

func versionCommand(a *app) *cobra.Command {
	return &cobra.Command{
		Use:         "version",
		Short:       "print the version",
		Args:        usageArgs(cobra.NoArgs),
		Annotations: map[string]string{noSettings: "it serves nothing"},
		Run: func(*cobra.Command, []string) {
			fmt.Fprintln(a.stdout, versionLine())
		},
	}
}

func versionLine() string {
	return fmt.Sprintf("parley %s %s %s/%s", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// version is the release, with the commit it was built from where Go knows it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return release
	}
	for _, setting := range info.Settings {
		if setting.Key == "vcs.revision" && len(setting.Value) >= 8 {
			return release + "+" + setting.Value[:8]
		}
	}
	return release
}
