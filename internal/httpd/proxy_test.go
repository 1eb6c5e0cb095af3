package httpd_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"parley.example/parley/internal/httpd"
)

func TestProxyHeadersAreBelievedFromTrustedPeersOnly(t *testing.T) {
	trusted := []netip.Prefix{
		netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.0.0.0/8"),
	}
	const proxy = "127.0.0.1:5000"
	for _, tt := range []struct {
		name, peer   string
		headers      string // "Name: value", separated by |
		addr, scheme string
	}{
		{"no proxy", "203.0.113.9:5000", "", "203.0.113.9:5000", "http"},
		{"untrusted peer", "203.0.113.9:5000", "X-Forwarded-For: 1.2.3.4|X-Real-Ip: 1.2.3.4|X-Scheme: https|X-Forwarded-Proto: https", "203.0.113.9:5000", "http"},
		{"mapped peer", "[::ffff:203.0.113.9]:5000", "", "203.0.113.9:5000", "http"},
		{"mapped trusted peer", "[::ffff:127.0.0.1]:5000", "X-Real-Ip: 1.2.3.4", "1.2.3.4:0", "http"},
		{"peer without address", "@", "X-Real-Ip: 1.2.3.4|X-Scheme: https", "@", "http"},
		{"trusted, no headers", proxy, "", proxy, "http"},

		{"real ip", proxy, "X-Real-Ip: 1.2.3.4", "1.2.3.4:0", "http"},
		{"real ip, IPv6", "[::1]:5000", "X-Real-Ip: 2001:db8::7", "[2001:db8::7]:0", "http"},
		{"real ip, bad", proxy, "X-Real-Ip: localhost", proxy, "http"},
		{"real ip, twice", proxy, "X-Real-Ip: 1.1.1.1|X-Real-Ip: 2.2.2.2", "2.2.2.2:0", "http"},
		{"real ip, list", proxy, "X-Real-Ip: 1.1.1.1, 2.2.2.2", proxy, "http"},

		{"forwarded for", proxy, "X-Forwarded-For: 1.2.3.4", "1.2.3.4:0", "http"},
		{"forged first entry", proxy, "X-Forwarded-For: 6.6.6.6, 1.2.3.4", "1.2.3.4:0", "http"},
		{"proxies in between", proxy, "X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.2,10.0.0.1", "1.2.3.4:0", "http"},
		{"several lines", proxy, "X-Forwarded-For: 6.6.6.6|X-Forwarded-For: 1.2.3.4|X-Forwarded-For: 10.1.1.1", "1.2.3.4:0", "http"},
		{"only proxies", proxy, "X-Forwarded-For: 10.0.0.3, 10.0.0.2", "10.0.0.3:0", "http"},
		{"garbage hides what is before it", proxy, "X-Forwarded-For: 6.6.6.6, unknown, 10.0.0.2", "10.0.0.2:0", "http"},
		{"garbage last", proxy, "X-Forwarded-For: 6.6.6.6, unknown", proxy, "http"},
		{"garbage last, real ip", proxy, "X-Forwarded-For: 6.6.6.6, _x|X-Real-Ip: 1.2.3.4", "1.2.3.4:0", "http"},
		{"empty", proxy, "X-Forwarded-For: ", proxy, "http"},
		{"commas", proxy, "X-Forwarded-For: ,,,", proxy, "http"},
		{"with port", proxy, "X-Forwarded-For: 1.2.3.4:99", "1.2.3.4:0", "http"},
		{"IPv6 with port", proxy, "X-Forwarded-For: [2001:db8::7]:99", "[2001:db8::7]:0", "http"},
		{"IPv6 in brackets", proxy, "X-Forwarded-For: [2001:db8::7]", "[2001:db8::7]:0", "http"},
		{"open bracket", proxy, "X-Forwarded-For: [2001:db8::7", proxy, "http"},
		{"mapped", proxy, "X-Forwarded-For: ::ffff:1.2.3.4", "1.2.3.4:0", "http"},
		{"mapped proxy", proxy, "X-Forwarded-For: 1.2.3.4, ::ffff:10.0.0.1", "1.2.3.4:0", "http"},
		{"zone", proxy, "X-Forwarded-For: fe80::1%eth0", proxy, "http"},
		{"unspecified", proxy, "X-Forwarded-For: 0.0.0.0", proxy, "http"},

		{"real ip wins", proxy, "X-Real-Ip: 1.2.3.4|X-Forwarded-For: 6.6.6.6", "1.2.3.4:0", "http"},
		{"real ip is a proxy", proxy, "X-Real-Ip: 10.0.0.1|X-Forwarded-For: 6.6.6.6, 1.2.3.4, 10.0.0.1", "1.2.3.4:0", "http"},
		{"real ip is a proxy, nobody else named", proxy, "X-Real-Ip: 10.0.0.1", "10.0.0.1:0", "http"},
		{"bad real ip", proxy, "X-Real-Ip: x|X-Forwarded-For: 1.2.3.4", "1.2.3.4:0", "http"},

		{"the document's nginx", proxy, "X-Scheme: https", proxy, "https"},
		{"scheme in capitals", proxy, "X-Scheme: HTTPS", proxy, "https"},
		{"proto", proxy, "X-Forwarded-Proto: https", proxy, "https"},
		{"proto of a socket", proxy, "X-Forwarded-Proto: wss", proxy, "https"},
		{"scheme wins", proxy, "X-Scheme: http|X-Forwarded-Proto: https", proxy, "http"},
		{"bad scheme, good proto", proxy, "X-Scheme: gopher|X-Forwarded-Proto: https", proxy, "https"},
		{"bad scheme", proxy, "X-Scheme: javascript", proxy, "http"},
		{"last proto", proxy, "X-Forwarded-Proto: https, http", proxy, "http"},
		{"last line", proxy, "X-Forwarded-Proto: http|X-Forwarded-Proto: https", proxy, "https"},
		{"host is not believed", proxy, "X-Forwarded-Host: evil.example", proxy, "http"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var seen *http.Request
			s := httpd.New(httpd.Options{
				TrustedProxies: trusted,
				Routes: []httpd.Route{{Pattern: regexp.MustCompile("/"), Serve: func(_ http.ResponseWriter, r *http.Request, _ []*string) {
					seen = r
				}}},
			})
			get(s, "http://app.example/", func(r *http.Request) {
				r.RemoteAddr = tt.peer
				for line := range strings.SplitSeq(tt.headers, "|") {
					if name, value, ok := strings.Cut(line, ": "); ok {
						r.Header.Add(name, value)
					}
				}
			})
			if seen.RemoteAddr != tt.addr || seen.URL.Scheme != tt.scheme || seen.Host != "app.example" || seen.URL.Host != "app.example" {
				t.Errorf("from %s over %s at %s, want %s over %s", seen.RemoteAddr, seen.URL.Scheme, seen.Host, tt.addr, tt.scheme)
			}
		})
	}
}

func TestTLSIsHTTPS(t *testing.T) {
	var scheme string
	s := httpd.New(httpd.Options{Routes: []httpd.Route{{
		Pattern: regexp.MustCompile("/"),
		Serve:   func(_ http.ResponseWriter, r *http.Request, _ []*string) { scheme = r.URL.Scheme },
	}}})
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.TLS = &tls.ConnectionState{}
	s.ServeHTTP(httptest.NewRecorder(), r)
	if scheme != "https" {
		t.Errorf("scheme = %q, want https", scheme)
	}
	if r.URL.Scheme != "" {
		t.Error("the caller's request was changed")
	}
}
