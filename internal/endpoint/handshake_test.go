package endpoint_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
)

func origins(t *testing.T, entries ...string) *auth.Origins {
	t.Helper()
	o, err := auth.ParseOrigins(entries)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// selects makes the stage's program one with select_subprotocol.
func (st *stage) selects(answer func(context.Context, call.Info) (call.Value, error)) {
	st.program.Why[call.SelectSubprotocol] = ""
	st.puppet.answer = func(ctx context.Context, info call.Info, _ call.Hook, _ call.Effects) (call.Value, error) {
		return answer(ctx, info)
	}
}

// TestRefusals goes through the reasons for a refusal in the order in which
// they are looked at: each request would also be refused for every later
// reason.
func TestRefusals(t *testing.T) {
	plain := http.Header{"Origin": {"https://evil.example"}}
	evil := upgrade("Origin", "https://evil.example")
	broken := upgrade("Origin", "https://evil.example")
	broken.Del("Sec-Websocket-Key")
	unavailable := func(context.Context) error { return fmt.Errorf("worker starts: %w", parley.ErrUnavailable) }
	late := func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	}
	raises := func(context.Context, call.Info) (call.Value, error) {
		return call.Value{}, &call.FunctionError{Hook: call.SelectSubprotocol, Message: "ValueError: a secret", Traceback: "Traceback\nValueError: a secret"}
	}
	returns := func(v call.Value, err error) func(context.Context, call.Info) (call.Value, error) {
		return func(context.Context, call.Info) (call.Value, error) { return v, err }
	}
	const soon = "not available now; try again soon"

	for _, tc := range []struct {
		name   string
		method string
		header http.Header
		ready  func(context.Context) error
		sel    func(context.Context, call.Info) (call.Value, error)

		status int
		body   string
		retry  string
		heard  []string // by the runtime
		logged string   // part of the only line
		took   time.Duration
	}{
		{
			name: "no upgrade", method: "GET", header: plain, ready: unavailable, sel: raises,
			status: 426, body: "this address speaks WebSocket only",
		},
		{
			name: "not GET", method: "POST", header: evil, ready: unavailable, sel: raises,
			status: 405, body: "a WebSocket is opened with GET",
		},
		{
			name: "no proper upgrade", method: "GET", header: broken, ready: unavailable, sel: raises,
			status: 400, body: "header Sec-WebSocket-Key must be 16 octets in base64",
		},
		{
			name: "origin", method: "GET", header: evil, ready: unavailable, sel: raises,
			status: 403, body: "pages of this origin may not connect here",
			logged: `level=WARN msg="origin refused; add it to origins to let it in" endpoint=x origin=https://evil.example host=app.example where=gramex.yaml:20:7`,
		},
		{
			name: "not ready", method: "GET", header: upgrade(), ready: unavailable, sel: raises,
			status: 503, body: soon, retry: "1", heard: []string{"ready 1?"},
			logged: `level=WARN msg="not ready to run functions" endpoint=x err="worker starts: unavailable"`,
		},
		{
			name: "not ready in time", method: "GET", header: upgrade(), ready: late, sel: raises,
			status: 503, body: soon, retry: "1", heard: []string{"ready 1?"}, took: 2 * time.Second,
			logged: `level=WARN msg="not ready to run functions" endpoint=x err="context deadline exceeded"`,
		},
		{
			name: "select_subprotocol raises", method: "GET", header: upgrade(), sel: raises,
			status: 500, body: "the function that selects a subprotocol raised; the server's log says why",
			heard:  []string{"ready 1?", "call select_subprotocol 1", "forget 1"},
			logged: `level=ERROR msg="function raised" endpoint=x conn=1 hook=select_subprotocol bytes=0 err="ValueError: a secret" traceback="Traceback\nValueError: a secret"`,
		},
		{
			name: "select_subprotocol is late", method: "GET", header: upgrade(),
			sel: func(ctx context.Context, _ call.Info) (call.Value, error) {
				<-ctx.Done()
				return call.Value{}, ctx.Err()
			},
			status: 503, body: soon, retry: "1", heard: []string{"ready 1?", "call select_subprotocol 1", "forget 1"}, took: 2 * time.Second,
			logged: `level=WARN msg="select_subprotocol not answered" endpoint=x err="context deadline exceeded"`,
		},
		{
			name: "select_subprotocol did not run", method: "GET", header: upgrade(), sel: returns(call.Value{}, parley.ErrUnavailable),
			status: 503, body: soon, retry: "1", heard: []string{"ready 1?", "call select_subprotocol 1", "forget 1"},
			logged: `level=WARN msg="select_subprotocol not answered"`,
		},
		{
			name: "select_subprotocol makes one up", method: "GET", header: upgrade("Sec-WebSocket-Protocol", "a, b"),
			sel:    returns(call.Value{Kind: call.Text, Data: []byte("c")}, nil),
			status: 500, body: "the selected subprotocol is none that was offered", heard: []string{"ready 1?", "call select_subprotocol 1", "forget 1"},
			logged: `level=ERROR msg="select_subprotocol returned what the client did not offer" endpoint=x conn=1 returned=c offered=2`,
		},
		{
			name: "select_subprotocol returns no text", method: "GET", header: upgrade("Sec-WebSocket-Protocol", "1"),
			sel:    returns(call.Value{Kind: call.JSON, Data: []byte("1")}, nil),
			status: 500, body: "the selected subprotocol is none that was offered", heard: []string{"ready 1?", "call select_subprotocol 1", "forget 1"},
			logged: `level=ERROR msg="select_subprotocol returned what the client did not offer"`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.puppet.ready = tc.ready
				if tc.sel != nil {
					st.selects(tc.sel)
				}
				st.serve(endpoint.Options{Origins: origins(t, "gramener.com"), OriginsWhere: "gramex.yaml:20:7"})
				began := time.Now()
				resp, body := st.get(tc.method, tc.header)
				if took := time.Since(began); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
				if resp.StatusCode != tc.status || body != tc.body+"\n" {
					t.Errorf("%d %q, want %d %q", resp.StatusCode, body, tc.status, tc.body)
				}
				if kind := resp.Header.Get("Content-Type"); kind != "text/plain; charset=utf-8" {
					t.Errorf("Content-Type = %s", kind)
				}
				if retry := resp.Header.Get("Retry-After"); retry != tc.retry {
					t.Errorf("Retry-After = %q, want %q", retry, tc.retry)
				}
				if cookie := resp.Header.Get("Set-Cookie"); cookie != "" {
					t.Errorf("a refusal sets the cookie %s", cookie)
				}
				if heard := st.puppet.Heard(); !slices.Equal(heard, tc.heard) {
					t.Errorf("the runtime heard %q, want %q", heard, tc.heard)
				}
				if live := st.sessions.Stats().Live; live != 0 {
					t.Errorf("%d sessions are still held", live)
				}
				lines := st.log.With("")
				switch {
				case tc.logged == "" && len(lines) > 0:
					t.Errorf("logged %q", lines)
				case tc.logged != "" && (len(lines) != 1 || !strings.Contains(lines[0], tc.logged)):
					t.Errorf("logged %q\nwant one line with %s", lines, tc.logged)
				}
				if err := st.socket.Wait(t.Context()); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestWhileTheServerStops(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{})
		if err := st.engine.Shutdown(t.Context(), parley.CloseGoingAway, "", 0); err != nil {
			t.Fatal(err)
		}
		resp, body := st.get("GET", upgrade())
		if resp.StatusCode != 503 || body != "the server is stopping\n" || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%d %q, Retry-After %q", resp.StatusCode, body, resp.Header.Get("Retry-After"))
		}
		if heard := st.puppet.Heard(); len(heard) > 0 {
			t.Errorf("the runtime heard %q", heard)
		}
	})
}

