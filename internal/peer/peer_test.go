package peer_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
	"parley.example/parley/internal/peer"
)

// patience bounds every wait. It only matters when a test fails.
const patience = 30 * time.Second

// app answers as its paths say.
func app(t *testing.T) *url.URL {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			http.SetCookie(w, &http.Cookie{Name: "visit", Value: "1"})
			fmt.Fprintf(w, "%s %s %v", r.Header.Get("Origin"), r.Header.Get("X-A"), r.Cookies())
			return
		case "/away":
			http.Redirect(w, r, "/page", http.StatusFound)
			return
		case "/closed":
			http.Error(w, "come back later\nsecond line", http.StatusServiceUnavailable)
			return
		case "/stuck":
			<-r.Context().Done()
			return
		}
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"v2"}, InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer func() { _ = c.CloseNow() }()
		speak(r.Context(), c, r.URL.Path)
	}))
	t.Cleanup(server.Close)
	u, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func speak(ctx context.Context, c *websocket.Conn, path string) {
	switch path {
	case "/greeting":
		_ = c.Write(ctx, websocket.MessageText, []byte("hello"))
	case "/end":
		_ = c.Close(4001, "enough")
		return
	case "/vanish":
		return
	}
	for {
		kind, data, err := c.Read(ctx)
		if err != nil {
			return
		}
		_ = c.Write(ctx, kind, data)
	}
}

func text(s string) parley.Message { return parley.Message{Kind: parley.Text, Data: []byte(s)} }

func open(t *testing.T, b *peer.Browser, path string) *peer.Socket {
	t.Helper()
	s, err := b.Dial(t.Context(), path, peer.Options{}, patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close(parley.CloseNormal, "") })
	return s
}

// failed compares what err says; "" is no error.
func failed(t *testing.T, step string, err error, want string) {
	t.Helper()
	got := ""
	if err != nil {
		got = err.Error()
	}
	if got != want {
		t.Errorf("%s: got:\n%s\nwant:\n%s", step, got, want)
	}
}

func TestSocket(t *testing.T) {
	ctx, transcript := t.Context(), &peer.Transcript{}
	b := peer.New("ann", app(t), transcript)

	s := open(t, b, "/echo")
	failed(t, "send", s.Send(ctx, text("hi"), patience), "")
	failed(t, "expect", s.Expect(ctx, peer.Text("hi"), patience), "")
	failed(t, "silence", s.ExpectSilence(ctx, time.Millisecond, patience), "")
	failed(t, "send", s.Send(ctx, parley.Message{Kind: parley.Binary, Data: []byte{0, 255}}, patience), "")
	m, err := s.Next(ctx, patience)
	if err != nil || m.Kind != parley.Binary || string(m.Data) != "\x00\xff" {
		t.Errorf("next: %v %v", m, err)
	}
	failed(t, "send", s.Send(ctx, text(" two\nlines"), patience), "")
	failed(t, "silence", s.ExpectSilence(ctx, 0, patience), "wanted: nothing for 0s\ncame:   text \" two\\nlines\"")
	_, err = s.Next(ctx, time.Millisecond)
	failed(t, "next", err, "wanted: a message\ncame:   nothing in 1ms")
	failed(t, "closed", s.ExpectClose(ctx, 1000, nil, time.Millisecond), "wanted: close 1000\ncame:   nothing in 1ms")
	failed(t, "close", s.Close(4000, "bye"), "")
	failed(t, "second close", s.Close(1000, ""), "wanted: a socket to close\ncame:   close 4000 \"bye\"")

	if got, want := transcript.String(), `ann  dial /echo
ann  > hi
ann  < hi
ann  > binary 00ff
ann  < binary 00ff
ann  > " two\nlines"
ann  < " two\nlines"
ann  > close 4000 "bye"
`; got != want {
		t.Errorf("transcript:\n%s\nwant:\n%s", got, want)
	}
}

func TestEnds(t *testing.T) {
	ctx, transcript := t.Context(), &peer.Transcript{}
	b := peer.New("", app(t), transcript)
	more, enough := "more", "enough"

	s := open(t, b, "/end")
	failed(t, "closed", s.ExpectClose(ctx, 4001, &enough, patience), "")
	if s.Reason() != "enough" {
		t.Errorf("reason = %q", s.Reason())
	}
	failed(t, "any", s.ExpectClose(ctx, 0, nil, patience), "")
	failed(t, "another code", s.ExpectClose(ctx, 1000, nil, patience), "wanted: close 1000\ncame:   close 4001 \"enough\"")
	failed(t, "another reason", s.ExpectClose(ctx, 0, &more, patience), "wanted: a close \"more\"\ncame:   close 4001 \"enough\"")
	failed(t, "expect", s.Expect(ctx, peer.Text("hi"), patience), "wanted: text hi\ncame:   close 4001 \"enough\"")
	failed(t, "silence", s.ExpectSilence(ctx, time.Millisecond, patience), "wanted: nothing for 1ms\ncame:   close 4001 \"enough\"")
	failed(t, "send", s.Send(ctx, text("hi"), patience), "wanted: to send\ncame:   close 4001 \"enough\"")
	failed(t, "close", s.Close(1000, ""), "wanted: a socket to close\ncame:   close 4001 \"enough\"")

	const cut = "the end of the connection, without a close frame"
	s = open(t, b, "/vanish")
	failed(t, "closed", s.ExpectClose(ctx, 1006, nil, patience), "")
	failed(t, "another code", s.ExpectClose(ctx, 1001, nil, patience), "wanted: close 1001\ncame:   "+cut)

	s = open(t, b, "/greeting")
	failed(t, "a message first", s.ExpectClose(ctx, 0, nil, patience), "wanted: a close\ncame:   text hello")

	if got, want := transcript.String(), `dial /end
< close 4001 "enough"
> hi
dial /vanish
< `+cut+`
dial /greeting
< hello
`; got != want {
		t.Errorf("transcript:\n%s\nwant:\n%s", got, want)
	}
}

