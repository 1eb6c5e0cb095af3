package endpoint_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
)

// function makes a FunctionHandler on the stage.
func (st *stage) function(opt endpoint.FunctionOptions) *endpoint.Function {
	opt.Name = "page"
	opt.Program, opt.Engine, opt.Hub, opt.Sessions = st.program, st.engine, st.hub, st.sessions
	opt.Log = st.logger()
	return endpoint.NewFunction(opt)
}

func ask(f *endpoint.Function, method, body string, groups ...*string) *http.Response {
	r := httptest.NewRequest(method, "http://app.example/page?a=1", strings.NewReader(body))
	return askWith(f, r, groups...)
}

func askWith(f *endpoint.Function, r *http.Request, groups ...*string) *http.Response {
	r.URL.Scheme, r.RemoteAddr = "https", "192.0.2.7:4711"
	w := httptest.NewRecorder()
	f.Serve(w, r, groups)
	return w.Result()
}

func TestWhatAFunctionReturns(t *testing.T) {
	configured := http.Header{"cache-control": {"no-store"}, "content-type": {"text/css"}}
	for _, tc := range []struct {
		name    string
		value   call.Value
		headers http.Header
		status  int
		header  map[string]string
		body    string
	}{
		{"text", call.Value{Kind: call.Text, Data: []byte("héllo")}, nil, 200, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "héllo"},
		{"binary", call.Value{Kind: call.Binary, Data: []byte{0xff}}, nil, 200, map[string]string{"Content-Type": "application/octet-stream"}, "\xff"},
		{"JSON", call.Value{Kind: call.JSON, Data: []byte(`{"a":1}`)}, nil, 200, map[string]string{"Content-Type": "application/json"}, `{"a":1}`},
		{"None", call.Value{}, nil, 200, nil, ""},
		{"a status", call.Value{Kind: call.Text, Data: []byte("gone"), Status: 410}, nil, 410, nil, "gone"},
		{"a status without a body", call.Value{Kind: call.Text, Data: []byte("x"), Status: 204}, nil, 204, nil, ""},
		{"configured headers", call.Value{Kind: call.Text, Data: []byte("x")}, configured, 200, map[string]string{"Content-Type": "text/css", "Cache-Control": "no-store"}, "x"},
		{
			"a header that is off",
			call.Value{Kind: call.Text, Data: []byte("<html>")},
			http.Header{"Content-Type": nil, "Server": nil},
			200,
			map[string]string{"Content-Type": "", "Server": ""},
			"<html>",
		},
		{
			"its own headers",
			call.Value{Kind: call.Text, Data: []byte("x"), Header: http.Header{
				"content-type": {"text/csv"}, "Content-Length": {"99"}, "Location": {"/other"},
			}, Status: 302},
			configured, 302,
			map[string]string{"Content-Type": "text/csv", "Cache-Control": "no-store", "Content-Length": "", "Location": "/other"},
			"x",
		},
		{"a status that is none", call.Value{Kind: call.Text, Status: 99}, nil, 500, nil, "the function asked for a status that is none\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.puppet.answer = func(context.Context, call.Info, call.Hook, call.Effects) (call.Value, error) { return tc.value, nil }
				resp := ask(st.function(endpoint.FunctionOptions{Headers: tc.headers}), "GET", "")
				body, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != tc.status || string(body) != tc.body {
					t.Errorf("%d %q, want %d %q", resp.StatusCode, body, tc.status, tc.body)
				}
				for name, want := range tc.header {
					if got := resp.Header.Values(name); strings.Join(got, ";") != want {
						t.Errorf("%s = %q, want %q", name, got, want)
					}
				}
				cookie := resp.Header.Get("Set-Cookie")
				if !strings.HasPrefix(cookie, "__Host-sid=") || !strings.Contains(cookie, "Secure") {
					t.Errorf("Set-Cookie = %q", cookie)
				}
				if live := st.sessions.Stats().Live; live != 0 {
					t.Errorf("%d sessions are held", live)
				}
			})
		})
	}
}

