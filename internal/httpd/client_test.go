package httpd_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley/internal/httpd"
)

// clients is a server that tells ClientAddr of each request.
func clients(log *records) (ask func(peer, headers string) (netip.Addr, bool)) {
	var addr netip.Addr
	var ok bool
	s := httpd.New(httpd.Options{
		Log: log.logger(),
		TrustedProxies: []netip.Prefix{
			netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"),
		},
		Routes: []httpd.Route{route("/", func(_ http.ResponseWriter, r *http.Request) { addr, ok = httpd.ClientAddr(r) })},
	})
	return func(peer, headers string) (netip.Addr, bool) {
		get(s, "/", func(r *http.Request) {
			r.RemoteAddr = peer
			for line := range strings.SplitSeq(headers, "|") {
				if name, value, ok := strings.Cut(line, ": "); ok {
					r.Header.Add(name, value)
				}
			}
		})
		return addr, ok
	}
}

func TestClientAddr(t *testing.T) {
	ask := clients(&records{})
	for _, tt := range []struct {
		name, peer, headers string
		want                string // "" is not to be counted
	}{
		{"direct", "203.0.113.9:5000", "", "203.0.113.9"},
		{"direct, pretending to be a proxy", "203.0.113.9:5000", "X-Real-Ip: 1.2.3.4", "203.0.113.9"},
		{"direct, mapped", "[::ffff:203.0.113.9]:5000", "", "203.0.113.9"},
		{"direct, IPv6", "[2001:db8:1:2:3:4:5:6]:5000", "", "2001:db8:1:2::"},
		{"direct, IPv6 with a zone", "[fe80::7%eth0]:5000", "", "fe80::"},
		{"through a proxy", "127.0.0.1:5000", "X-Real-Ip: 203.0.113.9", "203.0.113.9"},
		{"through two", "127.0.0.1:5000", "X-Forwarded-For: 6.6.6.6, 203.0.113.9, 10.0.0.7", "203.0.113.9"},
		{"through a proxy, IPv6", "127.0.0.1:5000", "X-Real-Ip: 2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"},

		{"a proxy that names nobody", "10.0.0.7:5000", "", ""},
		{"a proxy that names nobody, IPv6", "[fd00::7]:5000", "", ""},
		{"a proxy that names nonsense", "127.0.0.1:5000", "X-Real-Ip: unknown", ""},
		{"a proxy that names only a scheme", "127.0.0.1:5000", "X-Scheme: https", ""},
		{"a proxy behind another that names nobody", "127.0.0.1:5000", "X-Real-Ip: 10.0.0.7", ""},
		{"a list of proxies", "127.0.0.1:5000", "X-Forwarded-For: 10.0.0.9, 10.0.0.8", ""},
		{"no address", "@", "X-Real-Ip: 203.0.113.9", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			addr, ok := ask(tt.peer, tt.headers)
			if ok != (tt.want != "") || ok && addr.String() != tt.want || !ok && addr.IsValid() {
				t.Errorf("%v, %t, want %q", addr, ok, tt.want)
			}
		})
	}
	if addr, ok := httpd.ClientAddr(httptest.NewRequest(http.MethodGet, "/", nil)); ok {
		t.Errorf("a request of no server comes from %v", addr)
	}
}

func TestQuietClientAddr(t *testing.T) {
	var log records
	var addr netip.Addr
	var ok bool
	s := httpd.New(httpd.Options{
		Log: log.logger(), TrustedProxies: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Routes: []httpd.Route{route("/", func(_ http.ResponseWriter, r *http.Request) { addr, ok = httpd.QuietClientAddr(r) })},
	})
	for peer, want := range map[string]string{
		"203.0.113.9:5000":            "203.0.113.9",
		"[2001:db8:1:2:3:4:5:6]:5000": "2001:db8:1:2::",
		"127.0.0.1:5000":              "",
	} {
		get(s, "/", func(r *http.Request) { r.RemoteAddr = peer })
		if ok != (want != "") || ok && addr.String() != want {
			t.Errorf("%s: %v, %t, want %q", peer, addr, ok, want)
		}
	}
	for _, line := range log.lines(t) {
		if line["level"] == "WARN" {
			t.Errorf("logged %v", line)
		}
	}
}

func TestProxiesThatNameNobodyAreToldOnceAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log records
		ask := clients(&log)
		told := func() (proxies []string) {
			for _, line := range log.lines(t) {
				if line["level"] == "WARN" {
					proxies = append(proxies, fmt.Sprint(line["proxy"]))
				}
			}
			return proxies
		}
		for range 59 {
			ask("127.0.0.1:5000", "X-Real-Ip: 10.0.0.7")
			ask("127.0.0.1:5001", "")
			ask("127.0.0.1:5002", "X-Real-Ip: 203.0.113.9")
			time.Sleep(time.Minute)
		}
		if got := told(); len(got) != 2 || got[0] != "10.0.0.7" || got[1] != "127.0.0.1" {
			t.Errorf("told of %v within an hour, want each of the two proxies once", got)
		}
		time.Sleep(time.Minute)
		ask("127.0.0.1:5001", "")
		if got := told(); len(got) != 3 {
			t.Errorf("told of %v after an hour, want one more", got)
		}
		for i := range 1000 {
			ask(fmt.Sprintf("10.1.%d.%d:5000", i/250, i%250), "")
		}
		if n := len(told()); n > 300 {
			t.Errorf("told %d times: the memory is not bounded", n)
		}
		time.Sleep(time.Hour)
		ask("10.9.9.9:5000", "")
		if got := told(); got[len(got)-1] != "10.9.9.9" {
			t.Errorf("the last told is %s: once there were many, nothing is told any more", got[len(got)-1])
		}
	})
}
