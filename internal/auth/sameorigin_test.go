package auth_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"parley.example/parley/internal/auth"
)

func TestSameOrigin(t *testing.T) {
	const site = "gramener.com"
	for _, tc := range []struct {
		host   string
		scheme string // of r.URL; "" is not known
		origin string
		same   bool
	}{
		{site, "", "https://gramener.com", true},
		{site, "", "http://gramener.com", true},
		{site, "https", "https://gramener.com", true},
		{site, "https", "http://gramener.com", false},
		{site, "http", "https://gramener.com", true}, // a proxy in front that says nothing of its TLS
		{site, "https", "https://evil.com", false},
		{site, "https", "https://evilgramener.com", false},
		{site, "https", "https://gramener.com.evil.com", false},
		{site, "https", "https://www.gramener.com", false},
		{"www.gramener.com", "https", "https://gramener.com", false},
		{site, "https", "https://gramener.com:443@evil", false},
		{site, "https", "https://evil@gramener.com", false},
		{site, "https", "https://gramener.com:443@evil.com", false},
		{site, "https", "https://gramener.com/", false},
		{site, "https", "https://gramener.com\\@evil.com", false},
		{site, "https", "https://gramener.com#@evil.com", false},
		{site, "https", "https://gramener.com?", false},
		{site, "https", "https://gramener.com, https://evil.com", false},
		{site, "https", " https://gramener.com", false},
		{site, "https", "https://gramener.com\t", false},
		{site, "https", "https:gramener.com", false},
		{site, "https", "//gramener.com", false},
		{site, "https", "gramener.com", false},
		{site, "https", "null", false},
		{"null", "https", "null", false},
		{site, "https", "", false},

		// One spelling or another.
		{site, "https", "HTTPS://GRAMENER.COM", true},
		{"GRAMENER.com", "https", "https://gramener.com", true},
		{site, "https", "https://gramener.com.", true},
		{"gramener.com.", "https", "https://gramener.com", true},
		{"xn--bcher-kva.example", "https", "https://bücher.example", true},
		{"BÜCHER.example", "https", "https://xn--bcher-kva.example", true},
		{"bücher.example", "https", "https://bucher.example", false},
		{"gramener.com", "https", "https://gramener。com", true},

		// Ports: nginx's $host drops Host's.
		{site, "", "https://gramener.com:8443", true},
		{"gramener.com:8443", "", "https://gramener.com:8443", true},
		{"gramener.com:8443", "", "https://gramener.com", false},
		{"gramener.com:8443", "", "https://gramener.com:9443", false},
		{"gramener.com:443", "", "https://gramener.com", true},
		{"gramener.com:443", "", "http://gramener.com", false},
		{"gramener.com:80", "", "http://gramener.com", true},
		{"gramener.com:80", "", "http://gramener.com:080", false},
		{"localhost:9988", "http", "http://localhost:9988", true},
		{"localhost:9988", "http", "http://notlocalhost:9988", false},
		{"localhost:9988", "http", "http://127.0.0.1:9988", false},

		// Addresses.
		{"127.0.0.1:9988", "http", "http://127.0.0.1:9988", true},
		{"127.0.0.1", "http", "http://127.0.0.1.evil.com", false},
		{"127.0.0.1", "http", "http://2130706433", false},
		{"[::1]:9988", "http", "http://[::1]:9988", true},
		{"[0:0::1]", "http", "http://[::1]:9988", true},
		{"[::1]", "http", "http://[::2]", false},
		{"[::1]", "http", "http://[::1%25eth0]", false},
		{"::1", "http", "http://[::1]", false},

		// Schemes that are no page's of ours.
		{"gramener.com", "", "chrome-extension://gramener.com", false},
		{"localhost", "", "capacitor://localhost", false},
		{"localhost", "", "ws://localhost", false},

		// A Host that is none.
		{"", "", "https://gramener.com", false},
		{"gramener.com@evil", "", "https://gramener.com", false},
		{"gramener.com:x", "", "https://gramener.com", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Host, r.URL.Scheme = tc.host, tc.scheme
		r.Header["Origin"] = []string{tc.origin}
		if got := auth.SameOrigin(r); got != tc.same {
			t.Errorf("Host %q, scheme %q, Origin %q: same origin = %v, want %v", tc.host, tc.scheme, tc.origin, got, tc.same)
		}
		if !auth.TellsOrigin(r) {
			t.Errorf("Origin %q does not tell", tc.origin)
		}
	}
}

func TestSameOriginByFetchMetadata(t *testing.T) {
	const own, foreign = "https://gramener.com", "https://evil.com"
	for _, tc := range []struct {
		sites   []string
		origins []string
		same    bool
	}{
		{[]string{"same-origin"}, nil, true},
		{[]string{"same-origin"}, []string{own}, true},
		{[]string{"same-origin"}, []string{"null"}, true}, // a page that sends no referrer posts so
		{[]string{"none"}, nil, true},                     // the person at the browser
		{[]string{"same-site"}, []string{own}, false},
		{[]string{"cross-site"}, []string{own}, false},
		{[]string{"cross-site"}, nil, false},
		{[]string{"cross-site"}, []string{foreign}, false},
		{[]string{"Same-Origin"}, []string{own}, false}, // no browser writes it so
		{[]string{""}, []string{own}, false},
		{[]string{"same-origin, cross-site"}, []string{own}, false},
		{[]string{"same-origin", "cross-site"}, []string{own}, false},
		{[]string{"same-origin", "same-origin"}, nil, false},
		{[]string{"same-origin"}, []string{own, foreign}, false},
		{nil, []string{own}, true},
		{nil, []string{foreign}, false},
		{nil, []string{own, foreign}, false},
		{nil, []string{own, own}, false},
	} {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.Host = "gramener.com"
		if tc.sites != nil {
			r.Header["Sec-Fetch-Site"] = tc.sites
		}
		if tc.origins != nil {
			r.Header["Origin"] = tc.origins
		}
		if got := auth.SameOrigin(r); got != tc.same {
			t.Errorf("Sec-Fetch-Site %q, Origin %q: same origin = %v, want %v", tc.sites, tc.origins, got, tc.same)
		}
		if !auth.TellsOrigin(r) {
			t.Errorf("Sec-Fetch-Site %q, Origin %q does not tell", tc.sites, tc.origins)
		}
	}
}

func TestNoOriginIsNoProof(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	if auth.SameOrigin(r) || auth.TellsOrigin(r) {
		t.Errorf("no header: same origin = %v, tells = %v, want neither", auth.SameOrigin(r), auth.TellsOrigin(r))
	}
}
