package e2e_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

// Links to our login that would lead on to another site. What counts is how a
// browser reads them: the same text is a path for one program and a host for
// another.
func TestBrowserOpenRedirect(t *testing.T) {
	var visits atomic.Int32
	foreign := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		visits.Add(1)
		w.WriteHeader(http.StatusOK)
	}))
	defer foreign.Close()
	evil := strings.TrimPrefix(strings.Replace(foreign.URL, "127.0.0.1", "localhost", 1), "http://")
	s := serveLogin(t)
	b := openBrowser(t)
	p := b.open(s.url + "/login?next=" + url.QueryEscape("http://"+evil+"/"))
	p.excuse = "the server responded with a status of"
	p.logIn("alice", "wonderland")
	p.wait("location.href === '" + s.url + "/'")
	for _, next := range []string{
		"http://EVIL/", "HTTP:EVIL", "http:/EVIL", "http:EVIL", "//EVIL/", "///EVIL/", "////EVIL", `\\EVIL`, `/\EVIL/`, `\/EVIL`, `/\/EVIL`,
		"/\t/EVIL", "\t//EVIL", "/\n/EVIL", "/\r\n/EVIL", " //EVIL", "\x00//EVIL", "/\x00/EVIL", "/%2fEVIL", "/%5cEVIL", "/.//EVIL", "/x/..//EVIL",
		"/me/../../\\EVIL", "http://HOST@EVIL/", "http://HOST:x@EVIL/", "//HOST@EVIL", "@EVIL", "?//EVIL", "#//EVIL", "javascript:location='http://EVIL'",
		"data:text/html,<script>location='http://EVIL'</script>", "//localhost\u3002:1@EVIL", "/\u2028/EVIL", "/\u00a0/EVIL", "\u3000//EVIL",
	} {
		next = strings.NewReplacer("EVIL", evil, "HOST", strings.TrimPrefix(s.url, "http://")).Replace(next)
		p.do("opening the link", chromedp.Navigate(s.url+"/login?next="+url.QueryEscape(next)))
		p.wait("document.readyState === 'complete'")
		if at := evaluate[string](p, "location.href"); !strings.HasPrefix(at, s.url+"/") {
			t.Errorf("%q leads to %s", next, at)
		}
	}
	if n := visits.Load(); n > 0 {
		t.Errorf("the other site was visited %d times", n)
	}
}