func TestAFunctionsOwnCookieStandsBesideTheSessions(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.puppet.answer = func(context.Context, call.Info, call.Hook, call.Effects) (call.Value, error) {
			return call.Value{Kind: call.Text, Header: http.Header{"Set-Cookie": {"a=1", "b=2"}}}, nil
		}
		resp := ask(st.function(endpoint.FunctionOptions{}), "GET", "")
		var names []string
		for _, cookie := range resp.Cookies() {
			names = append(names, cookie.Name)
		}
		if want := []string{"__Host-sid", "a", "b"}; !slices.Equal(names, want) {
			t.Errorf("cookies %q, want %q", names, want)
		}
	})
}

func TestWhatAFunctionLearns(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "ODD"} {
		perform(t, func(t *testing.T, st *stage) {
			var got call.Info
			st.puppet.answer = func(_ context.Context, info call.Info, hook call.Hook, _ call.Effects) (call.Value, error) {
				got = info
				return call.Value{Kind: call.Text, Data: []byte(hook)}, nil
			}
			group := "v"
			f := st.function(endpoint.FunctionOptions{Groups: []string{"name"}})
			if resp := ask(f, method, "the body", &group); resp.StatusCode != 200 {
				t.Errorf("%s: status %d", method, resp.StatusCode)
			}
			if got.Request.Method != method || string(got.Body) != "the body" || got.Endpoint != "page" || got.Conn == 0 || got.Session == nil {
				t.Errorf("info = %+v", got)
			}
			if v := got.PathKwargs["name"]; v == nil || *v != "v" || got.PathArgs != nil {
				t.Errorf("groups: %v, %v", got.PathKwargs, got.PathArgs)
			}
		})
	}
}

func TestWhatAFunctionMayDo(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.serve(endpoint.Options{})
		p := st.dial(websocket.DialOptions{})
		st.puppet.Stream(t, 0).Subscribe("lobby")
		var later call.Effects
		var sess parley.SharedSession
		set := func(effects call.Effects, value string) {
			effects.SetSession(parley.SessionChange{Set: map[string]json.RawMessage{"k": json.RawMessage(value)}}, nil)
		}
		st.puppet.answer = func(_ context.Context, info call.Info, _ call.Hook, effects call.Effects) (call.Value, error) {
			later, sess = effects, info.Session
			data := []byte("news")
			effects.Publish("lobby", parley.Message{Kind: parley.Text, Data: data})
			copy(data, "olds")
			set(effects, "1")
			effects.Log("a line")
			effects.Subscribe("lobby")
			_ = effects.Write(parley.Text, []byte("nobody"))
			_ = effects.Ping(nil)
			effects.Close(4000, "")
			effects.Unsubscribe("lobby")
			effects.Done(1)
			effects.Fail(&call.FunctionError{})
			effects.Ended()
			drained := false
			effects.WhenDrained(func() { drained = true })
			return call.Value{Kind: call.Text, Data: fmt.Append(nil, drained)}, nil
		}
		resp := ask(st.function(endpoint.FunctionOptions{}), "POST", "")
		if body, _ := io.ReadAll(resp.Body); string(body) != "true" {
			t.Errorf("the function waited for a drain, or failed: %q", body)
		}
		p.expect("news")
		if got := sess.Values(); string(got["k"]) != "1" {
			t.Errorf("session %s", got)
		}
		set(later, "2")
		if got := sess.Values(); string(got["k"]) != "1" {
			t.Errorf("session %s: changed after the answer", got)
		}
		if lines := st.log.With(`level=INFO msg="a line" endpoint=page conn=2`); len(lines) != 1 {
			t.Errorf("logged %q", st.log.With(""))
		}
	})
}

