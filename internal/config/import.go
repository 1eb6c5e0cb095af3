package config

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
)

// imports reads what f imports, in order: import: path, import: [path, …],
// import: {name: path}, or {path: path} in place of any such path.
func (l *loader) imports(f *file) {
	section := f.root.get("import")
	if section == nil || section.value.kind == null {
		return
	}
	x := &expander{l: l, file: f}
	value := x.expand(section.value, "import")
	switch {
	case value.kind == list:
		for i, v := range value.items {
			l.importOne(f, v, item("import", i))
		}
	case value.kind == mapping && value.get("path") == nil:
		for _, e := range value.entries {
			path := join("import", e.key)
			if conditional(e.key) {
				l.r.addf(ruleCondition, e.pos, path, "conditions in keys are not supported yet")
				continue
			}
			l.importOne(f, e.value, path)
		}
	default:
		l.importOne(f, value, "import")
	}
}

func (l *loader) importOne(f *file, v *node, key string) {
	if v.kind == mapping && v.get("path") != nil {
		for _, e := range v.entries {
			if e.key != "path" {
				l.r.addf(ruleImportConf, e.pos, join(key, e.key), "not supported yet: an import takes only a path")
			}
		}
		v, key = v.get("path").value, join(key, "path")
	}
	switch {
	case v.kind == broken:
		return
	case v.kind == null:
		l.r.addf(ruleNoValue, v.pos, key, "has no value; name a file, or remove the key")
		return
	case v.kind != text || v.text == "":
		l.r.addf(ruleImport, v.pos, key, "must be the path of a file, not %s", described(v))
		return
	case strings.Contains(v.text, "*"):
		l.r.addf(ruleImportGlob, v.pos, key, "not supported yet: name each file instead of %s", v.shown())
		return
	}
	path := filepath.FromSlash(v.text)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(f.path), path)
	}
	path = filepath.Clean(path)
	if l.seen(f, path, v, key) {
		return
	}
	switch _, err := l.read(path); {
	case errors.Is(err, fs.ErrNotExist):
		l.r.addf(ruleImportFile, v.pos, key, "no such file: %s", v.shown())
	case errors.Is(err, errFolder):
		l.r.addf(ruleImportFile, v.pos, key, "%s is a folder; name the file in it", v.shown())
	default:
		l.open(path, f, v.pos)
	}
}

// seen reports a file that is imported by itself or for the second time.
func (l *loader) seen(f *file, path string, v *node, key string) bool {
	same := func(g *file) bool { return realPath(g.path) == realPath(path) }
	chain := []string{l.name(path)}
	for g := f; g != nil; g = g.parent {
		chain = append([]string{g.name}, chain...)
		if same(g) {
			l.r.addf(ruleImportCycle, v.pos, key, "the file imports itself: %s", strings.Join(chain, " → "))
			return true
		}
	}
	for _, g := range l.files {
		if same(g) {
			l.r.addf(ruleImportTwice, v.pos, key, "%s is imported already, at %s", g.name, g.at)
			return true
		}
	}
	return false
}

// realPath resolves symbolic links where it can.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// described names what v is, for a problem that wanted something else.
func described(v *node) string {
	if v.kind == text {
		return v.shown()
	}
	return v.kind.String()
}
