package endpoint_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/session"
)

// TestAPageIsForWhomItsGuardAdmits, and for nobody else.
func TestAPageIsForWhomItsGuardAdmits(t *testing.T) {
	for _, tc := range []struct {
		name   string
		who    parley.User
		answer answers
		status int
	}{
		{"nobody", nil, says(call.Condition, call.Validate(0)), http.StatusFound},
		{"no member", user("bob", "guest"), says(call.Condition, call.Validate(0)), http.StatusForbidden},
		{"not who the condition is for", user("alice", "trader"), says(call.Validate(0)), http.StatusForbidden},
		{"not now", user("alice", "trader"), says(call.Condition), http.StatusConflict},
		{"a member", user("alice", "trader"), says(call.Condition, call.Validate(0)), http.StatusOK},
	} {
		t.Run(tc.name, func(t *testing.T) {
			perform(t, func(t *testing.T, st *stage) {
				st.puppet.answer = tc.answer
				cookie := ""
				if tc.who != nil {
					cookie, _ = st.logIn(tc.who, session.Terms{})
				}
				resp, served := st.page(endpoint.GuardOptions{
					Rule: traders, Judges: st.judges(call.Condition, call.Validate(0)), Validate: []endpoint.Validity{{Status: http.StatusConflict}},
				}, cookie)
				if resp.StatusCode != tc.status || served != (tc.status == http.StatusOK) {
					t.Errorf("status %d, served %v, want %d", resp.StatusCode, served, tc.status)
				}
				st.untouched(resp)
			})
		})
	}
}

// TestAPageIsValidForNobodyToo: without auth, the functions look at a session
// in which nobody has logged in.
func TestAPageIsValidForNobodyToo(t *testing.T) {
	perform(t, func(t *testing.T, st *stage) {
		st.puppet.answer = func(_ context.Context, info call.Info, _ call.Hook, _ call.Effects) (call.Value, error) {
			return call.Verdict(info.Session != nil && info.Endpoint == "page" && info.Request.URL.Path == "/page"), nil
		}
		resp, served := st.page(endpoint.GuardOptions{
			Judges: st.judges(call.Validate(0)), Validate: []endpoint.Validity{{Status: http.StatusConflict}},
		}, "")
		if resp.StatusCode != http.StatusOK || !served {
			t.Errorf("status %d, served %v", resp.StatusCode, served)
		}
	})
}

// TestAPageKeepsTheLogin of somebody who looks at it, and a refusal does not.
func TestAPageKeepsTheLogin(t *testing.T) {
	for _, tc := range []struct {
		role string
		want time.Duration
	}{{"trader", 15 * time.Minute}, {"guest", 10 * time.Minute}} {
		perform(t, func(t *testing.T, st *stage) {
			cookie, id := st.logIn(user("alice", tc.role), session.Terms{Inactive: 10 * time.Minute})
			time.Sleep(5 * time.Minute)
			st.page(endpoint.GuardOptions{Rule: traders}, cookie)
			s, err := st.sessions.Adopt(t.Context(), id)
			if err != nil {
				t.Fatal(err)
			}
			defer s.Release()
			deadline, _ := s.Deadline()
			if got := time.Until(deadline) + 5*time.Minute; got != tc.want {
				t.Errorf("%s: the login ends after %v, want %v", tc.role, got, tc.want)
			}
		})
	}
}

// page asks for one with a cookie, and reports whether it was served.
func (st *stage) page(opt endpoint.GuardOptions, cookie string) (resp *http.Response, served bool) {
	p := endpoint.NewPage(endpoint.PageOptions{
		Name: "page", Guard: st.guard(opt), Engine: st.engine, Hub: st.hub, Sessions: st.sessions, Log: st.logger(),
		Serve: func(http.ResponseWriter, *http.Request, []*string) { served = true },
	})
	r := httptest.NewRequest("GET", "http://app.example/page", nil)
	r.URL.Scheme, r.RemoteAddr = "http", "192.0.2.7:4711"
	if cookie != "" {
		r.Header.Set("Cookie", cookie)
	}
	w := httptest.NewRecorder()
	p.Serve(w, r, nil)
	return w.Result(), served
}
