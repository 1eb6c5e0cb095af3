package auth

import (
	"net/http"
	"strings"
)

// SameOrigin reports whether r proves that a page of the very site it was sent
// to has made it, or the person at the browser. A foreign page cannot make a
// browser say so.
//
// Where there is Sec-Fetch-Site (W3C Fetch Metadata), it decides: same-origin
// and none are. Otherwise Origin (RFC 6454) has to name the host of Host, its
// port if Host carries one (nginx's $host does not), and https if r.URL.Scheme
// is that; it is "http" or "" where the scheme is not known. A request with
// neither proves nothing: see TellsOrigin.
func SameOrigin(r *http.Request) bool {
	origins, sites := r.Header["Origin"], r.Header["Sec-Fetch-Site"]
	switch {
	case len(origins) > 1 || len(sites) > 1:
		return false
	case len(sites) == 1:
		return sites[0] == "same-origin" || sites[0] == "none"
	case len(origins) == 1:
		return OwnOrigin(r, origins[0])
	}
	return false
}

// TellsOrigin reports whether r says where it comes from, true or not, which
// browsers do when they open a WebSocket or post, and other programs seldom.
func TellsOrigin(r *http.Request) bool {
	return len(r.Header["Origin"]) > 0 || len(r.Header["Sec-Fetch-Site"]) > 0
}

// FromElsewhere reports whether a page of another site has sent r, or one that
// hides where it is from. What is no browser says nothing of pages (RFC 6455
// §10.2), and is its own master.
func FromElsewhere(r *http.Request) bool { return TellsOrigin(r) && !SameOrigin(r) }

// OwnOrigin reports whether text, such as https://example.com, is the origin
// that r was sent to, as far as r knows (see SameOrigin).
func OwnOrigin(r *http.Request, text string) bool {
	// Nearly always it is, to the letter.
	if scheme, host, _ := strings.Cut(text, "://"); host == r.Host && host != "" && (scheme == "https" || scheme == "http" && r.URL.Scheme != "https") {
		return true
	}
	from, err := parseOrigin(text)
	if err != nil || from.scheme != "http" && from.scheme != "https" {
		return false
	}
	if r.URL.Scheme == "https" && from.scheme != "https" {
		return false
	}
	h, port, err := parseHostPort(r.Host)
	return err == nil && from.host == h && (port == "" || from.port == port)
}
