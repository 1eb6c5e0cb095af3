package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// public is a whole request, to stand where it is none.
const public = "GET /public HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

// Requests on which a proxy and we might disagree about where they end, and
// what comes behind a handshake. All are sent without a login.
func TestSmuggledRequests(t *testing.T) {
	s := serve(t, app(t, map[string]string{"gramex.yaml": loginApp + `
  public:
    pattern: /public
    handler: FunctionHandler
    kwargs: {function: "'public'"}
  echo:
    pattern: /echo
    handler: WebSocketHandler
    kwargs: {on_message: parley.echo}
`}))
	guarded := "GET /socket HTTP/1.1\r\nHost: x\r\n" + handshakeLines
	echo := "GET /echo HTTP/1.1\r\nHost: x\r\n" + handshakeLines
	me := "GET /me HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
	length := fmt.Sprintf("Content-Length: %d\r\n", len(public))
	chunk := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(public), public)
	for _, tc := range []struct {
		name    string
		request string
		want    string // the statuses of the answers
	}{
		// The body of a handshake is neither frames nor a request.
		{"body", guarded + length + "\r\n" + public, "400"},
		{"body where nobody has to log in", echo + length + "\r\n" + public, "400"},
		{"chunks", guarded + "Transfer-Encoding: chunked\r\n\r\n" + chunk, "400"},
		{"chunks where nobody has to log in", echo + "Transfer-Encoding: chunked\r\n\r\n" + chunk, "400"},
		{"length and chunks", guarded + length + "Transfer-Encoding: chunked\r\n\r\n" + chunk, "400"},
		{"chunks and length", guarded + "Transfer-Encoding: chunked\r\n" + length + "\r\n" + chunk, "400"},
		{"chunks in other letters", guarded + "Transfer-Encoding: Chunked\r\n\r\n" + chunk, "400"},
		{"chunks twice", guarded + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk, "501"},
		{"chunks in a list", guarded + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk, "501"},
		{"chunks that are none", guarded + "Transfer-Encoding: xchunked\r\n\r\n" + chunk, "501"},
		{"chunks behind a tab", guarded + "Transfer-Encoding:\tchunked\r\n\r\n" + chunk, "400"},
		{"chunks with a space before the colon", guarded + "Transfer-Encoding : chunked\r\n\r\n" + chunk, "400"},
		{"two lengths", guarded + length + "Content-Length: 0\r\n\r\n" + public, "400"},
		{"lengths in a list", guarded + "Content-Length: 0, 4\r\n\r\n" + public, "400"},
		{"length with a sign", guarded + "Content-Length: +4\r\n\r\n" + public, "400"},
		{"length below nothing", guarded + "Content-Length: -4\r\n\r\n" + public, "400"},
		{"chunk whose size is none", guarded + "Transfer-Encoding: chunked\r\n\r\nz\r\n" + public, "400"},

		// Lines that one reads as two, or two as one.
		{"two hosts", guarded + "Host: y\r\n\r\n", "400"},
		{"no host", strings.Replace(guarded, "Host: x\r\n", "", 1) + "\r\n", "400"},
		{"host with a path", strings.Replace(guarded, "Host: x", "Host: x/y", 1) + "\r\n", "400"},
		{"host with a user", strings.Replace(guarded, "Host: x", "Host: a@x", 1) + "\r\n", "400"},
		{"NUL", guarded + "X: a\x00b\r\n\r\n", "400"},
		{"a lone CR", guarded + "X: a\rCookie: sid=x\r\n\r\n", "400"},
		{"a colon at the beginning", guarded + ": x\r\n\r\n", "400"},
		{"folded cookie", guarded + "Cookie:\r\n sid=x\r\n\r\n" + me, "401 302"},
		{"lone LFs", strings.ReplaceAll(guarded, "\r\n", "\n") + "\n" + me, "401 302"},
		{"CRLF in the path", strings.Replace(guarded, "/socket", "/socket%0d%0aX:y", 1) + "\r\n" + me, "400 302"},
		{"space in the path", strings.Replace(guarded, "/socket", "/socket x", 1) + "\r\n", "400"},

		// What follows is a request of its own, which is judged.
		{"one behind a refusal", guarded + "\r\n" + me, "401 302"},
		{"a handshake behind a refusal", guarded + "\r\n" + guarded + "\r\n" + me, "401 401 302"},
		{"one behind no upgrade", "GET /socket HTTP/1.1\r\nHost: x\r\n\r\n" + me, "426 302"},
		{"one behind a page", "GET /public HTTP/1.1\r\nHost: x\r\n\r\n" + me, "200 302"},

		// What follows a socket is no request: these octets are no frame.
		{"one behind a socket", echo + "\r\n" + me, "101"},
	} {
		var statuses []string
		from := s.wire(tc.request)
		got, texts := answers(t, from, http.MethodGet)
		for i, answer := range got {
			statuses = append(statuses, answer.Status[:3])
			if strings.Contains(texts[i], "alice") || answer.Header.Get("X") != "" {
				t.Errorf("%s: answer %d is %v %q", tc.name, i, answer.Header, texts[i])
			}
		}
		if got := strings.Join(statuses, " "); got != tc.want {
			t.Fatalf("%s: answered with %s, want %s", tc.name, got, tc.want) // each of these may take patience
		}
		if tc.want == "101" {
			if rest := slurp(t, from); strings.Contains(rest, "HTTP/") || !strings.HasPrefix(rest, "\x88") {
				t.Errorf("%s: %q behind the 101, want a close frame", tc.name, rest)
			}
		}
	}
}

