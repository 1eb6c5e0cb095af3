package httpd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// FileOptions of Files.
type FileOptions struct {
	// Path is a file, or a folder of which files are served. It need not exist
	// yet.
	Path string

	// DefaultFilename names the file that a folder's own path shows; ""
	// means that folders show nothing.
	DefaultFilename string

	// Private says that what is served is for one user: caches of others do not
	// keep it.
	Private bool

	Rules FileRules
	Log   *slog.Logger // nil means discard
}

// cacheControl makes browsers ask before they use a copy: a saved file shows at
// the next reload.
func (o *FileOptions) cacheControl() string {
	if o.Private {
		return "private, no-cache"
	}
	return "no-cache"
}

// Files serves a folder's files, or one file, as they are at the time of the
// request. What Hidden says is hidden, what lies outside the folder (through
// symbolic links too), what the rules ignore, and folders without a default file
// do not exist for it.
// Safe for concurrent use.
type Files struct {
	opt FileOptions // set by NewFiles, then read-only
	log *slog.Logger
}

// NewFiles makes Files. It looks at nothing yet.
func NewFiles(opt FileOptions) *Files {
	f := &Files{opt: opt, log: opt.Log}
	if f.log == nil {
		f.log = slog.New(slog.DiscardHandler)
	}
	return f
}

// Serve is the function of a Route. The first group of the pattern is the path
// below the folder; without one the folder's default file is shown, or the
// file that Path names.
func (f *Files) Serve(w http.ResponseWriter, r *http.Request, groups []*string) {
	name := ""
	if len(groups) > 0 && groups[0] != nil {
		name = *groups[0]
	}
	f.serve(w, r, name)
}

func (f *Files) serve(w http.ResponseWriter, r *http.Request, name string) {
	if strings.Contains(strings.ToLower(r.URL.EscapedPath()), "%2f") {
		notFound(w, r) // a slash that is none: a proxy may have judged another path
		return
	}
	file, err := f.open(name)
	folder := err == nil && file.info.IsDir()
	switch {
	case folder && f.opt.DefaultFilename == "":
		file.Close()
		err = fs.ErrNotExist
	case folder:
		file.Close()
		name = strings.TrimSuffix(name, "/") + "/"
		file, err = f.open(name + f.opt.DefaultFilename)
		if err == nil && file.info.IsDir() {
			file.Close()
			err = fs.ErrNotExist
		}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		notFound(w, r)
		return
	case err != nil:
		f.log.Warn("serving a file", "path", r.URL.Path, "err", err)
		Refuse(w, r, http.StatusInternalServerError, "The file cannot be read. The server's log says why.")
		return
	}
	defer file.Close()
	switch {
	case !readOnly(w, r):
	case folder && name != "/" && !strings.HasSuffix(r.URL.Path, "/"):
		redirectInside(w, r)
	default:
		f.serveFile(w, r, file)
	}
}

// Shows reports whether a request can get the file at path.
func (f *Files) Shows(path string) bool {
	base, err := filepath.EvalSymlinks(f.opt.Path)
	if err != nil {
		return false
	}
	if path, err = filepath.EvalSymlinks(path); err != nil {
		return false
	}
	name, err := filepath.Rel(base, path)
	if err != nil || !filepath.IsLocal(name) {
		return false
	}
	if name == "." {
		name = ""
	}
	return f.shows(filepath.ToSlash(name))
}

// has reports whether the folder's own path shows anything.
func (f *Files) has() bool {
	return f.shows(f.opt.DefaultFilename)
}

// shows reports whether name means a file.
func (f *Files) shows(name string) bool {
	file, err := f.open(name)
	if err != nil {
		return false
	}
	file.Close()
	return !file.info.IsDir()
}

// readOnly answers requests that want something else than to read.
func readOnly(w http.ResponseWriter, r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead:
		return true
	case http.MethodOptions:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", "GET, HEAD, OPTIONS")
		Refuse(w, r, http.StatusMethodNotAllowed, "This can only be read.")
	}
	return false
}

// A found is a file or folder that may be seen, open.
type found struct {
	*os.File
	info  fs.FileInfo
	paths []string // what the rules' patterns see of it
}

