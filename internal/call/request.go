package call

import (
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Request is what functions see of the HTTP request that opened a socket, or
// that they answer: text, and without what holds on to the connection.
type Request struct {
	Method   string      `json:"method"`
	URI      string      `json:"uri"` // path and query
	Path     string      `json:"path"`
	Query    string      `json:"query"`
	Host     string      `json:"host"`
	Protocol string      `json:"protocol"` // "http" or "https"
	RemoteIP string      `json:"remote_ip"`
	Headers  [][2]string `json:"headers"` // in the order of their names
	Body     []byte      `json:"body"`
}

// NewRequest copies what functions see of r, which has body.
func NewRequest(r *http.Request, body []byte) Request {
	uri := r.RequestURI
	if !strings.HasPrefix(uri, "/") { // made by a test, or in the form that proxies get
		uri = r.URL.RequestURI()
	}
	path, query, _ := strings.Cut(uri, "?")
	ip, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		ip = r.RemoteAddr
	}
	protocol := r.URL.Scheme
	if protocol == "" {
		protocol = "http"
	}
	out := Request{
		Method:   r.Method,
		URI:      toText8(uri),
		Path:     toText8(path),
		Query:    toText8(query),
		Host:     toText8(r.Host),
		Protocol: protocol,
		RemoteIP: ip,
		Headers:  [][2]string{},
		Body:     append([]byte{}, body...),
	}
	header := r.Header
	if header.Get("Host") == "" && r.Host != "" { // net/http takes it out
		header = header.Clone()
		if header == nil {
			header = http.Header{}
		}
		header.Set("Host", r.Host)
	}
	for _, name := range slices.Sorted(maps.Keys(header)) {
		for _, value := range header[name] {
			out.Headers = append(out.Headers, [2]string{toText8(name), toText8(value)})
		}
	}
	return out
}

// toText8 makes octets of a request line or header into text: UTF-8 if they
// are, else Latin-1, so that none is lost (RFC 9110 §5.5).
func toText8(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	runes := make([]rune, len(s))
	for i := range len(s) {
		runes[i] = rune(s[i])
	}
	return string(runes)
}
