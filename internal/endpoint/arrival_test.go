package endpoint_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/session"
)

// TestCrossSiteSockets: which pages open a socket as the user whose browser
// shows them (cross-site WebSocket hijacking), and which without the cookie.
func TestCrossSiteSockets(t *testing.T) {
	const (
		own        = "http://app.example"
		ownHTTPS   = "https://app.example" // behind a proxy that does not tell
		foreign    = "https://evil.example"
		another    = "https://www.evil.example"
		refused    = http.StatusForbidden
		asTheUser  = "alice"
		cookieless = "a new session, without a cookie"
	)
	for _, tc := range []struct {
		name    string
		guarded bool
		origins []string // nil means unset
		header  []string // by name and value

		opens  string // as whom; "" for not at all
		status int    // if it does not open
	}{
		{name: "no browser", guarded: true, opens: asTheUser},
		{name: "own page", guarded: true, header: []string{"Origin", own}, opens: asTheUser},
		{name: "own page, HTTPS ends before", guarded: true, header: []string{"Origin", ownHTTPS}, opens: asTheUser},
		{name: "own page, says the browser", guarded: true, header: []string{"Origin", foreign, "Sec-Fetch-Site", "same-origin"}, opens: asTheUser},
		{name: "foreign page", guarded: true, header: []string{"Origin", foreign}, status: refused},
		{name: "foreign page, says the browser", guarded: true, header: []string{"Origin", own, "Sec-Fetch-Site", "cross-site"}, status: refused},
		{name: "page on another port", guarded: true, header: []string{"Origin", own, "Sec-Fetch-Site", "same-site"}, status: refused},
		{name: "null", guarded: true, header: []string{"Origin", "null"}, status: refused},
		{name: "two origins", guarded: true, header: []string{"Origin", own, "Origin", own}, status: refused},
		{name: "empty", guarded: true, header: []string{"Origin", ""}, status: refused},

		{name: "listed page", guarded: true, origins: []string{foreign}, header: []string{"Origin", foreign}, opens: asTheUser},
		{name: "own page that is not listed", guarded: true, origins: []string{foreign}, header: []string{"Origin", own}, opens: asTheUser},
		{name: "page that is not listed", guarded: true, origins: []string{foreign}, header: []string{"Origin", another}, status: refused},
		{name: "everybody, in writing", guarded: true, origins: []string{"*"}, header: []string{"Origin", foreign}, opens: asTheUser},

		{name: "open to all: no browser", opens: asTheUser},
		{name: "open to all: own page", header: []string{"Origin", own}, opens: asTheUser},
		{name: "open to all: foreign page", header: []string{"Origin", foreign}, opens: cookieless},
		{name: "open to all: page on another port", header: []string{"Origin", own, "Sec-Fetch-Site", "same-site"}, opens: cookieless},
		{name: "open to all: listed page", origins: []string{foreign}, header: []string{"Origin", foreign}, opens: asTheUser},
		{name: "open to all: own page that is not listed", origins: []string{foreign}, header: []string{"Origin", own}, status: refused},
		{name: "open to all: everybody, in writing", origins: []string{"*"}, header: []string{"Origin", foreign}, opens: asTheUser},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				opt := endpoint.Options{}
				if tc.guarded {
					opt.Guard = st.guard(endpoint.GuardOptions{Rule: traders})
				}
				if tc.origins != nil {
					opt.Origins = origins(t, tc.origins...)
				}
				st.serve(opt)
				cookie, id := st.logIn(user("alice", "trader"), session.Terms{})
				header := upgrade(append(tc.header, "Cookie", cookie)...)
				if tc.opens == "" {
					resp, body := st.get("GET", header)
					if resp.StatusCode != tc.status || body != "pages of this origin may not connect here\n" {
						t.Errorf("%d %q, want %d", resp.StatusCode, body, tc.status)
					}
					st.untouched(resp)
					if lines := st.log.With("origin refused"); len(lines) != 1 {
						t.Errorf("logged %q", lines)
					}
					return
				}
				p := st.dial(websocket.DialOptions{HTTPHeader: header})
				info := st.puppet.Stream(t, 0).info
				values := info.Session.Values()
				switch tc.opens {
				case asTheUser:
					if info.Session.ID() != id || call.CurrentUser(info.User, info.Session).ID() != "alice" {
						t.Errorf("opened with session %s, %s; want that of alice", info.Session.ID(), values)
					}
				default:
					if info.Session.ID() == id || len(values) > 0 || len(info.Request.Header["Cookie"]) > 0 {
						t.Errorf("opened with session %s, %s, header %s; want nothing of alice", info.Session.ID(), values, info.Request.Header)
					}
				}
				if cookie := p.response.Header.Get("Set-Cookie"); cookie != "" {
					t.Errorf("the browser is told %s in place of alice's session", cookie)
				}
			})
		})
	}
}