// Nothing that a request holds becomes a header of the answer.
func TestNoHeaderIsSplit(t *testing.T) {
	s := serve(t, app(t, map[string]string{"gramex.yaml": loginApp + `
  chooses:
    pattern: /chooses
    handler: WebSocketHandler
    kwargs: {select_subprotocol: "subprotocols[0]"}
`}))
	const split = "%0d%0aX-Split:%20yes%0d%0a%0d%0a"
	for _, target := range []string{
		"/me?x=" + split, "/me?" + split, "/login?next=/" + split, "/login?next=" + split, "/logout?next=/" + split,
		"/" + split, "/me/" + split, "/me?x=\u560d\u560aX-Split:yes",
	} {
		for _, lines := range []string{"", "Referer: http://x/" + split + "\r\n", handshakeLines + "Sec-WebSocket-Protocol: a" + split + "\r\n"} {
			got, _ := answers(t, s.wire("GET "+target+" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"+lines+"\r\n"), http.MethodGet)
			if len(got) != 1 || got[0].Header.Get("X-Split") != "" || got[0].StatusCode == 101 {
				t.Errorf("%s with %q: %d answers, the first %+v", target, lines, len(got), got)
			}
		}
	}
	// What a client offers stands in the 101.
	for _, offer := range []string{"a\r\n X-Split: yes", "a\r\n\tX-Split: yes", "a\rX-Split: yes", "a\x00\r\n X-Split: yes", "a\u560d\u560aX-Split: yes"} {
		got, _ := answers(t, s.wire("GET /chooses HTTP/1.1\r\nHost: x\r\n"+handshakeLines+"Sec-WebSocket-Protocol: "+offer+"\r\n\r\n"), http.MethodGet)
		if len(got) != 1 || got[0].Header.Get("X-Split") != "" || got[0].StatusCode == 500 {
			t.Errorf("offering %q: %+v", offer, got)
		}
	}
	// Somebody who has logged in is sent on to what the link says.
	v := s.visitor()
	v.logIn("alice", "wonderland")
	for _, next := range []string{"/" + split, "/me" + split, "//evil.example/" + split} {
		answer, _ := v.ask("GET", "/login?next="+next, "")
		if answer.Header.Get("X-Split") != "" {
			t.Errorf("next=%s: %v", next, answer.Header)
		}
	}
}
