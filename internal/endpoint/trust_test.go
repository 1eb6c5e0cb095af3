package endpoint_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"parley.example/parley"
	"parley.example/parley/internal/auth"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/endpoint"
	"parley.example/parley/internal/session"
)

// What the tests of logins, tokens and tickets share.

func user(id, role string) parley.User {
	text := func(s string) json.RawMessage { b, _ := json.Marshal(s); return b }
	return parley.User{"id": text(id), "role": text(role)}
}

var traders = &auth.Rule{LoginURL: "/login", Query: "next", Membership: []auth.Group{{"role": {"trader"}}}}

// logIn returns the cookie and the id of a new session of u.
func (st *stage) logIn(u parley.User, terms session.Terms) (cookie, id string) {
	st.t.Helper()
	s, err := st.sessions.Login(st.t.Context(), nil, u, terms)
	if err != nil {
		st.t.Fatal(err)
	}
	defer s.Release()
	return st.cookieOf(s), s.ID()
}

func (st *stage) cookieOf(s *session.Session) string {
	h := http.Header{}
	st.sessions.SetCookie(h, s, false)
	cookie, _, _ := strings.Cut(h.Get("Set-Cookie"), ";")
	return cookie
}

// guard makes a guard on the stage.
func (st *stage) guard(opt endpoint.GuardOptions) *endpoint.Guard {
	opt.Name, opt.Log = "x", st.logger()
	return endpoint.NewGuard(opt)
}

// judges are functions that judge: what they say is puppet.answer's.
func (st *stage) judges(hooks ...call.Hook) *call.Program {
	p := &call.Program{Runtime: st.puppet, Name: "puppet", Why: map[call.Hook]string{}}
	for _, hook := range hooks {
		p.Why[hook] = ""
	}
	return p
}

// says plays functions that judge: all say no but those named.
func says(yes ...call.Hook) func(context.Context, call.Info, call.Hook, call.Effects) (call.Value, error) {
	return func(_ context.Context, _ call.Info, hook call.Hook, _ call.Effects) (call.Value, error) {
		for _, h := range yes {
			if h == hook {
				return call.Verdict(true), nil
			}
		}
		return call.Verdict(false), nil
	}
}

var tokenSecret = []byte("a secret of the tests, 32 bytes or more")

// tokens takes those that tokenOf makes, from everywhere.
func tokens(t *testing.T, grace time.Duration) *endpoint.Tokens {
	t.Helper()
	v, err := auth.NewVerifier(auth.VerifierOptions{
		Secrets: [][]byte{tokenSecret},
		JWKS:    "https://issuer.example/keys", // which is never fetched
		User:    map[string]string{"id": "sub", "role": "role"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return &endpoint.Tokens{Verifier: v, Grace: grace, Sources: auth.Sources{Header: true, Query: true, Subprotocol: true}}
}

func tokenOf(t *testing.T, id, role string, valid time.Duration) string {
	t.Helper()
	token, err := auth.SignHS(tokenSecret, map[string]any{"sub": id, "role": role, "exp": time.Now().Add(valid).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// unverifiable is a token whose key is only known to the issuer.
const unverifiable = "eyJhbGciOiJFUzI1NiIsImtpZCI6ImEifQ.eyJzdWIiOiJhbGljZSIsImV4cCI6OTk5OTk5OTk5OX0." +
	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// untouched checks that a refusal has changed nothing.
func (st *stage) untouched(resp *http.Response) {
	st.t.Helper()
	if cookie := resp.Header.Get("Set-Cookie"); cookie != "" {
		st.t.Errorf("a refusal sets the cookie %s", cookie)
	}
	if live := st.sessions.Stats().Live; live != 0 {
		st.t.Errorf("%d sessions are held", live)
	}
}
