package auth_test

import (
	"net/http"
	"strings"
	"testing"

	"parley.example/parley/internal/auth"
)

func TestOrigins(t *testing.T) {
	for _, tc := range []struct {
		entries string // separated by blanks
		allowed []string
		refused []string
	}{
		{
			"gramener.com localhost 127.0.0.1", // the seed's own list
			[]string{
				"https://gramener.com", "http://gramener.com", "https://gramener.com:8443", "https://www.gramener.com",
				"https://a.b.gramener.com", "HTTPS://GRAMENER.COM", "https://gramener.com.", "https://Www.Gramener.com.:444",
				"http://localhost", "http://localhost:9988", "http://localhost:9300", "http://a.localhost:1",
				"http://127.0.0.1", "http://127.0.0.1:9988", "capacitor://localhost", "http://127.0.0.1.:80",
			},
			[]string{
				"https://evilgramener.com", "https://notlocalhost", "https://evil.com@gramener.com",
				"https://gramener.com@evil.com", "https://gramener.com.evil.com", "https://evil.com/gramener.com",
				"https://evil.com?gramener.com", "https://evil.com#gramener.com", `https://evil.com\gramener.com`,
				"https://gramener.com .evil.com", "https://evil.com gramener.com", "https://evil.com, https://gramener.com",
				"https://gramener.com/", "https://gramener.com?", "https://gramener.com#", "https://gramener.com:", "https://:443",
				"null", "", "NULL", "file://", "://gramener.com", "gramener.com", "//gramener.com", "https:gramener.com",
				"https:///gramener.com", "https://gramener.com:443:443", "https://gramener.com:0443", "https://gramener.com:0",
				"https://gramener.com:65536", "https://gramener.com:https", "https://gramener.com:+443", "https://gramener.com:-1",
				"https://gramener.com..", "https://.gramener.com", "https://www..gramener.com", "https://www.gramener%2ecom",
				"https://gramener%2Ecom", "https://gramener.com%00", "https://gramener.com\x00", "https://gramener.com\t",
				" https://gramener.com", "https://gramener.com ", "1http://gramener.com", "ht tp://gramener.com", "-://gramener.com",
				"https://*.gramener.com", "https://com", "https://gramenerxcom.evil.example", "https://user:pw@gramener.com",
				"http://127.0.0.1.evil.com", "http://a.127.0.0.1", "http://127.1", "http://2130706433", "http://0x7f.0.0.1",
				"http://127.0.0.01", "http://0x7f000001", "http://127.0.0.2", "http://[::1]", "http://[::ffff:127.0.0.1]",
				"http://localhost.evil.com", "https://xgramener.com", "https://" + strings.Repeat("a.", 1000) + "gramener.com",
				"https://" + strings.Repeat("a", 64) + ".gramener.com", "https://gramener.com\u2024", "https://\xffgramener.com",
			},
		},
		{
			"gramener.com:8443",
			[]string{"https://gramener.com:8443", "http://www.gramener.com:8443"},
			[]string{"https://gramener.com", "http://gramener.com:80", "https://gramener.com:84430"},
		},
		{
			"gramener.com:443",
			[]string{"https://gramener.com", "https://gramener.com:443", "wss://a.gramener.com", "http://gramener.com:443"},
			[]string{"http://gramener.com", "app://gramener.com"},
		},
		{
			"https://gramener.com",
			[]string{"https://gramener.com", "https://gramener.com:443", "HTTPS://Gramener.COM.", "https://gramener.com.:443"},
			[]string{"http://gramener.com", "https://www.gramener.com", "https://gramener.com:8443", "http://gramener.com:443", "wss://gramener.com"},
		},
		{
			"http://app.example:8080 chrome-extension://Abcdefghijklmnop",
			[]string{"http://app.example:8080", "chrome-extension://abcdefghijklmnop"},
			[]string{"http://app.example", "https://app.example:8080", "chrome-extension://a", "chrome-extension://abcdefghijklmnop:80", "moz-extension://abcdefghijklmnop"},
		},
		{
			"*.gramener.com",
			[]string{"https://www.gramener.com", "http://a.b.gramener.com:99"},
			[]string{"https://gramener.com", "https://evilgramener.com", "https://.gramener.com"},
		},
		{
			"*.gramener.com:8443",
			[]string{"https://www.gramener.com:8443"},
			[]string{"https://www.gramener.com", "https://gramener.com:8443"},
		},
		{
			"Bücher.example",
			[]string{"https://xn--bcher-kva.example", "https://XN--BCHER-KVA.example", "https://bücher.example", "https://BÜCHER.example", "https://www.bücher。example", "https://bu\u0308cher.example"},
			[]string{"https://bucher.example", "https://xn--bcher-kvb.example", "https://xn--.bücher.example"},
		},
		{
			"xn--bcher-kva.example faß.de my_host.example",
			[]string{"https://bücher.example", "https://xn--fa-hia.de", "https://my_host.example", "https://a--b.my_host.example"},
			[]string{"https://fass.de"},
		},
		{
			"[::1] [2001:DB8:0:0::1]:8443",
			[]string{"http://[::1]", "http://[::1]:9988", "http://[0:0:0:0:0:0:0:1]", "https://[2001:db8::1]:8443"},
			[]string{"http://::1", "http://[::1", "http://[::1]x", "http://[::1]:", "http://[::1%25eth0]", "http://[::1%eth0]", "http://a.[::1]", "https://[2001:db8::1]", "http://[127.0.0.1]", "http://[]"},
		},
		{"null", []string{"null"}, []string{"https://null", "Null", "null, null", "null ", "http://a"}},
		{"", nil, []string{"https://gramener.com", "null", "nonsense"}},
	} {
		t.Run(tc.entries, func(t *testing.T) {
			o, err := auth.ParseOrigins(strings.Fields(tc.entries))
			if err != nil {
				t.Fatal(err)
			}
			for _, origin := range tc.allowed {
				if !o.Allows(http.Header{"Origin": {origin}}) {
					t.Errorf("%q is refused", origin)
				}
			}
			for _, origin := range tc.refused {
				if o.Allows(http.Header{"Origin": {origin}}) {
					t.Errorf("%q is allowed", origin)
				}
			}
			if !o.Allows(http.Header{}) {
				t.Error("a request without Origin is refused")
			}
			for _, twice := range [][]string{{"https://gramener.com", "https://evil.com"}, {"https://gramener.com", "https://gramener.com"}} {
				if o.Allows(http.Header{"Origin": twice}) {
					t.Errorf("two Origins %q are allowed", twice)
				}
			}
		})
	}
}

