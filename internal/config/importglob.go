package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// An inFolder is something that stands in a folder.
type inFolder struct {
	name   string
	folder bool
	link   bool // a symbolic link, to a folder if it is one
}

// readFolder returns what stands in a folder; nothing if it cannot be read.
func readFolder(dir string) []inFolder {
	entries, _ := os.ReadDir(dir) // what it has read before an error counts
	var list []inFolder
	for _, e := range entries {
		in := inFolder{name: e.Name(), folder: e.IsDir(), link: e.Type()&fs.ModeSymlink != 0}
		if in.link {
			info, err := os.Stat(filepath.Join(dir, e.Name()))
			if err != nil {
				continue // it leads nowhere
			}
			in.folder = info.IsDir()
		}
		list = append(list, in)
	}
	return list
}

// A globStep is what one step of a pattern of paths matches.
type globStep struct {
	tree bool // **: any number of folders
	dot  bool // names that begin with a dot, too
	name *regexp.Regexp
}

func (s globStep) fits(name string) bool {
	return s.name.MatchString(name) && (s.dot || !strings.HasPrefix(name, "."))
}

// matching returns the files that match a pattern of paths, relative to dir or
// absolute, in the order of their steps. folders says that folders match it.
//
// Other than in FileHandlers, and as in a shell, * stays within a step and
// matches no name that begins with a dot; ** is any number of folders, without
// those behind symbolic links.
func (l *loader) matching(dir, pattern string) (files []string, folders bool, err error) {
	pattern = filepath.ToSlash(pattern)
	if below, ok := strings.CutPrefix(pattern, filepath.ToSlash(dir)+"/"); ok {
		pattern = below
	} else if filepath.IsAbs(pattern) {
		dir = filepath.VolumeName(pattern) + string(filepath.Separator)
		pattern = pattern[len(filepath.VolumeName(pattern)):]
	}
	texts := slices.DeleteFunc(strings.Split(pattern, "/"), func(s string) bool { return s == "" || s == "." })
	for len(texts) > 0 && !strings.ContainsAny(texts[0], "*?[") {
		dir, texts = filepath.Join(dir, texts[0]), texts[1:]
	}
	var steps []globStep
	for _, s := range texts {
		name, err := regexp.Compile(`(?s)\A` + globRegexp(s) + `\z`)
		if err != nil {
			return nil, false, err
		}
		steps = append(steps, globStep{tree: s == "**", dot: strings.HasPrefix(s, "."), name: name})
	}
	if len(steps) == 0 { // the * stands in the name of a folder that leads to dir
		return []string{dir}, false, nil
	}
	l.walk(dir, steps, func(path string, folder bool) {
		if folder {
			folders = true
		} else {
			files = append(files, path)
		}
	})
	slices.SortFunc(files, func(a, b string) int {
		return slices.Compare(strings.Split(a, string(filepath.Separator)), strings.Split(b, string(filepath.Separator)))
	})
	return slices.Compact(files), folders, nil
}

// walk calls found for everything below dir that the steps lead to.
func (l *loader) walk(dir string, steps []globStep, found func(path string, folder bool)) {
	step, rest := steps[0], steps[1:]
	if step.tree && len(rest) > 0 {
		l.walk(dir, rest, found)
	}
	for _, in := range l.list(dir) {
		path := filepath.Join(dir, in.name)
		switch {
		case !step.fits(in.name):
		case step.tree && in.folder && !in.link:
			l.walk(path, steps, found)
			if len(rest) == 0 {
				found(path, true)
			}
		case step.tree:
		case len(rest) == 0:
			found(path, in.folder)
		case in.folder:
			l.walk(path, rest, found)
		}
	}
}
