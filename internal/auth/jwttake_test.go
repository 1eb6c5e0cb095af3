package auth_test

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"parley.example/parley/internal/auth"
)

var everywhere = auth.Sources{Header: true, Query: true, Subprotocol: true}

// get is a request as a server reads it.
func get(t testing.TB, target string, header ...string) *http.Request {
	t.Helper()
	text := "GET " + target + " HTTP/1.1\r\nHost: a.example\r\n" + strings.Join(header, "\r\n")
	if len(header) > 0 {
		text += "\r\n"
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text + "\r\n")))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// shown is all of a request that a token could stand in.
func shown(r *http.Request) string {
	text := fmt.Sprint(r.RequestURI, " ", r.URL.String(), " ", r.URL.RawQuery, " ", r.Form)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		text += fmt.Sprintf(" %s=%q", name, r.Header[name])
	}
	return text
}

func TestTake(t *testing.T) {
	for _, tc := range []struct {
		target string
		header []string
		token  string
		rest   string // the query
		kept   string // the header
	}{
		{"/chat", nil, "", "", ""},
		{"/chat?a=1&b=%20", []string{"Authorization: Basic YTpi", "Sec-WebSocket-Protocol: parley"}, "", "a=1&b=%20", "Authorization: [Basic YTpi] Sec-Websocket-Protocol: [parley]"},

		{"/chat", []string{"Authorization: Bearer T.T.T"}, "T.T.T", "", ""},
		{"/chat", []string{"authorization: bEARER   T.T.T  "}, "T.T.T", "", ""},
		{"/chat", []string{"Authorization: Bearer\tT.T.T"}, "T.T.T", "", ""},
		{"/chat", []string{"Authorization: Bearer T.T.T, x"}, "T.T.T, x", "", ""},
		{"/chat", []string{"Authorization: Basic YTpi", "Authorization: Bearer T.T.T"}, "T.T.T", "", "Authorization: [Basic YTpi]"},
		{"/chat", []string{"Authorization: BearerT.T.T"}, "", "", "Authorization: [BearerT.T.T]"},

		{"/chat?token=T.T.T", nil, "T.T.T", "", ""},
		{"/chat?a=1&token=T.T.T&b=%2526", nil, "T.T.T", "a=1&b=%2526", ""},
		{"/chat?%74oken=T%2eT.T&", nil, "T.T.T", "", ""},
		{"/chat?&&token=T.T.T&&", nil, "T.T.T", "&&&", ""},
		{"/chat?token=%zz", nil, "%zz", "", ""},
		{"/chat?token=T=T?T", nil, "T=T?T", "", ""},
		{"/chat?Token=x&tokens=y&%zz=z&token[]=w", nil, "", "Token=x&tokens=y&%zz=z&token[]=w", ""},
		{"http://a.example/chat?token=T.T.T&a=1", nil, "T.T.T", "a=1", ""},

		{"/chat", []string{"Sec-WebSocket-Protocol: parley, bearer.T.T.T"}, "T.T.T", "", "Sec-Websocket-Protocol: [parley]"},
		{"/chat", []string{"Sec-WebSocket-Protocol: bearer.T.T.T,parley ,chat"}, "T.T.T", "", "Sec-Websocket-Protocol: [parley ,chat]"},
		{"/chat", []string{"Sec-WebSocket-Protocol: a", "sec-websocket-protocol: BEARER.T.T.T", "Sec-WebSocket-Protocol: b"}, "T.T.T", "", "Sec-Websocket-Protocol: [a b]"},
		{"/chat", []string{"Sec-WebSocket-Protocol: bearer.T.T.T"}, "T.T.T", "", ""},
		{"/chat", []string{"Sec-WebSocket-Protocol: bearer, bearerT, x.bearer.T"}, "", "", "Sec-Websocket-Protocol: [bearer, bearerT, x.bearer.T]"},
	} {
		r := get(t, tc.target, tc.header...)
		before := shown(r)
		token, rest, err := everywhere.Take(r)
		if err != nil || token != tc.token {
			t.Errorf("%s %q: token = %q, error = %v", tc.target, tc.header, token, err)
		}
		if shown(r) != before {
			t.Errorf("%s %q: changed the request to %s", tc.target, tc.header, shown(r))
		}
		if token == "" && rest != r {
			t.Errorf("%s %q: a copy, for nothing", tc.target, tc.header)
		}
		if token != "" && strings.Contains(shown(rest), token) {
			t.Errorf("%s %q: the rest has the token: %s", tc.target, tc.header, shown(rest))
		}
		_, query, _ := strings.Cut(rest.RequestURI, "?")
		if rest.URL.RawQuery != tc.rest || query != tc.rest || rest.URL.Path != "/chat" || !strings.HasSuffix(strings.TrimSuffix(rest.RequestURI, "?"+query), "/chat") {
			t.Errorf("%s %q: rest %s %s, want %s", tc.target, tc.header, rest.RequestURI, rest.URL, tc.rest)
		}
		var kept []string
		for _, name := range slices.Sorted(maps.Keys(rest.Header)) {
			kept = append(kept, fmt.Sprintf("%s: %s", name, rest.Header[name]))
		}
		if got := strings.Join(kept, " "); got != tc.kept {
			t.Errorf("%s %q: headers %s, want %s", tc.target, tc.header, got, tc.kept)
		}
	}
}