// The server begins to stop while the handshake waits for the runtime.
func TestStoppingDuringAHandshake(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.selects(func(context.Context, call.Info) (call.Value, error) { return call.Value{}, nil })
		st.puppet.ready = func(context.Context) error {
			return st.engine.Shutdown(t.Context(), parley.CloseGoingAway, "", 0)
		}
		st.serve(endpoint.Options{})
		resp, body := st.get("GET", upgrade())
		if resp.StatusCode != 503 || body != "the server is stopping\n" || resp.Header.Get("Retry-After") == "" {
			t.Errorf("%d %q, Retry-After %q", resp.StatusCode, body, resp.Header.Get("Retry-After"))
		}
		if heard, want := st.puppet.Heard(), []string{"ready 1?", "call select_subprotocol 1", "forget 1"}; !slices.Equal(heard, want) {
			t.Errorf("the runtime heard %q, want %q", heard, want)
		}
		if live := st.sessions.Stats().Live; live != 0 {
			t.Errorf("%d sessions are still held", live)
		}
		if err := st.socket.Wait(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

func TestRefusedOriginsAreToldOncePerMinute(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{Origins: origins(t, "gramener.com"), OriginsWhere: "gramex.yaml:20:7"})
		refuse := func(origin string, times int) {
			for range times {
				if resp, _ := st.get("GET", upgrade("Origin", origin)); resp.StatusCode != 403 {
					t.Fatalf("%s: %d", origin, resp.StatusCode)
				}
			}
		}
		refuse("https://evil.example", 3)
		refuse("https://other.example", 2)
		time.Sleep(time.Minute)
		refuse("https://evil.example", 2)
		refuse("https://long.example/"+strings.Repeat("x", 2000), 1)

		evil := st.log.With("origin refused", "origin=https://evil.example ", "where=gramex.yaml:20:7")
		if len(evil) != 2 || !strings.HasSuffix(evil[1], " repeats=2") {
			t.Errorf("logged %q", evil)
		}
		if other := st.log.With("origin refused", "origin=https://other.example "); len(other) != 1 {
			t.Errorf("logged %q", other)
		}
		if long := st.log.With("origin=https://long.example/"); len(long) != 1 || len(long[0]) > 500 {
			t.Errorf("logged %q", long)
		}
	})
}

