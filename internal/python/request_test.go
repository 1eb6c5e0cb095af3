package python

import (
	"encoding/binary"
	"encoding/json"
	"net/http/httptest"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

func TestRequestAsTheWorkerGetsIt(t *testing.T) {
	for name, test := range map[string]struct {
		method, target, remote, scheme string
		header                         [][2]string
		body                           string
		want                           string
	}{
		"a handshake": {
			"GET", "/a%20b/c?x=1&x=2", "10.0.0.1:5000", "https",
			[][2]string{{"Cookie", "sid=1"}, {"Accept", "b"}, {"Accept", "a"}},
			"",
			`{"method":"GET","uri":"/a%20b/c?x=1\u0026x=2","path":"/a%20b/c","query":"x=1\u0026x=2","host":"example.com",` +
				`"protocol":"https","remote_ip":"10.0.0.1","headers":[["Accept","b"],["Accept","a"],["Cookie","sid=1"],["Host","example.com"]],"body":""}`,
		},
		"a body": {
			"POST", "/", "[::1]:9", "", nil, "hi\xff",
			`{"method":"POST","uri":"/","path":"/","query":"","host":"example.com",` +
				`"protocol":"http","remote_ip":"::1","headers":[["Host","example.com"]],"body":"aGn/"}`,
		},
		"octets that are not UTF-8": {
			"GET", "/", "unix", "",
			[][2]string{{"X", "caf\xe9"}, {"Y", "café"}},
			"",
			`{"method":"GET","uri":"/","path":"/","query":"","host":"example.com",` +
				`"protocol":"http","remote_ip":"unix","headers":[["Host","example.com"],["X","café"],["Y","café"]],"body":""}`,
		},
		"an absolute target": {
			"GET", "http://example.com/p?q", "10.0.0.1:1", "", nil, "",
			`{"method":"GET","uri":"/p?q","path":"/p","query":"q","host":"example.com",` +
				`"protocol":"http","remote_ip":"10.0.0.1","headers":[["Host","example.com"]],"body":""}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest(test.method, test.target, nil)
			r.RemoteAddr, r.URL.Scheme = test.remote, test.scheme
			for _, pair := range test.header {
				r.Header.Add(pair[0], pair[1])
			}
			got, err := json.Marshal(call.NewRequest(r, []byte(test.body)))
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want {
				t.Errorf("request\n%s\nwant\n%s", got, test.want)
			}
			if r.Header.Get("Host") != "" {
				t.Error("the request was changed")
			}
		})
	}
}

func TestHeadOfOpen(t *testing.T) {
	group := "a"
	for user, text := range map[string]string{
		"":                        "",
		"{}":                      `"user":{},`, // a token's user without attributes is not the session's
		`{"id": "a<b", "n": [1]}`: `"user":{"id":"a\u003cb","n":[1]},`,
	} {
		info := call.Info{
			Conn: 17, Request: httptest.NewRequest("GET", "/", nil), Session: &calltest.Session{Name: "s"},
			PathArgs: []*string{&group, nil}, Subprotocols: []string{"x", "y"}, Subprotocol: "y",
		}
		if user != "" {
			info.User = parley.User{}
			if err := json.Unmarshal([]byte(user), &info.User); err != nil {
				t.Fatal(err)
			}
		}
		payload, err := encodeOpen(info, "bot", map[string]json.RawMessage{"k": json.RawMessage(`{"n": 1}`)})
		if err != nil {
			t.Fatal(err)
		}
		want := `{"endpoint":"bot","id":"17",` + text + `"session":{"id":"s","values":{"k":{"n":1}}},"subprotocol":"y",` +
			`"subprotocols":["x","y"],"path_args":["a",null],"path_kwargs":{}}`
		if n := binary.LittleEndian.Uint32(payload); string(payload[4:4+n]) != want {
			t.Errorf("head\n%s\nwant\n%s", payload[4:4+n], want)
		}
	}
}

func TestConfigRow(t *testing.T) {
	r := New(Options{Dirs: []string{"/app"}})
	for _, f := range []call.Functions{
		{Endpoint: "bot", Kwargs: json.RawMessage(`{"a":1}`), Hooks: map[call.Hook]call.Pipeline{
			call.OnMessage: {
				{Name: "n", Function: "bot.f", Where: "gramex.yaml:9:19"},
				{Function: "bot.g(x)", Args: json.RawMessage(`[1]`), Kwargs: json.RawMessage(`{"k":"v"}`)},
			},
		}},
		{Endpoint: "bare"},
	} {
		if _, err := r.Compile(f); err != nil {
			t.Fatal(err)
		}
	}
	got, err := json.Marshal(r.config("w1"))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":3,"name":"w1","dirs":["/app"],"path":[],"endpoints":[` +
		`{"name":"bot","kwargs":{"a":1},"hooks":{"on_message":[` +
		`{"name":"n","function":"bot.f","args":null,"kwargs":null,"where":"gramex.yaml:9:19"},` +
		`{"name":"","function":"bot.g(x)","args":[1],"kwargs":{"k":"v"},"where":""}]}},` +
		`{"name":"bare","kwargs":{},"hooks":{}}]}`
	if string(got) != want {
		t.Errorf("config\n%s\nwant\n%s", got, want)
	}
}
