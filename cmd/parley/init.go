package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/spf13/cobra"
)

// newApps holds the files of new apps, by folders; see parts.
//
//go:embed all:newapp
var newApps embed.FS

func initCommand(a *app) *cobra.Command {
	runtime := "python"
	cmd := &cobra.Command{
		Use:   "init [--runtime python|starlark|go] DIR",
		Short: "write a new app into DIR",
		Long: `Writes a small app into DIR: a chat room with its page, its tests and a README.
DIR is made if need be; nothing in it is overwritten.`,
		Example: `  parley init chat                     functions in Python
  parley init --runtime starlark chat  in Starlark, which needs no Python
  parley init --runtime go chat        a Go program with Parley in it`,
		Args:        usageArgs(cobra.ExactArgs(1)),
		Annotations: map[string]string{noSettings: "it serves nothing"},
		RunE:        func(_ *cobra.Command, args []string) error { return a.init(runtime, args[0]) },
	}
	cmd.Flags().StringVar(&runtime, "runtime", runtime, "where the functions run: `python, starlark or go`")
	return cmd
}

// parts are the folders that the app of a runtime is made of.
var parts = map[string][]string{
	"python":   {"common", "scripts", "python"},
	"starlark": {"common", "scripts", "starlark"},
	"go":       {"common", "go"},
}

// init writes the app of a runtime into dir.
func (a *app) init(runtime, dir string) error {
	if parts[runtime] == nil {
		return &usageError{text: fmt.Sprintf("--runtime %s: there are python, starlark and go", runtime), command: "parley init"}
	}
	full, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	files := map[string][]byte{}
	for _, part := range parts[runtime] {
		from, err := fs.Sub(newApps, path.Join("newapp", part))
		if err != nil {
			return err
		}
		if err := readApp(from, filepath.Base(full), files); err != nil {
			return err
		}
	}
	if err := writeApp(full, files); err != nil {
		return fmt.Errorf("writing a new app: %w", err)
	}
	fmt.Fprintf(a.stderr, "parley: a new app is in %s\nNext:  cd %s && %s\n", dir, dir, firstCommand[runtime])
	return nil
}

// firstCommand is what serves a new app.
var firstCommand = map[string]string{"python": "parley", "starlark": "parley", "go": "go mod tidy && go run ."}

// readApp adds the files of from, with the app's name in them. Those of a Go
// module have .txt behind their names, or they would be of ours.
func readApp(from fs.FS, name string, files map[string][]byte) error {
	return fs.WalkDir(from, ".", func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(from, file)
		if err != nil {
			return err
		}
		if path.Ext(file) == ".md" || path.Ext(file) == ".txt" {
			t, err := template.New(file).Parse(string(text))
			if err != nil {
				return err
			}
			var b strings.Builder
			if err := t.Execute(&b, struct{ Name, Module string }{name, moduleName(name)}); err != nil {
				return err
			}
			text = []byte(b.String())
		}
		files[strings.TrimSuffix(file, ".txt")] = text
		return nil
	})
}

// moduleName makes a name a Go module may have.
func moduleName(name string) string {
	clean := strings.Map(func(c rune) rune {
		switch {
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '-', c == '_':
			return c
		case c >= 'A' && c <= 'Z':
			return c - 'A' + 'a'
		}
		return -1
	}, name)
	if strings.Trim(clean, "-_") == "" {
		return "app"
	}
	return clean
}

// writeApp writes all files, or none if one of them is there already.
func writeApp(dir string, files map[string][]byte) error {
	for _, file := range slices.Sorted(maps.Keys(files)) {
		if _, err := os.Lstat(filepath.Join(dir, file)); err == nil {
			return fmt.Errorf("%s is there already; name a new folder, or an empty one", filepath.Join(dir, file))
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for file, text := range files {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}
