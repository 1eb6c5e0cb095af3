package session

import (
	"bufio"
	"cmp"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Pages wraps the handler of all pages: a response to a request without a
// valid cookie sets one, which costs no row in the store, so that a page's
// sockets share a session. A cookie past half of its life, or signed with
// another secret than the first, is renewed. Whether the page came over HTTPS
// is told by r.URL.Scheme: then cookies are Secure, and have the name for that.
//
// No cookie is set for what a page of another site has posted: browsers leave
// the one they have out of such a request (SameSite=Lax), but would take a new
// one from the answer in its place, which would end their session.
//
// A response that sets the cookie belongs to one browser: shared caches are
// told so in Cache-Control. A 101 response is left alone: whoever writes it
// calls SetCookie.
func (m *Manager) Pages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &page{ResponseWriter: w, manager: m, secure: isSecure(r)}
		c, ok := m.readCookie(r)
		switch {
		case !ok:
			p.foreign = postedElsewhere(r)
			p.missing = !p.foreign
		case c.old, time.Since(c.issued) > m.expiry/2:
			p.renew = c.id
		}
		next.ServeHTTP(p, r.WithContext(context.WithValue(r.Context(), pageKey{}, p)))
		p.head(http.StatusOK) // nothing was written
	})
}

// postedElsewhere reports whether a page of another site has sent r by another
// method than those that are safe (RFC 9110, section 9.2.1).
func postedElsewhere(r *http.Request) bool {
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return false
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "cross-site"
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false // no browser
	}
	_, host, _ := strings.Cut(origin, "://")
	return !strings.EqualFold(bareHost(host), bareHost(r.Host))
}

// bareHost takes the port away, which Host may lack behind a proxy.
func bareHost(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.HasSuffix(host, "]") {
		return host[:i]
	}
	return host
}

type pageKey struct{}

// pageOf returns the page that answers r, or nil outside of Pages.
func pageOf(r *http.Request) *page {
	p, _ := r.Context().Value(pageKey{}).(*page)
	return p
}

// A page is the ResponseWriter of one request. Like any, it is used by one
// goroutine at a time.
type page struct {
	http.ResponseWriter          // set by Pages, then read-only
	manager             *Manager // likewise
	secure              bool     // likewise
	missing             bool     // likewise: the request has no valid cookie
	foreign             bool     // likewise: and a page of another site has posted it
	renew               string   // likewise: the id of one that is to be renewed; or ""

	chosen string // the id that Open made for this request, or ""
	begun  bool   // the header has been sent, or the connection taken over
}

// ids returns the id that the header tells the browser so far, and that which
// was chosen. Either may be "", and both are if p is nil.
func (p *page) ids() (told, chosen string) {
	if p == nil {
		return "", ""
	}
	return p.manager.toldIn(p.Header(), p.secure), p.chosen
}

// choose makes id the one for this response, in place of what the header may
// say. It does nothing if p is nil.
func (p *page) choose(id string) {
	if p != nil {
		p.chosen = id
		p.manager.dropCookie(p.Header(), p.secure)
	}
}

// head puts the cookie into the header, before it goes out with status.
func (p *page) head(status int) {
	if p.begun || (status < 200 && status != http.StatusSwitchingProtocols) {
		return
	}
	p.begun = true
	if status == http.StatusSwitchingProtocols {
		return
	}
	m, h := p.manager, p.Header()
	told, chosen := p.ids()
	switch {
	case p.foreign:
		m.dropCookie(h, p.secure)
		return
	case chosen != "":
		m.setCookie(h, cmp.Or(told, chosen), p.secure)
	case m.hasCookie(h, p.secure):
		// The handler has set it.
	case p.missing:
		m.setCookie(h, newID(), p.secure)
	case p.renew != "":
		m.setCookie(h, p.renew, p.secure)
		m.touch(p.renew)
	default:
		return
	}
	h["Cache-Control"] = []string{personal(h["Cache-Control"])}
}

// personal returns cacheControl (RFC 9111 §5.2.2) such that no shared cache
// keeps the response.
func personal(cacheControl []string) string {
	var kept []string
	found := false
	for _, directive := range strings.Split(strings.Join(cacheControl, ","), ",") {
		directive = strings.TrimSpace(directive)
		switch name, _, _ := strings.Cut(strings.ToLower(directive), "="); name {
		case "", "public", "s-maxage":
			continue
		case "private", "no-store":
			found = true
		}
		kept = append(kept, directive)
	}
	if !found {
		kept = append(kept, "private")
	}
	return strings.Join(kept, ", ")
}

// WriteHeader implements http.ResponseWriter, as do the other methods that and
// what the standard library's writers can do besides.
func (p *page) WriteHeader(status int) {
	p.head(status)
	p.ResponseWriter.WriteHeader(status)
}

func (p *page) Write(b []byte) (int, error) {
	p.head(http.StatusOK)
	return p.ResponseWriter.Write(b)
}

// ReadFrom lets files go out by sendfile.
func (p *page) ReadFrom(r io.Reader) (int64, error) {
	p.head(http.StatusOK)
	return io.Copy(p.ResponseWriter, r)
}

func (p *page) Flush() { _ = p.FlushError() }

func (p *page) FlushError() error {
	p.head(http.StatusOK)
	return http.NewResponseController(p.ResponseWriter).Flush()
}

func (p *page) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(p.ResponseWriter).Hijack()
	if err == nil {
		p.begun = true
	}
	return conn, rw, err
}

// Unwrap is for http.ResponseController.
func (p *page) Unwrap() http.ResponseWriter { return p.ResponseWriter }
