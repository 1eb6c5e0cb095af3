package endpoint_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/session"
)

type answers = func(context.Context, call.Info, call.Hook, call.Effects) (call.Value, error)

// TestWhoMayOpenASocket: 401 or 403 before the upgrade, never a redirect, and
// nothing has changed.
func TestWhoMayOpenASocket(t *testing.T) {
	const (
		yes     = http.StatusSwitchingProtocols
		logIn   = "log in first"
		notThis = "you are logged in, but this is not for you"
	)
	raises := func(context.Context, call.Info, call.Hook, call.Effects) (call.Value, error) {
		return call.Value{}, &call.FunctionError{Hook: call.Condition, Message: "KeyError: 'x'"}
	}
	fails := func(context.Context, call.Info, call.Hook, call.Effects) (call.Value, error) {
		return call.Value{}, fmt.Errorf("worker died: %w", parley.ErrUnavailable)
	}
	everybody, anybody := (*auth.Rule)(nil), &auth.Rule{LoginURL: "/login"}
	second := []endpoint.Validity{{Status: 400, Reason: "Bad Request"}, {Status: 409, Reason: "closed on Sundays"}}
	for _, tc := range []struct {
		name     string
		rule     *auth.Rule
		who      parley.User // nil for nobody
		judges   []call.Hook
		validate []endpoint.Validity
		answer   answers

		status int
		body   string
		heard  []string // by the runtime, of the functions that judge
		logged string
	}{
		{name: "everybody: nobody", rule: everybody, status: yes},
		{name: "auth: nobody", rule: anybody, status: 401, body: logIn, logged: `msg=refused endpoint=x method=GET remote=192.0.2.7:4711 why="nobody has logged in"`},
		{name: "auth: a user", rule: anybody, who: user("bob", "guest"), status: yes},
		{name: "membership: nobody", rule: traders, status: 401, body: logIn, logged: `why="nobody has logged in"`},
		{name: "membership: no member", rule: traders, who: user("bob", "guest"), status: 403, body: notThis, logged: `why="no member" user=bob`},
		{name: "membership: a member", rule: traders, who: user("alice", "trader"), status: yes},
		{name: "another method", rule: &auth.Rule{Methods: []string{"POST"}}, status: yes},
		{
			name: "condition: nobody is not even asked about", rule: anybody, judges: []call.Hook{call.Condition}, answer: raises,
			status: 401, body: logIn, logged: `why="nobody has logged in"`,
		},
		{
			name: "condition: false", rule: anybody, who: user("bob", "guest"), judges: []call.Hook{call.Condition}, answer: says(),
			status: 403, body: notThis, heard: []string{"call auth.condition 1"}, logged: `why="auth.condition is false" user=bob`,
		},
		{
			name: "condition: true", rule: anybody, who: user("bob", "guest"), judges: []call.Hook{call.Condition}, answer: says(call.Condition),
			status: yes, heard: []string{"call auth.condition 1"},
		},
		{
			name: "condition: raises", rule: anybody, who: user("bob", "guest"), judges: []call.Hook{call.Condition}, answer: raises,
			status: 500, body: "the function of auth.condition raised; the server's log says why", heard: []string{"call auth.condition 1"},
			logged: `level=ERROR msg="function raised" endpoint=x conn=1 hook=auth.condition`,
		},
		{
			name: "condition: not answered", rule: anybody, who: user("bob", "guest"), judges: []call.Hook{call.Condition}, answer: fails,
			status: 503, body: "not available now; try again soon", heard: []string{"call auth.condition 1"},
			logged: `msg="auth.condition not answered" endpoint=x err="worker died: unavailable"`,
		},
		{
			name: "validate: the first is false", judges: []call.Hook{call.Validate(0), call.Validate(1)}, validate: second, answer: says(call.Validate(1)),
			status: 400, body: "Bad Request", heard: []string{"call validate.0 1"}, logged: `why="validate.0 is false"`,
		},
		{
			name: "validate: the second is false", judges: []call.Hook{call.Validate(0), call.Validate(1)}, validate: second, answer: says(call.Validate(0)),
			status: 409, body: "closed on Sundays", heard: []string{"call validate.0 1", "call validate.1 1"}, logged: `why="validate.1 is false"`,
		},
		{
			name: "validate: raises", judges: []call.Hook{call.Validate(0)}, validate: second[:1], answer: raises,
			status: 400, body: "Bad Request", heard: []string{"call validate.0 1"}, logged: `msg="function raised"`,
		},
		{
			name: "validate: true", judges: []call.Hook{call.Validate(0)}, validate: second[:1], answer: says(call.Validate(0)),
			status: yes, heard: []string{"call validate.0 1"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.puppet.answer = tc.answer
				opt := endpoint.GuardOptions{Rule: tc.rule, Validate: tc.validate}
				if tc.judges != nil {
					opt.Judges = st.judges(tc.judges...)
				}
				st.serve(endpoint.Options{Guard: st.guard(opt)})
				header := upgrade()
				if tc.who != nil {
					cookie, _ := st.logIn(tc.who, session.Terms{})
					header.Set("Cookie", cookie)
				}
				resp, body := st.get("GET", header)
				if resp.StatusCode != tc.status || strings.TrimSuffix(body, "\n") != tc.body {
					t.Errorf("%d %q, want %d %q", resp.StatusCode, body, tc.status, tc.body)
				}
				var judged []string
				for _, line := range st.puppet.Heard() {
					if strings.HasPrefix(line, "call ") {
						judged = append(judged, line)
					}
				}
				if !slices.Equal(judged, tc.heard) {
					t.Errorf("the runtime heard %q, want %q", judged, tc.heard)
				}
				if tc.logged != "" && len(st.log.With(tc.logged)) != 1 {
					t.Errorf("logged %q\nwant one line with %s", st.log.With(""), tc.logged)
				}
				if tc.status == yes {
					return
				}
				st.untouched(resp)
				if resp.Header.Get("Location") != "" {
					t.Errorf("a socket is sent to %s", resp.Header.Get("Location"))
				}
			})
		})
	}
}