func TestHandshakes(t *testing.T) {
	ctx, transcript := t.Context(), &peer.Transcript{}
	b := peer.New("", app(t), transcript)
	opt := peer.Options{Origin: "https://a.example", Subprotocols: []string{"v1", "v2", "bearer.eyJ"}}
	s, err := b.Dial(ctx, "/echo", opt, patience)
	if err != nil {
		t.Fatal(err)
	}
	if s.Subprotocol() != "v2" {
		t.Errorf("subprotocol = %q, want v2", s.Subprotocol())
	}
	failed(t, "close", s.Close(1000, ""), "")
	failed(t, "refused", b.Refused(ctx, "/closed", opt, 503, patience), "")
	failed(t, "another status", b.Refused(ctx, "/closed", opt, 403, patience),
		"wanted: a refusal with 403\ncame:   a refusal with 503 come back later")
	failed(t, "not refused", b.Refused(ctx, "/echo", peer.Options{}, 403, patience), "wanted: a refusal with 403\ncame:   an open socket")
	_, err = b.Dial(ctx, "/closed", peer.Options{}, patience)
	failed(t, "dial", err, "wanted: an open socket\ncame:   a refusal with 503 come back later")
	_, err = b.Dial(ctx, "/stuck", peer.Options{}, 10*time.Millisecond)
	failed(t, "no answer", err, "wanted: an open socket\ncame:   no answer in 10ms")

	if got, want := transcript.String(), `dial /echo, origin https://a.example, subprotocols v1 v2 bearer.…
> close 1000
dial /closed, origin https://a.example, subprotocols v1 v2 bearer.…: a refusal with 503 come back later
dial /closed, origin https://a.example, subprotocols v1 v2 bearer.…: a refusal with 503 come back later
dial /echo
> close 1000
dial /closed: a refusal with 503 come back later
dial /stuck: no answer in 10ms
`; got != want {
		t.Errorf("transcript:\n%s\nwant:\n%s", got, want)
	}
}

func TestPages(t *testing.T) {
	ctx, transcript, u := t.Context(), &peer.Transcript{}, app(t)
	ann, tab := peer.New("ann", u, transcript), peer.New("tab", u, transcript)
	tab.ShareCookies(ann)
	ann.SetCookie(&http.Cookie{Name: "theme", Value: "dark"})
	opt := peer.Options{Origin: "https://a.example", Header: http.Header{"X-A": {"b"}}}
	for _, want := range []string{"https://a.example b [theme=dark]", "https://a.example b [theme=dark visit=1]"} {
		answer, err := tab.Get(ctx, "/page", opt, patience)
		if err != nil || answer.Status != 200 || answer.Body != want {
			t.Errorf("got %v %v, want %s", answer, err, want)
		}
	}
	answer, err := ann.Get(ctx, "/away", peer.Options{}, patience)
	if err != nil || answer.Status != http.StatusFound {
		t.Errorf("got %v %v, want a redirection", answer, err)
	}
	_, err = ann.Get(ctx, "/stuck", peer.Options{}, 10*time.Millisecond)
	failed(t, "no answer", err, "wanted: an answer\ncame:   no answer in 10ms")
	if got, want := transcript.String(), `tab  get /page, origin https://a.example: 200
tab  get /page, origin https://a.example: 200
ann  get /away: 302
ann  get /stuck: no answer in 10ms
`; got != want {
		t.Errorf("transcript:\n%s\nwant:\n%s", got, want)
	}
}

func TestLongTextsAndTranscriptsAreCut(t *testing.T) {
	ctx, transcript := t.Context(), &peer.Transcript{}
	s := open(t, peer.New("", app(t), transcript), "/echo")
	failed(t, "send", s.Send(ctx, text(strings.Repeat("ü", 1000)), patience), "")
	failed(t, "expect", s.Expect(ctx, peer.Text("x"), patience), "wanted: text x\ncame:   text "+strings.Repeat("ü", 500)+"… (2000 octets)")
	for range 150 {
		failed(t, "send", s.Send(ctx, text("x"), patience), "")
		failed(t, "expect", s.Expect(ctx, peer.Text("x"), patience), "")
	}
	if got := transcript.String(); !strings.HasPrefix(got, "(103 more lines)\n") || strings.Count(got, "\n") != 201 {
		t.Errorf("transcript:\n%s", got)
	}
}
