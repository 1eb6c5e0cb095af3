package login_test

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley/internal/login"
)

// slow makes a site delay after failures as it does by itself.
func slow(o *login.Options) { o.Delay = nil }

// fail fails to log in, and returns how many seconds that took.
func (b *browser) fail(user string) int {
	b.t.Helper()
	begin := time.Now()
	b.logIn(user, "wrong").want(b.t, http.StatusUnauthorized, "")
	return int(time.Since(begin).Seconds())
}

// succeed logs in as alice, and returns how many seconds that took.
func (b *browser) succeed() int {
	b.t.Helper()
	begin := time.Now()
	b.logIn("alice", "wonderland").want(b.t, http.StatusSeeOther, "/")
	return int(time.Since(begin).Seconds())
}

func TestDelay(t *testing.T) {
	for name, tc := range map[string]struct {
		delay []time.Duration
		want  []int // seconds that each failure takes
	}{
		"the usual":        {nil, []int{0, 0, 0, 1, 2, 4, 8, 15, 15, 15}},
		"none":             {[]time.Duration{}, []int{0, 0, 0, 0, 0}},
		"one":              {[]time.Duration{3 * time.Second}, []int{0, 3, 3, 3}},
		"the document's":   {[]time.Duration{time.Second, time.Second, 5 * time.Second}, []int{0, 1, 1, 5, 5}},
		"less than before": {[]time.Duration{2 * time.Second, 0}, []int{0, 2, 0, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			for _, user := range []string{"alice", "mallory"} {
				synctest.Test(t, func(t *testing.T) {
					b := newSite(t, func(o *login.Options) { o.Delay = tc.delay }).browser()
					for i, want := range tc.want {
						if got := b.fail(user); got != want {
							t.Errorf("%s: failure %d took %d s, want %d", user, i, got, want)
						}
					}
				})
			}
		})
	}
}

// The time that somebody takes to type counts.
func TestDelayIsSinceTheLastAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, func(o *login.Options) { o.Delay = []time.Duration{10 * time.Second} }).browser()
		b.fail("alice")
		time.Sleep(7 * time.Second)
		if got := b.succeed(); got != 3 {
			t.Errorf("waited for %d s, want 3", got)
		}
	})
}

func TestSuccessIsForgiven(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, slow)
		b := s.browser()
		for range 6 {
			b.fail("alice")
		}
		if got := b.succeed(); got != 8 {
			t.Errorf("the right password after six wrong ones took %d s, want 8", got)
		}
		if got := b.succeed() + b.fail("alice") + b.fail("alice"); got != 0 {
			t.Errorf("then another three took %d s, want 0", got)
		}
	})
}

// Whoever attacks a user does not lock him out: at his own address he waits for
// nothing. Nor does his login help the attacker.
func TestVictimIsNotLockedOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, slow)
		attacker, victim := s.browser(), s.browser()
		victim.remote = "198.51.100.7:1234"
		for range 8 {
			attacker.fail("alice")
		}
		if got := victim.succeed(); got != 0 {
			t.Errorf("the victim waited for %d s, want 0", got)
		}
		if got := attacker.fail("alice"); got != 15 {
			t.Errorf("the attacker waited for %d s, want 15", got)
		}
	})
}

// One address that tries a password with many users waits, too, and so it does
// if it has a password of its own to log in with between.
func TestManyUsersOfOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, slow).browser()
		waited := []int{}
		for i := range 65 {
			waited = append(waited, b.fail("user"+strconv.Itoa(i)))
			b.succeed()
		}
		if got, want := fmt.Sprint(waited[29], waited[30], waited[40], waited[50], waited[60]), "0 1 2 4 8"; got != want {
			t.Errorf("after 29, 30, 40, 50 and 60 failures waited %s s, want %s; in all %v", got, want, waited)
		}
	})
}

func TestAddressesThatAreOne(t *testing.T) {
	for _, tc := range []struct {
		first, second string
		one           bool
	}{
		{"192.0.2.1:1", "192.0.2.1:65000", true},
		{"192.0.2.1:1", "[::ffff:192.0.2.1]:1", true},
		{"192.0.2.1:1", "192.0.2.2:1", false},
		{"[2001:db8::1]:1", "[2001:db8:0:0:ffff::2]:1", true},
		{"[2001:db8::1]:1", "[2001:db8:0:1::1]:1", false},
		{"[fe80::1%eth0]:1", "[fe80::2]:1", true},
		{"@", "", true}, // no address at all
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newSite(t, func(o *login.Options) { o.Delay = []time.Duration{time.Second} })
			a, b := s.browser(), s.browser()
			a.remote, b.remote = tc.first, tc.second
			a.fail("alice")
			if waited := b.fail("alice") > 0; waited != tc.one {
				t.Errorf("%s after %s waited: %v, want %v", tc.second, tc.first, waited, tc.one)
			}
		})
	}
}

