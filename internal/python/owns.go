package python

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"parley.example/parley/internal/call"
)

var _ call.Owner = (*Runtime)(nil)

// Owns implements call.Owner: it says which file of the app is module, if there
// is one. It only looks at names, so that it says the same where there is no
// Python.
func (r *Runtime) Owns(module string) string {
	name := filepath.Join(strings.Split(module, ".")...)
	for _, dir := range slices.Concat(r.opt.Dirs, r.opt.Path) {
		for _, file := range []string{name + ".py", filepath.Join(name, "__init__.py")} {
			if info, err := os.Stat(filepath.Join(dir, file)); err == nil && info.Mode().IsRegular() {
				return filepath.ToSlash(file)
			}
		}
	}
	return ""
}
