package hub_test

import (
	"slices"
	"testing"

	"parley.example/parley/internal/hub"
)

// A slowHome receives when it is told to settle, and not before.
type slowHome struct {
	to    []hub.Receiver
	items [][]any
}

func (h *slowHome) Post(to hub.Receiver, item any) {
	if n := len(h.to); n > 0 && h.to[n-1] == to {
		h.items[n-1] = append(h.items[n-1], item)
		return
	}
	h.to, h.items = append(h.to, to), append(h.items, []any{item})
}

func (h *slowHome) Settle() {
	for i, to := range h.to {
		to.Receive(h.items[i])
	}
	h.to, h.items = nil, nil
}

// A lodger is a member with a home.
type lodger struct {
	log
	home hub.Home
	runs int // calls of Deliver
}

func (l *lodger) Deliver(fs []hub.Frame) { l.runs++; l.log.Deliver(fs) }
func (l *lodger) Home() hub.Home         { return l.home }

func wantLog(t *testing.T, who string, l *log, want ...string) {
	t.Helper()
	if !slices.Equal(l.got, want) {
		t.Errorf("%s got %q, want %q", who, l.got, want)
	}
}

func TestAHomeGetsPublicationsOnceForItsMembers(t *testing.T) {
	h := newHub(hub.Options{})
	here, there := &slowHome{}, &slowHome{}
	a, b, c, free := &lodger{home: here}, &lodger{home: here}, &lodger{home: there}, &log{}
	for _, m := range []hub.Member{a, b, c, free} {
		h.Subscribe("lobby", m)
	}
	for _, s := range []string{"1", "2", "3"} {
		h.Publish("lobby", text(s), nil)
	}
	wantLog(t, "a member without a home", free, "1", "2", "3")
	wantLog(t, "a member whose home has not settled", &a.log)
	if len(here.to) != 1 || len(there.to) != 1 || len(here.items[0]) != 3 {
		t.Errorf("posted: %d and %d receivers, %v", len(here.to), len(there.to), here.items)
	}
	here.Settle()
	wantLog(t, "a", &a.log, "1", "2", "3")
	wantLog(t, "b", &b.log, "1", "2", "3")
	wantLog(t, "c", &c.log)
	if a.runs != 1 {
		t.Errorf("three publications were delivered in %d calls", a.runs)
	}
	if n := h.Stats().Deliveries; n != 9 {
		t.Errorf("%d deliveries are counted, want 9", n)
	}
}

// Who comes after a publication does not hear it, though others have yet to.
func TestLateMembersMissWhatIsOnItsWay(t *testing.T) {
	h := newHub(hub.Options{})
	home := &slowHome{}
	first, second, third := &lodger{home: home}, &lodger{home: home}, &lodger{home: home}
	h.Subscribe("lobby", first)
	h.Publish("lobby", text("1"), nil)
	h.Subscribe("lobby", second)
	h.Publish("lobby", text("2"), nil)
	h.Subscribe("lobby", third)
	home.Settle()
	wantLog(t, "the first", &first.log, "1", "2")
	wantLog(t, "the second", &second.log, "2")
	wantLog(t, "the third", &third.log)
}

// What a member has published it also hears if it unsubscribes at once; who
// leaves for good hears nothing more.
func TestUnsubscribeSettlesAndLeaveDoesNot(t *testing.T) {
	h := newHub(hub.Options{})
	home := &slowHome{}
	m, gone := &lodger{home: home}, &lodger{home: home}
	h.Subscribe("lobby", m)
	h.Publish("lobby", text("goodbye"), nil)
	h.Unsubscribe("lobby", m)
	wantLog(t, "who unsubscribed", &m.log, "goodbye")
	h.Subscribe("lobby", gone)
	h.Publish("lobby", text("too late"), nil)
	h.Leave(gone)
	home.Settle()
	wantLog(t, "who left", &gone.log)
}
