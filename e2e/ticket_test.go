package e2e_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// ticketApp gives tickets for two sockets; the second is for pages of
// gramener.com.
const ticketApp = loginApp + `
  news:
    pattern: /news
    handler: WebSocketHandler
    kwargs: {open: app.opened, token: {ticket: true}}
  orders:
    pattern: /orders
    handler: WebSocketHandler
    kwargs: {open: app.opened, token: {ticket: true}, origins: gramener.com}
`

func serveTickets(t *testing.T) *server {
	t.Helper()
	return serve(t, app(t, map[string]string{"gramex.yaml": ticketApp, "app.star": socketsScript}))
}

// ticket gets one for the socket at path.
func (v *visitor) ticket(path string) string {
	v.t.Helper()
	answer, text := v.ask(http.MethodPost, path, "", "Origin: "+v.url)
	var got struct{ Ticket string }
	if err := json.Unmarshal([]byte(text), &got); err != nil || answer.StatusCode != 200 || got.Ticket == "" {
		v.t.Fatalf("asking for a ticket: %s %q", answer.Status, text)
	}
	return got.Ticket
}

// However many come at once, one of them gets in.
func TestTicketIsForOneSocket(t *testing.T) {
	s := serveTickets(t)
	alice := s.visitor()
	alice.logIn("alice", "wonderland")
	for range 5 {
		path := "/news?ticket=" + alice.ticket("/news")
		const many = 8
		heard := make([]string, many)
		var done sync.WaitGroup
		for i := range heard {
			stranger := s.visitor()
			done.Go(func() {
				c, err := stranger.open(path)
				switch {
				case err == nil:
					_, text, _ := c.Read(t.Context())
					heard[i] = string(text)
				case c.response != nil:
					heard[i] = c.response.Status[:3]
				}
			})
		}
		done.Wait()
		in, out := 0, 0
		for _, text := range heard {
			if strings.HasPrefix(text, "alice ") {
				in++
			} else if text == "401" {
				out++
			}
		}
		if in != 1 || out != many-1 {
			t.Errorf("of %d with one ticket: %q, want one alice", many, heard)
		}
		if got := s.visitor().hears(path); got != "401" {
			t.Errorf("afterwards: %s, want 401", got)
		}
	}
}

// What a ticket does not open does not use it up; what it opens is decided when
// it is used.
func TestTicketsThatAreRefused(t *testing.T) {
	s := serveTickets(t)
	alice, stranger := s.visitor(), s.visitor()
	alice.logIn("alice", "wonderland")
	ticket := alice.ticket("/orders")
	path := "/orders?ticket=" + ticket
	for _, tc := range []struct{ path, header, want string }{
		{path, "Origin: https://evil.example", "403"},
		{path, "Origin: null", "403"},
		{path + "&ticket=" + ticket, "", "400"},
		{"/news?ticket=" + ticket, "", "401"},
		{"/orders?ticket=" + ticket[:len(ticket)-1], "", "401"},
		{"/orders?ticket=", "", "401"},
		{"/orders?token=" + ticket, "", "401"},
	} {
		var header []string
		if tc.header != "" {
			header = append(header, tc.header)
		}
		if got := stranger.hears(tc.path, header...); got != tc.want {
			t.Errorf("%s with %q: %s, want %s", tc.path, tc.header, got, tc.want)
		}
	}
	if answer, _ := stranger.ask("GET", path, ""); answer.StatusCode != 426 {
		t.Errorf("a page for a ticket: %s, want 426", answer.Status)
	}
	if got := stranger.hears(path, "Origin: https://gramener.com"); !strings.HasPrefix(got, "alice ") {
		t.Errorf("after all that: %q, want alice", got)
	}

	// Those who may not have one.
	for _, header := range [][]string{{"Origin: https://gramener.com"}, {"Origin: null"}, {"Sec-Fetch-Site: same-site"}, {"Sec-Fetch-Site: cross-site"}} {
		if answer, text := alice.ask("POST", "/orders", "", header...); answer.StatusCode != 403 {
			t.Errorf("asked by a page with %q: %s %q, want 403", header, answer.Status, text)
		}
	}
	if answer, text := stranger.ask("POST", "/orders", ""); answer.StatusCode != 401 {
		t.Errorf("asked by nobody: %s %q, want 401", answer.Status, text)
	}

	late := alice.ticket("/news")
	if answer, _ := alice.ask("POST", "/logout", ""); answer.StatusCode != 303 {
		t.Fatalf("logging out: %s", answer.Status)
	}
	if got := stranger.hears("/news?ticket=" + late); got != "401" {
		t.Errorf("after the logout: %s, want 401", got)
	}
}