func TestTakeRefuses(t *testing.T) {
	const b, q, p = "Authorization: Bearer T1", "/chat?token=T2", "Sec-WebSocket-Protocol: bearer.T3, parley"
	for _, tc := range []struct {
		target string
		header []string
		want   error
	}{
		{q, []string{b}, auth.ErrAmbiguous},
		{q, []string{p}, auth.ErrAmbiguous},
		{"/chat", []string{b, p}, auth.ErrAmbiguous},
		{"/chat?token=T1", []string{b}, auth.ErrAmbiguous},
		{"/chat?token=T2&token=T2", nil, auth.ErrAmbiguous},
		{"/chat?token=T2&%74oken=", nil, auth.ErrAmbiguous},
		{"/chat", []string{b, b}, auth.ErrAmbiguous},
		{"/chat", []string{b, "Authorization: bearer"}, auth.ErrAmbiguous},
		{"/chat", []string{p, p}, auth.ErrAmbiguous},
		{"/chat", []string{"Sec-WebSocket-Protocol: bearer.T3, Bearer.T4"}, auth.ErrAmbiguous},
		{"/chat?token=", nil, auth.ErrToken},
		{"/chat?a=1&token", nil, auth.ErrToken},
		{"/chat", []string{"Authorization: Bearer"}, auth.ErrToken},
		{"/chat", []string{"Sec-WebSocket-Protocol: parley, bearer."}, auth.ErrToken},
	} {
		token, rest, err := everywhere.Take(get(t, tc.target, tc.header...))
		if !errors.Is(err, tc.want) || token != "" {
			t.Errorf("%s %q: token = %q, error = %v, want %v", tc.target, tc.header, token, err, tc.want)
		}
		for _, token := range []string{"T1", "T2", "T3", "T4", "oken", "earer"} {
			if strings.Contains(shown(rest), token) || err != nil && strings.Contains(err.Error(), "T1") {
				t.Errorf("%s %q: the rest has %q: %s", tc.target, tc.header, token, shown(rest))
			}
		}
	}
}

// A place that does not count is not looked at, and stays.
func TestTakeOnlyWhereConfigured(t *testing.T) {
	const b, q, p = "Authorization: Bearer T1", "/chat?token=T2", "Sec-WebSocket-Protocol: parley, bearer.T3"
	for from, want := range map[auth.Sources]string{
		{}: "", {Header: true}: "T1", {Query: true}: "T2", {Subprotocol: true}: "T3",
	} {
		token, rest, err := from.Take(get(t, q, b, p))
		if token != want || err != nil {
			t.Errorf("%+v: token = %q, error = %v", from, token, err)
		}
		for _, text := range []string{"T1", "T2", "T3"} {
			if strings.Contains(shown(rest), text) != (text != want) {
				t.Errorf("%+v: rest %s", from, shown(rest))
			}
		}
	}
}

