package endpoint_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/session"
)

// ticket gets one for a cookie.
func (st *stage) ticket(cookie string) string {
	st.t.Helper()
	resp, body := st.get("POST", http.Header{"Cookie": {cookie}})
	if resp.StatusCode != http.StatusOK {
		st.t.Fatalf("no ticket: %d %s", resp.StatusCode, body)
	}
	var got struct {
		Ticket    string
		ExpiresIn int `json:"expires_in"`
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil || got.Ticket == "" || got.ExpiresIn != 30 {
		st.t.Fatalf("got %s", body)
	}
	for name, want := range map[string]string{"Cache-Control": "no-store", "Content-Type": "application/json"} {
		if got := resp.Header.Get(name); got != want {
			st.t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	return got.Ticket
}

// TestATicketOpensOneSocket for whoever has got it, without the cookie; and
// that ends with the session.
func TestATicketOpensOneSocket(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{Guard: st.guard(endpoint.GuardOptions{Rule: traders}), Tickets: auth.NewTickets(0)})
		cookie, id := st.logIn(user("alice", "trader"), session.Terms{})
		ticket := st.ticket(cookie)
		bob, _ := st.logIn(user("bob", "trader"), session.Terms{}) // the ticket says who, not the cookie
		p := st.dialAt("/x?a=1&ticket="+ticket, websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {bob}}})
		if cookie := p.response.Header.Get("Set-Cookie"); cookie != "" {
			t.Errorf("a ticket sets the cookie %s", cookie)
		}
		info := st.puppet.Stream(t, 0).info
		if info.Session.ID() != id || call.CurrentUser(info.User, info.Session).ID() != "alice" {
			t.Errorf("opened with session %s, want alice's", info.Session.ID())
		}
		if got := info.Request.URL.RequestURI(); got != "/x?a=1" {
			t.Errorf("functions see %s", got)
		}
		if resp, _ := st.getAt("/x?ticket="+ticket, "GET", upgrade()); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("used again: %d", resp.StatusCode)
		}
		if lines := st.log.With(ticket); len(lines) > 0 {
			t.Errorf("the ticket stands in the log: %q", lines)
		}
		if err := st.sessions.Destroy(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		p.ends(4401, "the session has ended")
		synctest.Wait()
		if live := st.sessions.Stats().Live; live != 0 {
			t.Errorf("%d sessions are held", live)
		}
	})
}

// TestWhoGetsATicket: whoever would get in, by cookie, from a page of the same
// site.
func TestWhoGetsATicket(t *testing.T) {
	for _, tc := range []struct {
		name   string
		who    parley.User
		header http.Header
		rule   *auth.Rule
		answer answers
		status int
		body   string
	}{
		{name: "nobody", status: 401, body: "a ticket needs the session's cookie"},
		{name: "no member", who: user("bob", "guest"), status: 403, body: "you are logged in, but this is not for you"},
		{
			name: "no member, where auth is about GET", who: user("bob", "guest"), rule: &auth.Rule{Membership: traders.Membership, Methods: []string{"GET"}},
			status: 403, body: "you are logged in, but this is not for you",
		},
		{name: "not who the condition is for", who: user("alice", "trader"), answer: says(), status: 403, body: "you are logged in, but this is not for you"},
		{
			name: "a foreign page", who: user("alice", "trader"), header: http.Header{"Origin": {"https://evil.example"}},
			status: 403, body: "pages of this origin get no ticket here",
		},
		{
			name: "a page on another port", who: user("alice", "trader"), header: http.Header{"Sec-Fetch-Site": {"same-site"}},
			status: 403, body: "pages of this origin get no ticket here",
		},
		{name: "a member", who: user("alice", "trader"), answer: says(call.Condition), status: 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.puppet.answer = tc.answer
				if tc.rule == nil {
					tc.rule = traders
				}
				st.serve(endpoint.Options{
					Guard:   st.guard(endpoint.GuardOptions{Rule: tc.rule, Judges: st.judges(call.Condition)}),
					Tickets: auth.NewTickets(0), Origins: origins(t, "evil.example"), // listed for sockets only
				})
				header := tc.header.Clone()
				if header == nil {
					header = http.Header{}
				}
				if tc.who != nil {
					cookie, _ := st.logIn(tc.who, session.Terms{})
					header.Set("Cookie", cookie)
				}
				resp, body := st.get("POST", header)
				if resp.StatusCode != tc.status || tc.status != 200 && body != tc.body+"\n" {
					t.Errorf("%d %q, want %d %q", resp.StatusCode, body, tc.status, tc.body)
				}
				st.untouched(resp)
				if n := len(st.log.With("msg=refused", "method=")); tc.status != 200 && n != 1 {
					t.Errorf("logged %q, want one line", st.log.With(""))
				}
			})
		})
	}
}

