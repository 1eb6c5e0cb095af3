package login

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"parley.example/parley/internal/auth"
)

// A Redirect says where people go afterwards: where Query leads, else where
// Header leads, else to URL. The first two are what clients say: they lead to
// this site only, and what leads elsewhere is passed over for URL.
type Redirect struct {
	Query  string // a key of the URL's query; "" means "next"
	Header string // a header, such as "Referer"; "" means none
	URL    string // a path, or an http or https URL of any site; "" means "/"
}

// maxTarget is the length in bytes from which a target is passed over.
const maxTarget = 2048

// A way is a Redirect that has been looked at. It does not change.
type way struct {
	query, header, url string
	elsewhere          string // the origin of url if that is absolute, else ""
}

func newWay(to *Redirect) (way, error) {
	if to == nil {
		to = &Redirect{}
	}
	w := way{query: cmp.Or(to.Query, "next"), header: to.Header, url: cmp.Or(to.URL, "/")}
	u, err := url.Parse(w.url)
	switch {
	case err != nil || hasControl(w.url) || strings.ContainsRune(w.url, '\\'):
		return w, fmt.Errorf("redirect to %q: is no URL", w.url)
	case u.Scheme == "" && u.Host == "" && strings.HasPrefix(w.url, "/"):
		return w, nil
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
		w.elsewhere = u.Scheme + "://" + u.Host
		return w, nil
	}
	return w, fmt.Errorf("redirect to %q: must begin with / or https://", w.url)
}

// find returns the target that a request asks for: posted is what its form
// carries. ok is false if it asks for none, or for what it may not have.
func (w way) find(r *http.Request, posted string) (target string, ok bool) {
	if posted != "" {
		return local(r, posted)
	}
	if next := r.URL.Query().Get(w.query); next != "" {
		return local(r, next)
	}
	if w.header == "" {
		return "", false
	}
	target, ok = local(r, r.Header.Get(w.header))
	if here, _, _ := strings.Cut(target, "?"); here == r.URL.EscapedPath() {
		return "", false // the form itself
	}
	return target, ok
}

// local returns text as a path of this site, with query and fragment, in ASCII.
// ok is false if it is anything else, or if any browser could take it for
// anything else.
func local(r *http.Request, text string) (target string, ok bool) {
	if len(text) > maxTarget || strings.ContainsRune(text, '\\') {
		return "", false
	}
	u, err := url.Parse(text) // which refuses control characters of ASCII
	if err != nil || u.User != nil || u.Opaque != "" {
		return "", false
	}
	if u.Scheme != "" || u.Host != "" {
		// No host is sent back: the path is enough, on the site that it is for.
		if !auth.OwnOrigin(r, u.Scheme+"://"+u.Host) {
			return "", false
		}
		if u.Path == "" {
			u.Path = "/"
		}
	}
	if !strings.HasPrefix(u.Path, "/") || !plain(u.Path) {
		return "", false
	}
	target = u.EscapedPath()
	if u.RawQuery != "" {
		target += "?" + escape(u.RawQuery)
	}
	if u.Fragment != "" {
		target += "#" + escape(u.EscapedFragment())
	}
	return target, true
}

// plain reports whether a path, decoded and with a slash at its beginning, means
// the same to everybody: no second slash or backslash follows, it has no control
// character, and no segment is dots. Browsers send none of these.
func plain(p string) bool {
	if len(p) > 1 && (p[1] == '/' || p[1] == '\\') || hasControl(p) {
		return false
	}
	for segment := range strings.SplitSeq(p, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

func hasControl(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 })
}

// escape writes as %XX what may not stand in a URL (RFC 3986 §2).
func escape(text string) string {
	var b strings.Builder
	for _, c := range []byte(text) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("\"<>\\^`{|}", c) >= 0 {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// redirect answers with a way to go on that no cache keeps.
func redirect(w http.ResponseWriter, status int, target string) {
	h := w.Header()
	h.Set("Location", target)
	h.Set("Cache-Control", "no-store")
	h.Set("Referrer-Policy", "same-origin")
	w.WriteHeader(status)
}