func TestTakeAfterParseForm(t *testing.T) {
	r := get(t, "/chat?token=T.T.T&ticket=K&a=1")
	must(r.ParseForm())
	_, rest, err := everywhere.Take(r)
	must(err)
	ticket, rest, err := auth.TakeTicket(rest)
	must(err)
	if got := rest.FormValue("token") + rest.FormValue("ticket") + rest.FormValue("a"); got != "1" || ticket != "K" {
		t.Errorf("form %v, ticket %q", rest.Form, ticket)
	}
	if r.FormValue("token") != "T.T.T" {
		t.Error("the request itself is changed")
	}
}

func TestTakeTicket(t *testing.T) {
	for target, want := range map[string]string{
		"/chat?ticket=K":             "K /chat ",
		"/chat?a=1&ticket=K&token=T": "K /chat?a=1&token=T a=1&token=T",
		"/chat?tickets=K":            " /chat?tickets=K tickets=K",
		"/chat":                      " /chat ",
	} {
		ticket, rest, err := auth.TakeTicket(get(t, target))
		if got := ticket + " " + rest.RequestURI + " " + rest.URL.RawQuery; got != want || err != nil {
			t.Errorf("%s: %s, %v", target, got, err)
		}
	}
	for target, want := range map[string]error{"/chat?ticket=K&ticket=K": auth.ErrAmbiguous, "/chat?ticket": auth.ErrToken} {
		if ticket, rest, err := auth.TakeTicket(get(t, target)); !errors.Is(err, want) || ticket != "" || rest.URL.RawQuery != "" {
			t.Errorf("%s: %q, %s, %v", target, ticket, rest.URL, err)
		}
	}
}

// Requests of tests and of programs have no RequestURI.
func TestTakeWithoutRequestURI(t *testing.T) {
	r := httptest.NewRequest("GET", "/chat?token=T", nil)
	r.RequestURI = ""
	token, rest, err := everywhere.Take(r)
	if token != "T" || err != nil || rest.RequestURI != "" || rest.URL.RawQuery != "" {
		t.Errorf("%q, %v, %s %s", token, err, rest.RequestURI, rest.URL)
	}
}

// Half a megabyte of each header, in the forms that parsers choke on.
func TestTakeIsLinear(t *testing.T) {
	for _, text := range []string{",", ", ", "bearer.", "bearer.,", "a,", "\"", "Bearer ", "\\", "&", "token=&", "%74oken&", "%", "; ", "=", "&%zz"} {
		long := strings.Repeat(text, 1<<19/len(text))
		r := &http.Request{Header: http.Header{"Authorization": {long, "Bearer" + strings.Repeat(" ", 1<<19)}, "Sec-Websocket-Protocol": {long}}}
		r.URL = get(t, "/chat").URL
		r.URL.RawQuery = long
		r.RequestURI = "/chat?" + long
		if _, _, err := everywhere.Take(r); err == nil {
			t.Errorf("%q: accepted", text)
		}
		_, _, _ = auth.TakeTicket(r)
	}
}

func FuzzTake(f *testing.F) {
	for _, query := range []string{"", "token=a", "a=1&token=b&token=", "%74oken=%zz&ticket=k"} {
		f.Add(query, "Bearer x", "parley, bearer.y")
		f.Add(query, "bearer", ",bearer.,")
		f.Add(query, "", "")
	}
	f.Fuzz(func(t *testing.T, query, authorization, protocols string) {
		r := &http.Request{Header: http.Header{"Authorization": {authorization}, "Sec-Websocket-Protocol": {protocols}}}
		r.URL = get(t, "/chat").URL
		r.URL.RawQuery = query
		r.RequestURI = "/chat?" + query
		before := shown(r)
		token, rest, err := everywhere.Take(r)
		if shown(r) != before {
			t.Fatal("the request is changed")
		}
		if token != "" && err != nil {
			t.Fatalf("token %q and error %v", token, err)
		}
		// Nothing is left to be taken, and nothing else is lost.
		again, same, err := everywhere.Take(rest)
		if again != "" || err != nil || same != rest {
			t.Fatalf("the rest has %q, %v", again, err)
		}
		_, uri, has := strings.Cut(rest.RequestURI, "?")
		if uri != rest.URL.RawQuery || rest.URL.RawQuery != query && !has && uri != "" {
			t.Fatalf("URI %q, query %q", rest.RequestURI, rest.URL.RawQuery)
		}
		if values := rest.URL.Query(); values.Has("token") {
			t.Fatalf("the rest has %v", values)
		}
	})
}
