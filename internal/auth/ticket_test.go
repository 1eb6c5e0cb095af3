package auth_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
)

func issue(t *testing.T, tickets *auth.Tickets, ticket auth.Ticket) string {
	t.Helper()
	text, err := tickets.Issue(ticket)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// noTicket fails unless the ticket is refused with this reason, which does not
// tell it.
func noTicket(t *testing.T, tickets *auth.Tickets, text, endpoint, reason string) {
	t.Helper()
	_, err := tickets.Reserve(text, endpoint)
	if !errors.Is(err, auth.ErrToken) || err.Error() != "ticket refused: "+reason {
		t.Errorf("error = %v, want %s", err, reason)
	}
}

var chatTicket = auth.Ticket{Endpoint: "chat", Session: "s1", User: parley.ParseUser([]byte(`{"id":"ann"}`))}

func TestTicketOpensOnce(t *testing.T) {
	tickets := auth.NewTickets(0)
	text := issue(t, tickets, chatTicket)
	if len(text) != 43 || strings.Trim(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
		t.Errorf("ticket %q", text)
	}
	r, err := tickets.Reserve(text, "chat")
	if err != nil || r.Ticket.Session != "s1" || r.Ticket.User.ID() != "ann" {
		t.Fatalf("ticket = %v, error = %v", r, err)
	}
	noTicket(t, tickets, text, "chat", "in use at this moment")
	r.Return()
	r, err = tickets.Reserve(text, "chat")
	if err != nil {
		t.Fatal(err)
	}
	r.Use()
	r.Return()
	noTicket(t, tickets, text, "chat", "unknown, used or expired")
}

// Who has given a ticket back has no say in what becomes of it.
func TestTicketReturnedTwice(t *testing.T) {
	tickets := auth.NewTickets(0)
	text := issue(t, tickets, chatTicket)
	first, err := tickets.Reserve(text, "chat")
	must(err)
	first.Return()
	second, err := tickets.Reserve(text, "chat")
	must(err)
	first.Return()
	noTicket(t, tickets, text, "chat", "in use at this moment")
	first.Use()
	second.Return()
	third, err := tickets.Reserve(text, "chat")
	must(err)
	third.Use()
}

func TestTicketOfAnotherEndpoint(t *testing.T) {
	tickets := auth.NewTickets(0)
	text := issue(t, tickets, chatTicket)
	noTicket(t, tickets, text, "admin", "it is for another endpoint")
	noTicket(t, tickets, text, "", "it is for another endpoint")
	noTicket(t, auth.NewTickets(0), text, "chat", "unknown, used or expired")
	if _, err := tickets.Reserve(text, "chat"); err != nil {
		t.Errorf("a wrong try has used it up: %v", err)
	}
}

func TestTicketsThatAreNone(t *testing.T) {
	tickets := auth.NewTickets(0)
	text := issue(t, tickets, chatTicket)
	for _, bad := range []string{"", "a", text[:42], text + "A", text + "=", strings.Repeat("a", 1<<20)} {
		noTicket(t, tickets, bad, "chat", "it is none")
	}
	for _, bad := range []string{strings.ToUpper(text), strings.Repeat("A", 43), strings.Repeat("\x00", 43)} {
		noTicket(t, tickets, bad, "chat", "unknown, used or expired")
	}
}

func TestTicketExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := auth.NewTickets(0)
		if tickets.Validity() != 30*time.Second {
			t.Errorf("valid for %v", tickets.Validity())
		}
		early, late, kept, returned := issue(t, tickets, chatTicket), issue(t, tickets, chatTicket), issue(t, tickets, chatTicket), issue(t, tickets, chatTicket)
		opening, err := tickets.Reserve(kept, "chat")
		must(err)
		closing, err := tickets.Reserve(returned, "chat")
		must(err)
		time.Sleep(30*time.Second - time.Millisecond)
		r, err := tickets.Reserve(early, "chat")
		must(err)
		r.Use()
		time.Sleep(time.Millisecond)
		noTicket(t, tickets, late, "chat", "unknown, used or expired")
		// A handshake may take until after its ticket's end.
		opening.Use()
		closing.Return()
		noTicket(t, tickets, kept, "chat", "unknown, used or expired")
		noTicket(t, tickets, returned, "chat", "unknown, used or expired")
	})
}

func TestTicketsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tickets := auth.NewTickets(10 * time.Second)
		var last string
		for range 100 {
			last = issue(t, tickets, chatTicket)
		}
		if _, err := tickets.Issue(chatTicket); !errors.Is(err, parley.ErrUnavailable) || errors.Is(err, auth.ErrToken) {
			t.Errorf("the 101st of a session: %v", err)
		}
		r, err := tickets.Reserve(last, "chat")
		must(err)
		if _, err := tickets.Issue(chatTicket); err == nil {
			t.Error("a reserved ticket does not count")
		}
		r.Use()
		issue(t, tickets, chatTicket)

		for n := range 999 * 100 {
			issue(t, tickets, auth.Ticket{Endpoint: "chat", Session: fmt.Sprint("other", n/100)})
		}
		if _, err := tickets.Issue(auth.Ticket{Session: "one more"}); !errors.Is(err, parley.ErrUnavailable) {
			t.Errorf("the 100,001st: %v", err)
		}
		time.Sleep(10 * time.Second)
		for range 100 {
			issue(t, tickets, chatTicket)
		}
	})
}

func TestTicketRace(t *testing.T) {
	tickets := auth.NewTickets(time.Hour)
	for range 50 {
		text := issue(t, tickets, chatTicket)
		var open atomic.Int32
		var all sync.WaitGroup
		for n := range 16 {
			all.Go(func() {
				r, err := tickets.Reserve(text, "chat")
				switch {
				case err != nil:
				case n%4 == 0:
					r.Return()
				default:
					open.Add(1)
					r.Use()
				}
			})
		}
		all.Wait()
		if open.Load() > 1 {
			t.Fatalf("one ticket has opened %d", open.Load())
		}
	}
}