// TestPagesSendToTheLogin: a browser that shows a page is sent to the login,
// all others are told.
func TestPagesSendToTheLogin(t *testing.T) {
	for _, tc := range []struct {
		name     string
		login    string
		method   string
		header   http.Header
		who      parley.User
		status   int
		location string
		page     string // what Refuse is told
	}{
		{name: "a page", login: "/login", status: 302, location: "/login?next=%2Fpage%3Fa%3D1"},
		{name: "HEAD", login: "/login", method: "HEAD", status: 302, location: "/login?next=%2Fpage%3Fa%3D1"},
		{name: "a browser shows it", login: "/login", header: http.Header{"Sec-Fetch-Mode": {"navigate"}}, status: 302, location: "/login?next=%2Fpage%3Fa%3D1"},
		{name: "a login with a query", login: "/login?x=1", status: 302, location: "/login?x=1&next=%2Fpage%3Fa%3D1"},
		{
			name: "a login elsewhere", login: "https://id.example/login", status: 302,
			location: "https://id.example/login?next=https%3A%2F%2Fapp.example%2Fpage%3Fa%3D1",
		},
		{name: "a script", login: "/login", header: http.Header{"Sec-Fetch-Mode": {"cors"}}, status: 401, page: "Log in first."},
		{name: "an old script", login: "/login", header: http.Header{"X-Requested-With": {"XMLHttpRequest"}}, status: 401, page: "Log in first."},
		{name: "a form", login: "/login", method: "POST", status: 401, page: "Log in first."},
		{name: "no login", status: 401, page: "Log in first."},
		{name: "no member", login: "/login", who: user("bob", "guest"), status: 403, page: "You are logged in, but this is not for you."},
		{name: "a member", login: "/login", who: user("alice", "trader"), status: 200},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				rule := *traders
				rule.LoginURL = tc.login
				told := ""
				f := st.function(endpoint.FunctionOptions{Guard: st.guard(endpoint.GuardOptions{
					Rule: &rule,
					Refuse: func(w http.ResponseWriter, _ *http.Request, status int, why string) {
						told = why
						w.WriteHeader(status)
					},
				})})
				r := httptest.NewRequest(tc.method, "http://app.example/page?a=1", nil)
				for name, values := range tc.header {
					r.Header[name] = values
				}
				if tc.who != nil {
					s, err := st.sessions.Login(t.Context(), nil, tc.who, session.Terms{})
					if err != nil {
						t.Fatal(err)
					}
					h := http.Header{}
					st.sessions.SetCookie(h, s, true)
					s.Release()
					r.Header.Set("Cookie", h.Get("Set-Cookie"))
				}
				resp := askWith(f, r)
				if resp.StatusCode != tc.status || resp.Header.Get("Location") != tc.location || told != tc.page {
					t.Errorf("%d to %q, told %q; want %d to %q, told %q",
						resp.StatusCode, resp.Header.Get("Location"), told, tc.status, tc.location, tc.page)
				}
				if tc.status != 200 {
					st.untouched(resp)
					if heard := st.puppet.Heard(); len(heard) > 0 {
						t.Errorf("the runtime heard %q", heard)
					}
				}
			})
		})
	}
}

