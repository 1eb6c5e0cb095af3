package httpd

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
)

// A StartPage is what the start page shows of an app.
type StartPage struct {
	Title     string // the app's name
	Version   string // of Parley; "" shows none
	Endpoints []Endpoint
}

// An Endpoint is one entry of the start page.
type Endpoint struct {
	Name    string
	Pattern string // as in the config: a path or a regular expression
	Kind    Kind
	Runtime string // "python", "go"; "" for files
	Fault   string // why it does not work, one or more lines; "" if it does
}

// A Kind says what an endpoint answers with.
type Kind string

// The kinds of endpoint.
const (
	WebSocket Kind = "websocket"
	Page      Kind = "page"
	Function  Kind = "function"
)

// maxListedFiles bounds the pages of the folder that the start page links to.
const maxListedFiles = 50

// startsHere reports whether r may see the start page, which tells more of an
// app than the world should know: it is for the developer at this machine. A
// page of elsewhere that has its name resolve to this machine (DNS rebinding)
// shows in Host, a proxy in its headers.
func (s *Server) startsHere(r *http.Request) bool {
	if s.opt.Start == nil || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	how := cameOf(r)
	if how == nil {
		return false
	}
	addr, err := netip.ParseAddrPort(how.peer)
	if err != nil || !addr.Addr().Unmap().IsLoopback() || !loopbackHost(r.Host) || viaProxy(r.Header) {
		return false
	}
	return s.files == nil || !s.files.has()
}

// loopbackHost reports whether a Host header names this machine, whatever the
// port.
func loopbackHost(host string) bool {
	name, port, err := net.SplitHostPort(host)
	if err != nil {
		name = host
		if inner, found := strings.CutPrefix(host, "["); found {
			if name, found = strings.CutSuffix(inner, "]"); !found {
				return false
			}
		} else if strings.Contains(host, ":") {
			return false
		}
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return false
	}
	if strings.EqualFold(strings.TrimSuffix(name, "."), "localhost") {
		return true
	}
	addr, err := netip.ParseAddr(name)
	return err == nil && addr.Zone() == "" && addr.Unmap().IsLoopback()
}

// startEntry is an endpoint as the template shows it.
type startEntry struct {
	Endpoint
	ID   string // of its elements in the page
	Path string // what the pattern surely begins with
	Link string // for pages; "" if the pattern is no plain path
	Any  bool   // the pattern is a regular expression
}

func (s *Server) serveStart(w http.ResponseWriter, r *http.Request) {
	page := s.opt.Start()
	var sockets, pages []startEntry
	for i, e := range page.Endpoints {
		path, plain := plainPath(e.Pattern)
		entry := startEntry{Endpoint: e, ID: "e" + strconv.Itoa(i), Path: path, Any: !plain}
		if e.Kind == WebSocket {
			sockets = append(sockets, entry)
			continue
		}
		if plain && !strings.HasPrefix(path, "//") {
			entry.Link = (&url.URL{Path: path}).EscapedPath()
		}
		pages = append(pages, entry)
	}
	var out bytes.Buffer
	err := startTemplate.Execute(&out, map[string]any{
		"Title": page.Title, "Version": page.Version,
		"Sockets": sockets, "Pages": pages, "Files": s.listedFiles(),
		"Few": len(sockets) <= 4, "Host": r.Host, "TLS": r.URL.Scheme == "https",
	})
	if err != nil {
		s.log.Error("writing the start page", "err", err)
		Refuse(w, r, http.StatusInternalServerError, "The start page cannot be written. The server's log says why.")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "+
		"img-src 'self'; script-src 'self'; style-src 'self'; connect-src 'self' ws: wss:")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Referrer-Policy", "no-referrer")
	_, _ = w.Write(out.Bytes())
}

// plainPath returns the text that every match of pattern begins with, and
// whether that is all there is.
func plainPath(pattern string) (path string, plain bool) {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return "/", false
	}
	tree = tree.Simplify()
	steps := []*syntax.Regexp{tree}
	if tree.Op == syntax.OpConcat {
		steps = tree.Sub
	}
	for _, step := range steps {
		switch step.Op {
		case syntax.OpLiteral:
			if step.Flags&syntax.FoldCase != 0 {
				return rooted(path), false
			}
			path += string(step.Rune)
		case syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpEmptyMatch:
		default:
			return rooted(path), false
		}
	}
	return rooted(path), strings.HasPrefix(path, "/")
}

func rooted(path string) string {
	if !strings.HasPrefix(path, "/") {
		return "/"
	}
	return path
}

// A listedFile is a page of the folder that the start page links to.
type listedFile struct{ Name, Link string }

func (s *Server) listedFiles() []listedFile {
	if s.files == nil {
		return nil
	}
	entries, err := os.ReadDir(s.opt.Dir)
	if err != nil {
		s.log.Warn("listing pages for the start page", "err", err)
		return nil
	}
	var files []listedFile
	for _, entry := range entries {
		ext := strings.ToLower(filepath.Ext(entry.Name()))
		if entry.IsDir() || !slices.Contains([]string{".html", ".htm"}, ext) {
			continue
		}
		if !s.files.shows(entry.Name()) {
			continue // hidden or ignored, or a link that leads outside or to a folder
		}
		files = append(files, listedFile{entry.Name(), "/" + url.PathEscape(entry.Name())})
		if len(files) == maxListedFiles {
			s.log.Debug(fmt.Sprintf("the start page lists the first %d pages only", maxListedFiles))
			break
		}
	}
	return files
}