// Behind a proxy that tells no addresses, an attacker slows down one user, not
// all.
func TestUnknownAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, func(o *login.Options) {
			o.Delay = nil
			o.Address = func(*http.Request) (netip.Addr, bool) { return netip.MustParseAddr("127.0.0.1"), false }
		}).browser()
		for i := range 100 {
			if waited := b.fail("user" + strconv.Itoa(i)); waited != 0 {
				t.Fatalf("failure %d waited for %d s, want 0", i, waited)
			}
		}
		for range 3 {
			b.fail("user0")
		}
		if got := b.fail("user0"); got != 2 {
			t.Errorf("one user's fifth failure waited for %d s, want 2", got)
		}
		if got := b.succeed(); got != 0 {
			t.Errorf("another user waited for %d s, want 0", got)
		}
	})
}

// Many at once are no faster than one after the other, and what would wait for
// too long is told when to come back.
func TestAttemptsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, slow)
		b := s.browser()
		token := b.get("/login").token()
		var mu sync.Mutex
		status := map[int]int{}
		retry := map[string]bool{}
		begin := time.Now()
		var all sync.WaitGroup
		for range 50 {
			copied := *b
			all.Go(func() {
				a := copied.send(http.MethodPost, "/login", form("_xsrf", token, "user", "alice", "password", "wrong"))
				mu.Lock()
				defer mu.Unlock()
				status[a.StatusCode]++
				if a.StatusCode == http.StatusTooManyRequests {
					retry[a.Header.Get("Retry-After")] = true
				}
			})
		}
		all.Wait()
		// The turns: 0, 0, 0, 1, 3, 7, 15; the next would be at 30.
		if status[http.StatusUnauthorized] != 7 || status[http.StatusTooManyRequests] != 43 || time.Since(begin) != 15*time.Second {
			t.Errorf("statuses %v after %v", status, time.Since(begin))
		}
		if len(retry) != 1 || !retry["30"] {
			t.Errorf("Retry-After: %v, want 30", retry)
		}
		if got := s.log.lines("too many logins tried"); len(got) != 1 || !strings.Contains(got[0], "remote=192.0.2.1:1234") {
			t.Errorf("logged %q, want one line", got)
		}
		if got := s.passwords.Checked(); got != 7 {
			t.Errorf("%d passwords checked, want 7", got)
		}

		page := b.logIn("alice", "wonderland") // its turn is at 30, which is near enough now
		page.want(t, http.StatusSeeOther, "/")
		if got := time.Since(begin); got != 30*time.Second {
			t.Errorf("the right password was looked at after %v, want 30s", got)
		}
	})
}

func TestTooEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, func(o *login.Options) { o.Delay = []time.Duration{10 * time.Minute} }).browser()
		b.fail("alice")
		page := b.logIn("alice", "wonderland")
		page.want(t, http.StatusTooManyRequests, "")
		if got := page.Header.Get("Retry-After"); got != "600" || !strings.Contains(page.body, "Please try again in 10 minutes.") || page.token() == "" {
			t.Errorf("Retry-After %q, page %s", got, shorten(page.body))
		}
		a := b.send(http.MethodPost, "/login", `{"user": "alice", "password": "wonderland"}`, "Content-Type", "application/json")
		a.want(t, http.StatusTooManyRequests, "")
		if got, want := strings.TrimSpace(a.body), `{"error":"Too many attempts. Please try again in 10 minutes."}`; got != want {
			t.Errorf("answer is %s, want %s", got, want)
		}
		time.Sleep(61 * time.Second)
		b.logIn("alice", "wonderland")
		if got := len(b.log.lines("too many logins tried")); got != 2 {
			t.Errorf("%d lines in two minutes, want 2", got)
		}
		time.Sleep(10 * time.Minute)
		if got := b.succeed(); got != 0 { // what was refused has not moved the turn
			t.Errorf("waited for %d s, want 0", got)
		}
	})
}