// TestAFloodOfRefusalsHidesNoFault: who is refused chooses what is logged; what
// is broken is told all the same.
func TestAFloodOfRefusalsHidesNoFault(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		g := st.guard(endpoint.GuardOptions{Rule: &auth.Rule{}})
		f := st.function(endpoint.FunctionOptions{Guard: g})
		for i := range 1000 {
			r := httptest.NewRequest("GET", "/page", nil)
			r.URL.Scheme, r.RemoteAddr = "https", fmt.Sprintf("10.0.%d.%d:1", i/250, i%250)
			f.Serve(httptest.NewRecorder(), r, nil)
		}
		if n := len(st.log.With("msg=refused")); n > 300 {
			t.Errorf("a flood of refusals made %d lines", n)
		}
		st.puppet.ready = func(context.Context) error { return parley.ErrUnavailable }
		cookie, _ := st.logIn(user("alice", "trader"), session.Terms{})
		r := httptest.NewRequest("GET", "/page", nil)
		r.Header.Set("Cookie", "__Host-"+cookie)
		if resp := askWith(f, r); resp.StatusCode != http.StatusServiceUnavailable {
			t.Fatalf("status %d, want 503", resp.StatusCode)
		}
		if n := len(st.log.With("not ready to run functions")); n != 1 {
			t.Errorf("the fault stands in %d lines, want 1", n)
		}
	})
}

// neverRead is a body that must not be.
type neverRead struct{ t *testing.T }

func (b neverRead) Read([]byte) (int, error) {
	b.t.Error("the body is read")
	return 0, io.EOF
}

func TestBodiesOfTheRefusedAreNotRead(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		f := st.function(endpoint.FunctionOptions{Guard: st.guard(endpoint.GuardOptions{Rule: traders})})
		if resp := askWith(f, httptest.NewRequest("POST", "/page", neverRead{t})); resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("status %d, want 401", resp.StatusCode)
		}
	})
}

// TestALogoutDuringAnUpload: the function does not run for somebody who has
// logged out meanwhile, and its time begins when the body is there.
func TestALogoutDuringAnUpload(t *testing.T) {
	for _, logout := range []bool{false, true} {
		t.Run(fmt.Sprint(logout), func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.puppet.answer = func(ctx context.Context, _ call.Info, _ call.Hook, _ call.Effects) (call.Value, error) {
					return call.Value{}, ctx.Err()
				}
				f := st.function(endpoint.FunctionOptions{Guard: st.guard(endpoint.GuardOptions{Rule: traders})})
				cookie, id := st.logIn(user("alice", "trader"), session.Terms{})
				body, upload := io.Pipe()
				r := httptest.NewRequest("POST", "/page", body)
				r.Header.Set("Cookie", "__Host-"+cookie)
				var resp *http.Response
				done := make(chan struct{})
				go func() {
					defer close(done)
					resp = askWith(f, r)
				}()
				synctest.Wait()
				if logout {
					if err := st.sessions.Destroy(t.Context(), id); err != nil {
						t.Fatal(err)
					}
				}
				time.Sleep(time.Minute) // longer than a function may take
				if err := upload.Close(); err != nil {
					t.Fatal(err)
				}
				<-done
				want := http.StatusOK
				if logout {
					want = http.StatusUnauthorized
				}
				if resp.StatusCode != want {
					t.Errorf("status %d, want %d", resp.StatusCode, want)
				}
			})
		})
	}
}
