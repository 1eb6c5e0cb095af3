package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// Options of Load. The zero value reads the environment of this process and
// does not check origins.
type Options struct {
	// Env looks a variable of the environment up; nil means os.LookupEnv.
	Env func(name string) (value string, ok bool)

	// Overrides are settings of the command line, in order; they win over the
	// files, and later ones over earlier ones.
	Overrides []Override

	// Sockets are endpoints of the program that loads the app. In route order they
	// come behind their equals of the files.
	Sockets []Socket

	// CheckOrigin says what is wrong with one entry of origins:, which becomes
	// a problem; nil accepts all.
	CheckOrigin func(origin string) error

	// CheckPassword says why a password in the YAML is no good one, such as "is
	// the password itself", or "", which becomes a warning. Its error, which becomes
	// a problem, is about a hash that is none or cannot be used. Neither shows the
	// text; nil accepts all.
	CheckPassword func(text string) (weakness string, err error)

	// Hidden reports whether a file, a path with slashes, is one that is never
	// served: allow: cannot change that, which becomes a warning. nil is none.
	Hidden func(path string) bool
}

// mainFile is what Load looks for in a folder.
const mainFile = "gramex.yaml"

// Load reads the app at path: a folder with a gramex.yaml, or such a file; ""
// is an app without files. Its error is an *Error with everything that is wrong. The Config that comes with
// an Error holds what could be read: it is good for finding more problems, not
// for serving; it is nil if nothing could be read.
func Load(path string, opt Options) (*Config, error) {
	return load(path, opt, readFile, readFolder)
}

// load is Load with its own ways to read a file of the app, and to list a
// folder.
func load(
	path string, opt Options, read func(path string) ([]byte, error), list func(dir string) []inFolder,
) (*Config, error) {
	if opt.Env == nil {
		opt.Env = os.LookupEnv
	}
	l := &loader{opt: opt, read: read, list: list, r: &report{}}
	if path != "" {
		if main := l.find(path); main != "" {
			l.dir = filepath.Dir(main)
			name := l.name(main)
			l.open(&file{path: main, real: realPath(main), name: name, at: Pos{File: name}})
		}
		if len(l.files) == 0 {
			return nil, l.r.err()
		}
	}
	settings, urls := l.merge()
	urls = l.sockets(urls)
	l.override(settings)
	b := &builder{l: l, r: l.r, cfg: defaults()}
	b.build(settings, urls)
	return &b.cfg, l.r.err()
}

// A loader reads the files of one app. It belongs to one Load.
type loader struct {
	opt    Options
	read   func(path string) ([]byte, error)
	list   func(dir string) []inFolder // nothing if it cannot be read
	r      *report
	dir    string      // of the main file
	files  []*file     // in the order of reading
	passed []*variable // that imports pass on
}

var errFolder = errors.New("is a folder")

// readFile reads a regular file.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, errFolder
	case !info.Mode().IsRegular():
		return nil, errors.New("not a regular file")
	}
	return os.ReadFile(path)
}

// find returns the app's main file, absolute; "" if there is none.
func (l *loader) find(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		l.r.addf(ruleReadable, Pos{File: path}, "", "cannot be read: %v", err)
		return ""
	}
	_, err = l.read(abs)
	switch {
	case err == nil && !slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(abs)):
		l.r.addf(ruleNoFile, Pos{File: path}, "", "is no .yaml file; name the app's folder, or its %s", mainFile)
		return ""
	case err == nil:
		return abs
	case errors.Is(err, fs.ErrNotExist):
		l.r.addf(ruleNoFile, Pos{File: path}, "", "no such file or folder")
		return ""
	case !errors.Is(err, errFolder):
		l.r.addf(ruleReadable, Pos{File: path}, "", "cannot be read: %v", bare(err))
		return ""
	}
	file := filepath.Join(abs, mainFile)
	if _, err := l.read(file); !errors.Is(err, fs.ErrNotExist) {
		return file
	}
	hint := "; create one, or name another folder or file"
	if _, err := l.read(filepath.Join(abs, "gramex.yml")); err == nil {
		hint = "; rename gramex.yml, or name that file"
	}
	l.r.addf(ruleNoFile, Pos{File: path}, "", "the folder has no %s%s", mainFile, hint)
	return ""
}

// name returns how problems call a file.
func (l *loader) name(path string) string {
	rel, err := filepath.Rel(l.dir, path)
	if err != nil {
		rel = path
	}
	return filepath.ToSlash(rel)
}

// bare drops the path that an error begins with: the problem names it.
func bare(err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		return pathErr.Err
	}
	return err
}

// open reads one file and what it imports.
func (l *loader) open(f *file) {
	if !slices.Contains(l.r.files, f.name) {
		l.r.files = append(l.r.files, f.name)
	}
	data, err := l.read(f.path)
	if err != nil {
		l.r.addf(ruleReadable, f.at, "", "%s cannot be read: %v", f.name, bare(err))
		return
	}
	if f.root = l.r.parse(data, f.name); f.root == nil {
		return
	}
	l.files = append(l.files, f)
	l.define(f)
	l.imports(f)
}

// paths returns the files that were read, and their folders, without repeats.
func (l *loader) paths() (files, dirs []string) {
	for _, f := range l.files {
		if !slices.Contains(files, f.path) {
			files = append(files, f.path)
		}
		if dir := filepath.Dir(f.path); !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	return files, dirs
}