// Those who wait are so many at most; beyond that, only who need not wait gets
// in.
func TestHeldAttemptsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, func(o *login.Options) { o.Delay = []time.Duration{10 * time.Second} })
		statuses := make(chan int, 2*login.MostHeld)
		for i := range login.MostHeld + 5 {
			b := s.browser()
			b.remote = fmt.Sprintf("10.0.%d.%d:1", i/250, i%250)
			b.fail("alice")
			page := b.get("/login")
			go func() {
				statuses <- b.send(http.MethodPost, "/login", form("_xsrf", page.token(), "user", "alice", "password", "wrong")).StatusCode
			}()
			synctest.Wait()
		}
		if got := s.login.UnderWay(); got != login.MostHeld {
			t.Errorf("%d attempts are held, want %d", got, login.MostHeld)
		}
		if len(statuses) != 5 {
			t.Errorf("%d attempts were refused, want 5", len(statuses))
		}
		other := s.browser()
		other.remote = "203.0.113.1:1"
		if got := other.succeed(); got != 0 {
			t.Errorf("somebody who need not wait waited for %d s", got)
		}
		time.Sleep(11 * time.Second)
		synctest.Wait()
		if got := s.login.UnderWay(); got != 0 {
			t.Errorf("%d attempts are under way, want none", got)
		}
		count := map[int]int{}
		for range login.MostHeld + 5 {
			count[<-statuses]++
		}
		if count[http.StatusUnauthorized] != login.MostHeld || count[http.StatusTooManyRequests] != 5 {
			t.Errorf("statuses %v", count)
		}
	})
}

func TestChecksAreBounded(t *testing.T) {
	b := newSite(t, nil).browser()
	b.login.Busy(true)
	a := b.logIn("alice", "wonderland")
	a.want(t, http.StatusTooManyRequests, "")
	if got := a.Header.Get("Retry-After"); got != "1" || b.passwords.Checked() > 0 {
		t.Errorf("Retry-After is %q, %d passwords checked", got, b.passwords.Checked())
	}
	b.login.Busy(false)
	b.succeed()
	if got := b.login.UnderWay(); got != 0 {
		t.Errorf("%d attempts are under way, want none", got)
	}
}

func TestCountsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, slow).browser()
		for range 8 {
			b.fail("alice")
		}
		time.Sleep(29 * time.Minute)
		b.fail("alice")
		if got := b.fail("alice"); got != 15 {
			t.Errorf("after half an hour less a minute: %d s, want 15", got)
		}
		time.Sleep(31 * time.Minute)
		if got := b.fail("alice") + b.fail("alice"); got != 0 {
			t.Errorf("after half an hour: %d s, want 0", got)
		}
	})
}

// Attempts that are refused, under whatever names, push out no counts.
func TestRefusalsAreNotCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newSite(t, slow).browser()
		for i := range 80 {
			b.fail(fmt.Sprint("user", i))
		}
		token := b.get("/login").token()
		guess := func(user string) answer {
			return b.send(http.MethodPost, "/login", form("_xsrf", token, "user", user, "password", "wrong"))
		}
		held := make(chan answer)
		go func() { held <- guess("alice") }()
		synctest.Wait()
		before := b.login.Records()
		for i := range 1000 {
			guess(fmt.Sprint("other", i)).want(t, http.StatusTooManyRequests, "")
		}
		if got := b.login.Records(); got != before {
			t.Errorf("1000 refusals have made %d counts of %d", got, before)
		}
		(<-held).want(t, http.StatusUnauthorized, "")
	})
}

func TestCountsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSite(t, slow)
		busy, idle := s.browser(), s.browser()
		idle.remote = "198.51.100.7:1234"
		for range 8 {
			busy.fail("alice")
			idle.fail("alice")
		}
		token := busy.get("/login").token()
		for i := range login.MostRecords/2 + 100 { // two counts for each
			other := *busy
			other.remote = fmt.Sprintf("[2001:db8:0:%x::1]:1", i)
			other.send(http.MethodPost, "/login", form("_xsrf", token, "user", "mallory", "password", "wrong"))
			if i == login.MostRecords/4 {
				busy.fail("alice")
			}
		}
		if got := s.login.Records(); got != login.MostRecords {
			t.Errorf("%d counts, want %d", got, login.MostRecords)
		}
		if got := busy.fail("alice"); got != 15 {
			t.Errorf("who went on waits %d s, want 15", got)
		}
		if got := idle.fail("alice"); got != 0 {
			t.Errorf("who was not heard of for longest waits %d s, want 0", got)
		}
		time.Sleep(time.Hour)
		busy.fail("alice")
		if got := s.login.Records(); got != 2 {
			t.Errorf("after an hour: %d counts, want 2", got)
		}
	})
}