// TestAForeignPageMayNotPlantASession, where a browser without a cookie is.
func TestAForeignPageMayNotPlantASession(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{})
		p := st.dial(websocket.DialOptions{HTTPHeader: http.Header{"Origin": {"https://evil.example"}}})
		if cookie := p.response.Header.Get("Set-Cookie"); cookie != "" {
			t.Errorf("the 101 for a foreign page sets %s", cookie)
		}
	})
}

// TestWaysOfAToken: it opens a socket from wherever it comes, for its user,
// also without a cookie and from a foreign page; and functions see nothing of
// it.
func TestWaysOfAToken(t *testing.T) {
	for _, tc := range []struct {
		name     string
		path     string
		header   func(token string) []string
		protocol string
	}{
		{"header", "/x?a=1", func(token string) []string { return []string{"Authorization", "Bearer " + token} }, ""},
		{"query", "/x?a=1&token=", nil, ""},
		{"subprotocol", "/x?a=1", func(token string) []string {
			return []string{"Sec-WebSocket-Protocol", "parley, bearer." + token}
		}, "parley"},
		{"a foreign page", "/x?a=1", func(token string) []string {
			return []string{"Sec-WebSocket-Protocol", "parley, bearer." + token, "Origin", "https://evil.example"}
		}, "parley"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.serve(endpoint.Options{Guard: st.guard(endpoint.GuardOptions{Rule: traders}), Tokens: tokens(t, 0)})
				bob, bobs := st.logIn(user("bob", "trader"), session.Terms{}) // the token says who, not the cookie
				token := tokenOf(t, "alice", "trader", time.Hour)
				header := upgrade("Cookie", bob)
				path := tc.path
				if tc.header == nil {
					path += token
				} else {
					header = upgrade(append(tc.header(token), "Cookie", bob)...)
				}
				resp, body := st.getAt(path, "GET", header)
				if resp.StatusCode != http.StatusSwitchingProtocols {
					t.Fatalf("%d %s", resp.StatusCode, body)
				}
				if got := resp.Header.Get("Sec-Websocket-Protocol"); got != tc.protocol {
					t.Errorf("subprotocol %q, want %q", got, tc.protocol)
				}
				synctest.Wait() // OnOpen comes after the 101
				info := st.puppet.Stream(t, 0).info
				if got := call.CurrentUser(info.User, info.Session).ID(); got != "alice" {
					t.Errorf("the user is %q, want alice", got)
				}
				if foreign := len(info.Request.Header["Origin"]) > 0; (info.Session.ID() == bobs) == foreign {
					t.Errorf("opened with the session of the cookie: %v, from a foreign page: %v", !foreign, foreign)
				}
				all, err := json.Marshal([]any{info.Request.Header, info.Request.URL.String(), info.Request.RequestURI, info.Subprotocols})
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(all), token) || !strings.Contains(string(all), "a=1") {
					t.Errorf("functions see %s", all)
				}
				for _, line := range st.log.With(token) {
					t.Errorf("the token stands in the log: %s", line)
				}
			})
		})
	}
}