func TestAllowedOriginsConnect(t *testing.T) {
	for _, header := range []http.Header{nil, {"Origin": {"http://localhost:9988"}}} {
		perform(t, func(t *testing.T, st *stage) {
			st.serve(endpoint.Options{Origins: origins(t, "localhost")})
			st.dial(websocket.DialOptions{HTTPHeader: header})
			if got, want := st.puppet.Heard(), []string{"ready 1?", "open 1"}; !slices.Equal(got, want) {
				t.Errorf("the runtime heard %q, want %q", got, want)
			}
		})
	}
}

func TestSubprotocols(t *testing.T) {
	for _, tc := range []struct {
		name    string
		offered []string
		value   call.Value
		want    string
	}{
		{"one that was offered", []string{"a", "b"}, call.Value{Kind: call.Text, Data: []byte("b")}, "b"},
		{"none", []string{"a"}, call.Value{}, ""},
		{"the empty text", []string{"a"}, call.Value{Kind: call.Text}, ""},
		{"none offered", nil, call.Value{}, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				var asked call.Info
				st.selects(func(_ context.Context, info call.Info) (call.Value, error) {
					asked = info
					return tc.value, nil
				})
				st.serve(endpoint.Options{})
				p := st.dial(websocket.DialOptions{Subprotocols: tc.offered})
				if got := p.response.Header.Get("Sec-WebSocket-Protocol"); got != tc.want {
					t.Errorf("selected %q, want %q", got, tc.want)
				}
				if got, want := st.puppet.Heard(), []string{"ready 1?", "call select_subprotocol 1", "open 1"}; !slices.Equal(got, want) {
					t.Errorf("the runtime heard %q, want %q", got, want)
				}
				info := st.puppet.Stream(t, 0).info
				if info.Subprotocol != tc.want || !slices.Equal(info.Subprotocols, tc.offered) || !slices.Equal(asked.Subprotocols, tc.offered) {
					t.Errorf("opened with %q of %q, asked with %q", info.Subprotocol, info.Subprotocols, asked.Subprotocols)
				}
				if asked.Conn != info.Conn || asked.Session != info.Session {
					t.Error("select_subprotocol and open belong to different connections or sessions")
				}
			})
		})
	}
}

func TestWithoutSelectSubprotocolNoneIsSelected(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{})
		p := st.dial(websocket.DialOptions{Subprotocols: []string{"a"}})
		if got := p.response.Header.Values("Sec-WebSocket-Protocol"); len(got) > 0 {
			t.Errorf("selected %q", got)
		}
	})
}

func TestHeadersOfThe101(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{Headers: http.Header{
			"x-frame-options": {"DENY"}, "Set-Cookie": {"a=1"}, "Server": nil,
			"Connection": {"close"}, "Sec-Websocket-Accept": {"mine"},
		}})
		for range 2 { // what one handshake adds is not in the next
			resp := st.dial(websocket.DialOptions{}).response
			var names []string
			for _, cookie := range resp.Cookies() {
				names = append(names, cookie.Name)
			}
			if want := []string{"a", "sid"}; !slices.Equal(names, want) {
				t.Errorf("cookies %q, want %q", names, want)
			}
			if got := resp.Header.Get("X-Frame-Options"); got != "DENY" {
				t.Errorf("X-Frame-Options = %q", got)
			}
			if got := resp.Header["Connection"]; !slices.Equal(got, []string{"Upgrade"}) {
				t.Errorf("Connection = %q", got)
			}
		}
	})
}