func TestNoOriginsAreAll(t *testing.T) {
	var all *auth.Origins
	for _, origin := range []string{"https://evil.com", "null", "", "nonsense"} {
		if !all.Allows(http.Header{"Origin": {origin}}) {
			t.Errorf("%q is refused though origins: is not set", origin)
		}
	}
}

func TestEverybody(t *testing.T) {
	all, err := auth.ParseOrigins([]string{"*"})
	if err != nil || auth.CheckOrigin("*") != nil {
		t.Fatalf("* is refused: %v", err)
	}
	for _, origins := range [][]string{{"https://evil.com"}, {"null"}, {""}, {"nonsense"}, {"https://a", "https://b"}, nil} {
		if !all.Allows(http.Header{"Origin": origins}) {
			t.Errorf("%q is refused", origins)
		}
	}
	for _, beside := range [][]string{{"*", "a.example"}, {"a.example", "*"}} {
		_, err := auth.ParseOrigins(beside)
		if want := `"*": means everybody and stands alone; remove it or the other entries`; err == nil || err.Error() != want {
			t.Errorf("%q: error = %v, want %s", beside, err, want)
		}
	}
	some, err := auth.ParseOrigins([]string{"a.example"})
	if err != nil {
		t.Fatal(err)
	}
	var unset *auth.Origins
	if !all.Everybody() || some.Everybody() || unset.Everybody() {
		t.Errorf("everybody: *: %v, a.example: %v, unset: %v", all.Everybody(), some.Everybody(), unset.Everybody())
	}
}