// TestTokensThatOpenNothing: a wrong token is not made good by a cookie.
func TestTokensThatOpenNothing(t *testing.T) {
	const invalid = "the token is not valid here"
	for _, tc := range []struct {
		name   string
		open   bool // the endpoint is
		path   string
		header func(t *testing.T) []string
		status int
		body   string
		logged string
	}{
		{name: "expired", header: func(t *testing.T) []string {
			return []string{"Authorization", "Bearer " + tokenOf(t, "alice", "trader", -time.Hour)}
		}, status: 401, body: invalid, logged: "expired"},
		{name: "just expired", header: func(t *testing.T) []string {
			return []string{"Authorization", "Bearer " + tokenOf(t, "alice", "trader", -5*time.Second)}
		}, status: 401, body: invalid, logged: "it has just expired"},
		{name: "expired, on an endpoint for all", open: true, header: func(t *testing.T) []string {
			return []string{"Authorization", "Bearer " + tokenOf(t, "alice", "trader", -time.Hour)}
		}, status: 401, body: invalid, logged: "expired"},
		{name: "garbage", path: "?token=garbage", status: 401, body: invalid, logged: "why="},
		{name: "empty", path: "?token=", status: 401, body: invalid, logged: "it is empty"},
		{name: "empty, from a foreign page", path: "?token=", header: func(*testing.T) []string {
			return []string{"Origin", "https://evil.example"}
		}, status: 403, body: "pages of this origin may not connect here", logged: "origin refused"},
		{name: "no member", header: func(t *testing.T) []string {
			return []string{"Authorization", "Bearer " + tokenOf(t, "alice", "guest", time.Hour)}
		}, status: 403, body: "you are logged in, but this is not for you", logged: "no member"},
		{name: "two", path: "?token=a", header: func(*testing.T) []string {
			return []string{"Authorization", "Bearer b"}
		}, status: 400, body: "more than one token or ticket came with the request: send one"},
		{name: "token and ticket", path: "?token=a&ticket=b", status: 400, body: "more than one token or ticket came with the request: send one"},
		{name: "the issuer's keys cannot be had", path: "?token=" + unverifiable, status: 503, body: "not available now; try again soon", logged: "token not verified"},
		{name: "a ticket that is none", path: "?ticket=x", status: 401, body: "the ticket is not valid: it is good for one socket, and not for long", logged: "it is none"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				opt := endpoint.Options{Tokens: tokens(t, 0), Tickets: auth.NewTickets(0)}
				if !tc.open {
					opt.Guard = st.guard(endpoint.GuardOptions{Rule: traders})
				}
				st.serve(opt)
				cookie, _ := st.logIn(user("alice", "trader"), session.Terms{})
				header := upgrade("Cookie", cookie)
				if tc.header != nil {
					header = upgrade(append(tc.header(t), "Cookie", cookie)...)
				}
				resp, body := st.getAt("/x"+tc.path, "GET", header)
				if resp.StatusCode != tc.status || body != tc.body+"\n" {
					t.Errorf("%d %q, want %d %q", resp.StatusCode, body, tc.status, tc.body)
				}
				if got := resp.Header.Get("WWW-Authenticate"); (got != "") != (tc.body == invalid) {
					t.Errorf("WWW-Authenticate = %q", got)
				}
				st.untouched(resp)
				lines := st.log.With(tc.logged)
				if tc.logged != "" && len(lines) != 1 || tc.logged == "" && len(lines) > 0 {
					t.Errorf("logged %q, want one line with %q", st.log.With(""), tc.logged)
				}
			})
		})
	}
}

// TestATokenDoesNotMixWithTheSession: attributes of one do not complete those of
// the other.
func TestATokenDoesNotMixWithTheSession(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{Guard: st.guard(endpoint.GuardOptions{Rule: traders}), Tokens: tokens(t, 0)})
		cookie, _ := st.logIn(user("alice", "trader"), session.Terms{})
		noRole, err := auth.SignHS(tokenSecret, map[string]any{"sub": "alice", "exp": time.Now().Add(time.Hour).Unix()})
		if err != nil {
			t.Fatal(err)
		}
		resp, _ := st.get("GET", upgrade("Cookie", cookie, "Authorization", "Bearer "+noRole))
		if resp.StatusCode != http.StatusForbidden {
			t.Errorf("status %d, want 403", resp.StatusCode)
		}
	})
}