func TestTheCookieComesWithThe101(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{})
		first := st.dial(websocket.DialOptions{})
		cookies := first.response.Cookies()
		if len(cookies) != 1 || cookies[0].Name != "sid" {
			t.Fatalf("cookies = %v", cookies)
		}
		second := st.dial(websocket.DialOptions{HTTPHeader: http.Header{"Cookie": {cookies[0].Name + "=" + cookies[0].Value}}})
		if got := second.response.Cookies(); len(got) > 0 {
			t.Errorf("a browser that has the cookie gets %v", got)
		}
		if a, b := st.puppet.Stream(t, 0).info.Session.ID(), st.puppet.Stream(t, 1).info.Session.ID(); a != b {
			t.Errorf("sessions %s and %s, want one", a, b)
		}
	})
}

func TestWhatTheRuntimeLearnsAtOpen(t *testing.T) {
	for _, tc := range []struct {
		groups []string
		args   int
		kwargs []string
	}{
		{nil, 0, nil},
		{[]string{"", ""}, 2, nil},
		{[]string{"", "room"}, 0, []string{"room"}},
	} {
		perform(t, func(t *testing.T, st *stage) {
			st.serve(endpoint.Options{Groups: tc.groups})
			st.dial(websocket.DialOptions{})
			info := st.puppet.Stream(t, 0).info
			if info.Endpoint != "x" || info.Conn != 1 || info.Session == nil {
				t.Errorf("info = %+v", info)
			}
			if r := info.Request; r.RemoteAddr != "192.0.2.7:4711" || r.URL.Scheme != "http" || r.Host != "app.example" {
				t.Errorf("request from %s by %s to %s", r.RemoteAddr, r.URL.Scheme, r.Host)
			}
			if len(info.PathArgs) != tc.args || len(info.PathKwargs) != len(tc.kwargs) {
				t.Errorf("groups %q: args %v, kwargs %v", tc.groups, info.PathArgs, info.PathKwargs)
			}
			for _, name := range tc.kwargs {
				if v := info.PathKwargs[name]; v == nil || *v != "v" {
					t.Errorf("group %s = %v", name, v)
				}
			}
		})
	}
}

// What a function asks for during the handshake, and what it asks for in a
// handshake that is refused afterwards.
func TestEffectsOfSelectSubprotocol(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		perform(t, func(t *testing.T, st *stage) {
			st.program.Why[call.SelectSubprotocol] = ""
			drained := false
			st.puppet.answer = func(_ context.Context, _ call.Info, _ call.Hook, effects call.Effects) (call.Value, error) {
				_ = effects.Write(parley.Text, []byte("too early"))
				_ = effects.Ping(nil)
				effects.Subscribe("lobby")
				effects.Publish("lobby", parley.Message{Kind: parley.Text, Data: []byte("too early")})
				effects.SetSession(parley.SessionChange{Set: map[string]json.RawMessage{"k": json.RawMessage("1")}}, nil)
				effects.Log("a line")
				effects.WhenDrained(func() { drained = true })
				effects.Close(4000, "too early")
				if refuse {
					return call.Value{}, errors.New("no")
				}
				return call.Value{}, nil
			}
			st.serve(endpoint.Options{})
			if refuse {
				if resp, _ := st.get("GET", upgrade()); resp.StatusCode != 503 {
					t.Errorf("status %d", resp.StatusCode)
				}
				if s := st.hub.Stats(); s.Subscriptions != 0 {
					t.Errorf("%d subscriptions are left", s.Subscriptions)
				}
			} else {
				p := st.dial(websocket.DialOptions{})
				st.hub.Publish("lobby", parley.Message{Kind: parley.Text, Data: []byte("now")}, nil)
				p.expect("now")
				if v := st.puppet.Stream(t, 0).info.Session.Values(); string(v["k"]) != "1" {
					t.Errorf("session = %s", v)
				}
			}
			synctest.Wait()
			if len(st.log.With(`msg="a line" endpoint=x conn=1`)) != 1 || !drained {
				t.Errorf("drained %t, logged %q", drained, st.log.With(""))
			}
		})
	}
}