func TestBadOriginEntries(t *testing.T) {
	for entry, want := range map[string]string{
		"":                              "an empty entry allows nobody; write * alone to allow everybody",
		"**":                            "has '*', which is no part of a host",
		".gramener.com":                 "begins with a dot; write *.gramener.com for its subdomains only",
		"*..gramener.com":               "begins with a dot; write *.gramener.com for its subdomains only",
		"*.":                            `"" has an empty label`,
		"*.127.0.0.1":                   "an address has no subdomains",
		"https://*.gramener.com":        "has '*', which is no part of a host",
		"https://gramener.com/":         "has '/', which is no part of a host",
		"https://gramener.com/chat":     "has '/', which is no part of a host",
		"gramener.com/":                 "has '/', which is no part of a host",
		"https://me@gramener.com":       "has '@', which is no part of a host",
		"gramener.com, localhost":       "has ' ', which is no part of a host",
		" ":                             "has ' ', which is no part of a host",
		"://gramener.com":               "its scheme is none",
		"1a://gramener.com":             "its scheme is none",
		"gramener.com:":                 `"" is no port`,
		"gramener.com:http":             `"http" is no port`,
		"gramener.com:99999":            `"99999" is no port`,
		"::1":                           "has more than one colon; an IPv6 address stands in brackets: [::1]",
		"[::1":                          "its [ has no ]",
		"[::g]":                         "[::g] is no IPv6 address",
		"127.0.0":                       `"127.0.0" ends with a number and is no IPv4 address`,
		"gramener..com":                 `"gramener..com" has an empty label`,
		"$HOST":                         "has '$', which is no part of a host",
		strings.Repeat("a", 64):         `"` + strings.Repeat("a", 64) + `" has a label of more than 63 characters`,
		strings.Repeat("a.", 127) + "b": "is too long for a host name",
	} {
		if err := auth.CheckOrigin(entry); err == nil || err.Error() != want {
			t.Errorf("CheckOrigin(%q) = %v, want %s", entry, err, want)
		}
	}
}

func TestParseOriginsNamesEveryBadEntry(t *testing.T) {
	_, err := auth.ParseOrigins([]string{"", "a.example", "b/"})
	want := "\"\": an empty entry allows nobody; write * alone to allow everybody\n\"b/\": has '/', which is no part of a host"
	if err == nil || err.Error() != want {
		t.Errorf("error = %v\nwant    %s", err, want)
	}
}

func FuzzOrigins(f *testing.F) {
	for _, entry := range []string{"gramener.com", "https://gramener.com", "*.gramener.com", "[::1]:80", "127.0.0.1", "bücher.example", "null", "localhost:9988"} {
		for _, origin := range []string{"https://gramener.com", "https://evilgramener.com", "http://[::1]", "null", "https://a@b", "http://xn--bcher-kva.example", "https://a。b:1"} {
			f.Add(entry, origin)
		}
	}
	f.Fuzz(func(t *testing.T, entry, from string) {
		o, err := auth.ParseOrigins([]string{entry})
		if (err == nil) != (auth.CheckOrigin(entry) == nil) {
			t.Fatalf("ParseOrigins and CheckOrigin disagree on %q: %v", entry, err)
		}
		if err != nil || o.Everybody() || !o.Allows(http.Header{"Origin": {from}}) {
			return
		}
		if from == "null" {
			if entry != "null" {
				t.Fatalf("%q allows null", entry)
			}
			return
		}
		_, host, ok := strings.Cut(from, "://")
		if !ok || host == "" || strings.ContainsAny(host, "/?#@\\ \t\r\n,%") {
			t.Fatalf("%q allows %q", entry, from)
		}
		if again, err := auth.ParseOrigins([]string{from}); err != nil || !again.Allows(http.Header{"Origin": {from}}) {
			t.Fatalf("%q was allowed, and as an entry does not allow itself: %v", from, err)
		}
		// Whoever stands before the host is another site.
		if o.Allows(http.Header{"Origin": {from + ".evil.example"}}) && !strings.HasSuffix(entry, "evil.example") {
			t.Fatalf("%q allows %q with .evil.example behind it", entry, from)
		}
	})
}