// open opens what name, a slash-separated path, means below the folder. Its
// error is fs.ErrNotExist for everything that shall not be seen.
func (f *Files) open(name string) (*found, error) {
	base, err := filepath.EvalSymlinks(f.opt.Path)
	if err != nil {
		return nil, unseen(err)
	}
	info, err := os.Stat(base)
	if err != nil {
		return nil, unseen(err)
	}
	name = strings.TrimPrefix(name, "/")
	if !info.IsDir() {
		if name != "" || Hidden(filepath.Base(f.opt.Path)) || Hidden(filepath.Base(base)) {
			return nil, fs.ErrNotExist
		}
		return f.openIn(filepath.Dir(base), filepath.Base(base), f.opt.Rules.paths(f.opt.Path, f.opt.Path, base, base))
	}
	name, folder := strings.CutSuffix(name, "/")
	if name == "" {
		return f.openIn(base, ".", nil)
	}
	if Hidden(name) {
		return nil, fs.ErrNotExist
	}
	// Links are followed first: the name at their end counts too.
	name = filepath.FromSlash(name)
	target, err := filepath.EvalSymlinks(filepath.Join(base, name))
	if err != nil {
		return nil, unseen(err)
	}
	inside, err := filepath.Rel(base, target)
	if err != nil || !filepath.IsLocal(inside) || inside != "." && Hidden(filepath.ToSlash(inside)) {
		return nil, fs.ErrNotExist
	}
	file, err := f.openIn(base, inside, f.opt.Rules.paths(f.opt.Path, filepath.Join(f.opt.Path, name), base, target))
	if err == nil && folder && !file.info.IsDir() {
		file.Close()
		return nil, fs.ErrNotExist
	}
	return file, err
}

// openIn opens a file or folder and nothing else: to open a named pipe would
// wait for its writer. paths are what the rules' patterns see of it, if it is a
// file.
func (f *Files) openIn(dir, name string, paths []string) (*found, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, unseen(err)
	}
	defer func() { _ = root.Close() }()
	info, err := root.Stat(name)
	if err != nil {
		return nil, unseen(err)
	}
	switch {
	case info.IsDir():
	case !info.Mode().IsRegular(), f.opt.Rules.never(info):
		return nil, fs.ErrNotExist
	case f.opt.Rules.ignores(paths):
		f.log.Debug("not served: ignore matches", "path", paths[0])
		return nil, fs.ErrNotExist
	}
	file, err := root.Open(name)
	if err != nil {
		return nil, unseen(err)
	}
	return &found{File: file, info: info, paths: paths}, nil
}

// unseen makes fs.ErrNotExist of the errors that a peer can cause by asking.
func unseen(err error) error {
	for _, harmless := range []error{fs.ErrNotExist, fs.ErrPermission, syscall.ENOTDIR, syscall.ENAMETOOLONG, syscall.ELOOP} {
		if errors.Is(err, harmless) {
			return fs.ErrNotExist
		}
	}
	return err
}

func (f *Files) serveFile(w http.ResponseWriter, r *http.Request, file *found) {
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	kind, err := contentType(file.info.Name(), file)
	if err != nil {
		Refuse(w, r, http.StatusInternalServerError, "The file cannot be read.")
		return
	}
	h.Set("Content-Type", kind)
	h.Set("Cache-Control", f.opt.cacheControl())
	h.Set("ETag", fmt.Sprintf(`"%x-%x"`, file.info.ModTime().UnixNano(), file.info.Size()))
	f.opt.Rules.apply(h, file.paths)
	http.ServeContent(w, r, "", file.info.ModTime(), file)
}

// redirectInside sends a folder's path to the same with a slash. The target
// has no host and no scheme, so it cannot lead elsewhere, and it survives a
// proxy that takes a prefix away.
func redirectInside(w http.ResponseWriter, r *http.Request) {
	base := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	target := "./" + url.PathEscape(base) + "/"
	if r.URL.RawQuery != "" {
		target += "?" + r.URL.RawQuery
	}
	w.Header().Set("Location", target)
	w.WriteHeader(http.StatusFound)
}

// sniff tells text from other octets and leaves file at its start. It never
// answers with a kind that a browser would run.
func sniff(file io.ReadSeeker) (string, error) {
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", fmt.Errorf("reading: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return "", fmt.Errorf("rewinding: %w", err)
	}
	kind := http.DetectContentType(head[:n])
	switch {
	case strings.HasPrefix(kind, "text/plain"):
		return kind, nil
	case strings.HasPrefix(kind, "text/"):
		return "text/plain; charset=utf-8", nil
	}
	return "application/octet-stream", nil
}