func TestFunctionRefusals(t *testing.T) {
	fails := func(err error) func(context.Context, call.Info, call.Hook, call.Effects) (call.Value, error) {
		return func(context.Context, call.Info, call.Hook, call.Effects) (call.Value, error) {
			return call.Value{}, err
		}
	}
	raised := &call.FunctionError{Hook: call.Function, Message: "ValueError: a secret", Traceback: "Traceback\nValueError: a secret"}
	const soon = "not available now; try again soon\n"
	for _, tc := range []struct {
		name   string
		body   string
		ready  func(context.Context) error
		answer func(context.Context, call.Info, call.Hook, call.Effects) (call.Value, error)
		status int
		want   string
		retry  string
		heard  []string
		logged string
		took   time.Duration
	}{
		{
			name: "the body is too large", body: strings.Repeat("x", 101), answer: fails(raised),
			status: 413, want: "the body is too large\n",
		},
		{
			name: "not ready", ready: func(context.Context) error { return parley.ErrUnavailable }, answer: fails(raised),
			status: 503, want: soon, retry: "1", heard: []string{"ready 1?"}, logged: `level=WARN msg="not ready to run functions" endpoint=page err=unavailable`,
		},
		{
			name: "not ready in time", answer: fails(raised),
			ready: func(ctx context.Context) error {
				<-ctx.Done()
				return ctx.Err()
			},
			status: 503, want: soon, retry: "1", heard: []string{"ready 1?"}, took: 2 * time.Second,
			logged: `level=WARN msg="not ready to run functions" endpoint=page err="context deadline exceeded"`,
		},
		{
			name: "raised", body: strings.Repeat("x", 100), answer: fails(raised),
			status: 500, want: "the function raised; the server's log says why\n", heard: []string{"ready 1?", "call function 1"},
			logged: `level=ERROR msg="function raised" endpoint=page conn=1 hook=function bytes=0 err="ValueError: a secret" traceback="Traceback\nValueError: a secret"`,
		},
		{
			name: "did not run", answer: fails(fmt.Errorf("worker died: %w", parley.ErrUnavailable)),
			status: 503, want: soon, retry: "1", heard: []string{"ready 1?", "call function 1"},
			logged: `level=WARN msg="function not answered" endpoint=page err="worker died: unavailable"`,
		},
		{
			name: "late", answer: func(ctx context.Context, _ call.Info, _ call.Hook, _ call.Effects) (call.Value, error) {
				<-ctx.Done()
				return call.Value{}, ctx.Err()
			},
			status: 503, want: soon, retry: "1", heard: []string{"ready 1?", "call function 1"}, took: 30 * time.Second,
			logged: `level=WARN msg="function not answered" endpoint=page err="context deadline exceeded"`,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.puppet.ready, st.puppet.answer = tc.ready, tc.answer
				began := time.Now()
				resp := ask(st.function(endpoint.FunctionOptions{MaxBody: 100}), "POST", tc.body)
				if took := time.Since(began); took != tc.took {
					t.Errorf("took %v, want %v", took, tc.took)
				}
				body, _ := io.ReadAll(resp.Body)
				if resp.StatusCode != tc.status || string(body) != tc.want {
					t.Errorf("%d %q, want %d %q", resp.StatusCode, body, tc.status, tc.want)
				}
				if retry := resp.Header.Get("Retry-After"); retry != tc.retry {
					t.Errorf("Retry-After = %q, want %q", retry, tc.retry)
				}
				if heard := st.puppet.Heard(); !slices.Equal(heard, tc.heard) {
					t.Errorf("the runtime heard %q, want %q", heard, tc.heard)
				}
				if live := st.sessions.Stats().Live; live != 0 {
					t.Errorf("%d sessions are held", live)
				}
				lines := st.log.With("")
				if len(lines) > 1 || (tc.logged != "") != (len(lines) == 1) || len(lines) == 1 && !strings.Contains(lines[0], tc.logged) {
					t.Errorf("logged %q\nwant    %s", lines, tc.logged)
				}
			})
		})
	}
}

// cutShort is a body that breaks off.
type cutShort struct{}

func (cutShort) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

func TestABodyThatBreaksOff(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		r := httptest.NewRequest("POST", "/page", cutShort{})
		if resp := askWith(st.function(endpoint.FunctionOptions{}), r); resp.StatusCode != 400 {
			t.Errorf("status %d, want 400", resp.StatusCode)
		}
		if heard := st.puppet.Heard(); len(heard) > 0 {
			t.Errorf("the runtime heard %q", heard)
		}
	})
}

func TestAClientThatGoesAwayIsNotLogged(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.puppet.answer = func(ctx context.Context, _ call.Info, _ call.Hook, _ call.Effects) (call.Value, error) {
			<-ctx.Done()
			return call.Value{}, ctx.Err()
		}
		ctx, cancel := context.WithCancel(t.Context())
		f := st.function(endpoint.FunctionOptions{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			askWith(f, httptest.NewRequest("GET", "/page", nil).WithContext(ctx))
		}()
		synctest.Wait()
		cancel()
		<-done
		if lines := st.log.With(""); len(lines) > 0 {
			t.Errorf("logged %q", lines)
		}
		if live := st.sessions.Stats().Live; live != 0 {
			t.Errorf("%d sessions are held", live)
		}
	})
}
