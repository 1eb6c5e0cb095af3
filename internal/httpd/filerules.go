package httpd

import (
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
)

// FileRules say which files are served, and with which headers. The zero value
// serves all but what is hidden, which no rule can change.
//
// Patterns see a file's path below Dir, or, if Files.Path is elsewhere, below
// the folder that Path stands in. It has slashes, and begins with one. A file
// behind a symbolic link has two paths, the one asked for and the link's
// target; both count.
type FileRules struct {
	Dir string // absolute; "" is nowhere

	// Never are paths of files that are not served, whatever the other rules
	// say: those with the server's secrets.
	Never []string

	// A file does not exist for peers if one of Ignore matches its path, or that
	// of a folder it is in, and none of Allow matches its path.
	Ignore, Allow []*regexp.Regexp

	// Headers go with a file's answer. Later ones replace earlier ones, and all
	// of them ours.
	Headers []FileHeaders
}

// FileHeaders are headers of files.
type FileHeaders struct {
	Files  *regexp.Regexp // nil is every file
	Header http.Header    // in canonical form; a name without values is not sent
}

// paths returns what patterns see of a file. It was asked for as asked, below
// path, and lies at real, below base; all absolute.
func (r *FileRules) paths(path, asked, base, real string) []string {
	if len(r.Ignore) == 0 && len(r.Headers) == 0 {
		return nil
	}
	dir, err := filepath.EvalSymlinks(r.Dir)
	if err != nil {
		dir = ""
	}
	return slices.Compact([]string{r.below(path, asked, r.Dir), r.below(base, real, dir)})
}

// below returns the path of file below dir, or below the folder of path.
func (r *FileRules) below(path, file, dir string) string {
	name, err := filepath.Rel(dir, file)
	if dir == "" || err != nil || !filepath.IsLocal(name) {
		if name, err = filepath.Rel(filepath.Dir(path), file); err != nil {
			name = file
		}
	}
	return "/" + filepath.ToSlash(name)
}

// never reports whether info is that of one of Never, by whatever name.
func (r *FileRules) never(info fs.FileInfo) bool {
	return slices.ContainsFunc(r.Never, func(secret string) bool {
		other, err := os.Stat(secret)
		return err == nil && os.SameFile(other, info)
	})
}

// ignores reports whether the rules hide the file with these paths.
func (r *FileRules) ignores(paths []string) bool {
	return slices.ContainsFunc(paths, func(path string) bool {
		return matchesStep(r.Ignore, path) && !matchesAny(r.Allow, path)
	})
}

// matchesStep reports whether a pattern matches the path or a folder in it.
func matchesStep(patterns []*regexp.Regexp, path string) bool {
	for end := 1; end < len(path); end++ {
		if path[end] == '/' && matchesAny(patterns, path[:end]) {
			return true
		}
	}
	return matchesAny(patterns, path)
}

func matchesAny(patterns []*regexp.Regexp, path string) bool {
	return slices.ContainsFunc(patterns, func(p *regexp.Regexp) bool { return p.MatchString(path) })
}

// apply puts the headers of the file with these paths into h.
func (r *FileRules) apply(h http.Header, paths []string) {
	for _, rule := range r.Headers {
		if rule.Files != nil && !slices.ContainsFunc(paths, rule.Files.MatchString) {
			continue
		}
		for name, values := range rule.Header {
			h[name] = slices.Clone(values) // nil keeps net/http from making one up
		}
	}
}
