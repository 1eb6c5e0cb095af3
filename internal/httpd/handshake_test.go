package httpd_test

import (
	"net/http"
	"sync"
	"testing"

	"parley.example/parley/internal/httpd"
)

func TestHandshakesUnderWayAreBounded(t *testing.T) {
	var log records
	begun, finish := make(chan struct{}), make(chan struct{})
	wait := func(http.ResponseWriter, *http.Request) {
		begun <- struct{}{}
		<-finish
	}
	s := httpd.New(httpd.Options{
		MaxHandshakes: 3, Log: log.logger(),
		Routes: []httpd.Route{
			socket("/a", wait), socket("/b", wait),
			socket("/panic", func(http.ResponseWriter, *http.Request) { panic("a mistake") }),
			route("/page", func(http.ResponseWriter, *http.Request) {}),
		},
	})
	for range 10 {
		if w := get(s, "/panic"); w.Code != 500 { // it gives its place back
			t.Fatalf("panic: %d", w.Code)
		}
	}
	var all sync.WaitGroup
	for _, path := range []string{"/a", "/b", "/a"} {
		all.Go(func() { get(s, path) })
		<-begun
	}
	for range 5 {
		w := get(s, "/b")
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "2" {
			t.Errorf("beyond the bound: %d %v", w.Code, w.Header())
		}
	}
	if w := get(s, "/page"); w.Code != 200 {
		t.Errorf("a page meanwhile: %d", w.Code)
	}
	if got := s.Stats(); got.Handshakes != 3 || got.Busy != 5 || got.Panics != 10 || got.Requests != 19 {
		t.Errorf("stats = %+v, want 3 handshakes, 5 refused, 10 panics, 19 requests", got)
	}
	close(finish)
	all.Wait()
	all.Go(func() { get(s, "/a") })
	<-begun
	all.Wait()
	if got := s.Stats(); got.Handshakes != 0 || got.Busy != 5 {
		t.Errorf("stats = %+v, want no handshake and 5 refused", got)
	}
	warned := 0
	for _, line := range log.lines(t) {
		if line["level"] == "WARN" {
			warned++
		}
	}
	if warned != 1 {
		t.Errorf("%d warnings, want one", warned)
	}
}

func TestBadRequestsAreCounted(t *testing.T) {
	s := httpd.New(httpd.Options{})
	get(s, "/a%0Ab")
	get(s, "/../x")
	get(s, "/nothing")
	if got := s.Stats(); got.BadRequests != 2 || got.Requests != 3 {
		t.Errorf("stats = %+v, want 2 bad of 3", got)
	}
}
