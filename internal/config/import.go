package config

import (
	"cmp"
	"errors"
	"io/fs"
	"path"
	"path/filepath"
	"strconv"
	"strings"
)

// An importing is one entry of import: and what its files get with it.
type importing struct {
	by      *file
	name    string      // what prefixes begin with
	passed  []*variable // for the files and for what they import
	url     *node       // their $YAMLURL; nil is the usual one
	urls    bool        // the names of their endpoints get a prefix
	imports bool        // those of their imports do
}

// imports reads what f imports, in order. import: takes a path, a list of
// paths, or a mapping of names to paths; in place of a path, also a list of
// them, or a mapping with path: and settings.
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
			l.importOne(f, v, "app"+strconv.Itoa(i), item("import", i))
		}
	case value.kind == mapping && value.get("path") == nil:
		for _, e := range value.entries {
			path := join("import", e.key)
			if conditional(e.key) {
				l.r.addf(ruleCondition, e.pos, path, "conditions in keys are not supported yet")
				continue
			}
			l.importOne(f, e.value, e.key, path)
		}
	case value.kind == mapping:
		l.importOne(f, value, "app", "import")
	default:
		l.importOne(f, value, "apps", "import")
	}
}

func (l *loader) importOne(f *file, v *node, name, key string) {
	im := &importing{by: f, name: f.importPrefix + name}
	if v.kind == mapping && v.get("path") != nil {
		for _, e := range v.entries {
			l.importSetting(im, e, join(key, e.key))
		}
		v, key = v.get("path").value, join(key, "path")
	}
	items, keys := oneOrMany(v, key)
	for i, v := range items {
		l.importPath(im, v, keys[i])
	}
}

// importSetting reads one key of a mapping with path: among them.
func (l *loader) importSetting(im *importing, e *entry, key string) {
	switch {
	case e.key == "path":
	case conditional(e.key):
		l.r.addf(ruleCondition, e.pos, key, "conditions in keys are not supported yet")
	case e.value.kind == null:
		l.r.addf(ruleNoValue, e.pos, key, "has no value; give it one, or remove the key")
	case e.key == "namespace":
		l.namespace(im, e.value, key)
	case e.key == "YAMLURL" && e.value.kind == text:
		url := strings.TrimPrefix(path.Clean("/"+e.value.text), "/")
		im.url = &node{kind: text, text: cmp.Or(url, ".")}
	case e.key == "YAMLURL" && e.value.kind == broken:
		im.url = e.value
	case e.key == "YAMLURL":
		l.r.addf(ruleType, e.value.pos, key, "must be text, not %s", e.value.kind)
	case builtin(e.key):
		l.r.addf(ruleImportConf, e.pos, key, "is set by Parley for each file; of such names, only YAMLURL can be given")
	case !isName(e.key):
		l.r.addf(ruleVariable, e.pos, key, "not a name: use letters, digits and _, and no digit first")
	default:
		v := &variable{name: e.key, key: key, pos: e.pos, done: true, value: e.value}
		im.passed = append(im.passed, v)
		l.passed = append(l.passed, v)
	}
}

// namespace reads which sections of the files get a prefix before their keys.
func (l *loader) namespace(im *importing, n *node, key string) {
	items, keys := oneOrMany(n, key)
	for i, v := range items {
		switch {
		case v.kind == broken:
		case v.kind == text && v.text == "url":
			im.urls = true
		case v.kind == text && v.text == "import":
			im.imports = true
		case v.kind == text && contains(unusedSections, v.text):
			// its keys are as unused as the section
		default:
			l.r.addf(ruleImportConf, v.pos, keys[i], "not supported: %s; only names in url: and import: can get a prefix", described(v))
		}
	}
}

// importPath reads the files that one path means.
func (l *loader) importPath(im *importing, v *node, key string) {
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
		l.importGlob(im, v, key)
		return
	}
	path := filepath.FromSlash(v.text)
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(im.by.path), path)
	}
	f := l.imported(im, filepath.Clean(path), v.pos)
	if chain := f.cycle(); chain != "" {
		l.r.addf(ruleImportCycle, v.pos, key, "the file imports itself: %s", chain)
		return
	}
	if g := l.readBefore(f); g != nil {
		if !g.globbed {
			l.r.addf(ruleImportTwice, v.pos, key, "%s is imported already, at %s", g.name, g.at)
		}
		return
	}
	switch _, err := l.read(f.path); {
	case errors.Is(err, fs.ErrNotExist):
		l.r.addf(ruleImportFile, v.pos, key, "no such file: %s", v.shown())
	case errors.Is(err, errFolder):
		l.r.addf(ruleImportFile, v.pos, key, "%s is a folder; name the file in it", v.shown())
	default:
		l.open(f)
	}
}

// importGlob reads all files that a path with * in it means, but for those that
// lead here, and those that were read before.
func (l *loader) importGlob(im *importing, v *node, key string) {
	paths, folders, err := l.matching(filepath.Dir(im.by.path), v.text)
	if err != nil {
		l.r.addf(ruleImport, v.pos, key, "not a pattern of paths: %s", v.shown())
		return
	}
	others := 0
	for _, path := range paths {
		f := l.imported(im, path, v.pos)
		f.globbed = true
		if f.cycle() != "" {
			continue
		}
		others++
		if l.readBefore(f) == nil {
			l.open(f)
		}
	}
	if others == 0 {
		hint := ""
		if folders {
			hint = "; it matches folders: name the files in them, as in  apps/*/gramex.yaml"
		}
		l.r.warnf(ruleWarnGlob, v.pos, key, "nothing is imported: no other file matches %s%s", v.shown(), hint)
	}
}

// imported is the file at path as im imports it. It has not been read.
func (l *loader) imported(im *importing, path string, at Pos) *file {
	f := &file{
		path: path, real: realPath(path), name: l.name(path), parent: im.by, at: at,
		passed: im.passed, url: im.url,
		special: im.by.special || im.passed != nil || im.url != nil || im.urls || im.imports,
	}
	rel, err := filepath.Rel(filepath.Dir(im.by.path), path)
	if err != nil {
		rel = path
	}
	prefix := im.name + ":" + filepath.ToSlash(rel) + ":"
	if im.urls {
		f.urlPrefix = prefix
	}
	if im.imports {
		f.importPrefix = prefix
	}
	return f
}

// cycle returns the names of the files that lead from f to f; "" if none do.
func (f *file) cycle() string {
	chain := []string{f.name}
	for g := f.parent; g != nil; g = g.parent {
		chain = append([]string{g.name}, chain...)
		if g.real == f.real {
			return strings.Join(chain, " → ")
		}
	}
	return ""
}

// readBefore returns the file that was read from the same place as f will be;
// nil if none was, or if one of the two was imported with settings, which make
// something else of it.
func (l *loader) readBefore(f *file) *file {
	for _, g := range l.files {
		if !f.special && !g.special && g.real == f.real {
			return g
		}
	}
	return nil
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