// TestTicketsThatOpenNothing: their time is over, or their session's.
func TestTicketsThatOpenNothing(t *testing.T) {
	for _, tc := range []struct {
		name   string
		before func(t *testing.T, st *stage, id string)
		why    string
	}{
		{"too late", func(*testing.T, *stage, string) { time.Sleep(30 * time.Second) }, "unknown, used or expired"},
		{"after the logout", func(t *testing.T, st *stage, id string) {
			if err := st.sessions.Destroy(t.Context(), id); err != nil {
				t.Fatal(err)
			}
		}, "the ticket's session has ended"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.serve(endpoint.Options{Guard: st.guard(endpoint.GuardOptions{Rule: traders}), Tickets: auth.NewTickets(0)})
				cookie, id := st.logIn(user("alice", "trader"), session.Terms{})
				ticket := st.ticket(cookie)
				tc.before(t, st, id)
				resp, _ := st.getAt("/x?ticket="+ticket, "GET", upgrade("Cookie", cookie))
				if resp.StatusCode != http.StatusUnauthorized {
					t.Errorf("status %d, want 401", resp.StatusCode)
				}
				if n := len(st.log.With(tc.why)); n != 1 {
					t.Errorf("logged %q, want one line with %s", st.log.With(""), tc.why)
				}
			})
		})
	}
}

// TestARefusedHandshakeUsesNoTicket up.
func TestARefusedHandshakeUsesNoTicket(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		ready := parley.ErrUnavailable
		st.puppet.ready = func(context.Context) error { return ready }
		st.serve(endpoint.Options{
			Guard: st.guard(endpoint.GuardOptions{Rule: traders}), Tickets: auth.NewTickets(0), Origins: origins(t, "gramener.com"),
		})
		cookie, _ := st.logIn(user("alice", "trader"), session.Terms{})
		path := "/x?ticket=" + st.ticket(cookie)
		for _, tc := range []struct {
			header http.Header
			status int
		}{
			{upgrade("Origin", "https://evil.example"), http.StatusForbidden},
			{http.Header{}, http.StatusUpgradeRequired},
			{upgrade(), http.StatusServiceUnavailable},
		} {
			if resp, _ := st.getAt(path, "GET", tc.header); resp.StatusCode != tc.status {
				t.Errorf("status %d, want %d", resp.StatusCode, tc.status)
			}
		}
		ready = nil
		resp, body := st.getAt(path, "GET", upgrade())
		if resp.StatusCode != http.StatusSwitchingProtocols {
			t.Fatalf("the ticket is not good any more: %d %s", resp.StatusCode, body)
		}
	})
}

// TestOneTicketAtATime: of two handshakes at once, one is open.
func TestOneTicketAtATime(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		goOn := make(chan struct{})
		st.puppet.ready = func(context.Context) error {
			<-goOn
			return nil
		}
		st.serve(endpoint.Options{Guard: st.guard(endpoint.GuardOptions{Rule: traders}), Tickets: auth.NewTickets(0)})
		cookie, _ := st.logIn(user("alice", "trader"), session.Terms{})
		path := "/x?ticket=" + st.ticket(cookie)
		status := make(chan int)
		for range 2 {
			go func() {
				resp, _ := st.getAt(path, "GET", upgrade())
				status <- resp.StatusCode
			}()
		}
		if got := <-status; got != http.StatusUnauthorized {
			t.Errorf("the first answer is %d, want 401", got)
		}
		close(goOn)
		if got := <-status; got != http.StatusSwitchingProtocols {
			t.Errorf("the second answer is %d, want 101", got)
		}
	})
}
