package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/coder/websocket"
)

func TestParseAddress(t *testing.T) {
	for text, want := range map[string]string{
		"ws://127.0.0.1:9988/chat":     "ws://127.0.0.1:9988/chat",
		"wss://example.com/chat":       "wss://example.com/chat",
		"WSS://example.com":            "wss://example.com",
		"http://example.com:80/a?b=c":  "ws://example.com:80/a?b=c",
		"https://example.com/":         "wss://example.com/",
		"ws://ada:secret@localhost/a":  "ws://ada:secret@localhost/a",
		"/chat":                        "ws://127.0.0.1:9988/chat",
		"/chat?next=http://a/b":        "ws://127.0.0.1:9988/chat?next=http://a/b",
		"?a=b":                         "ws://127.0.0.1:9988?a=b",
		"":                             "ws://127.0.0.1:9988",
		":8080":                        "ws://127.0.0.1:8080",
		":8080/chat":                   "ws://127.0.0.1:8080/chat",
		"localhost:8080/chat":          "ws://localhost:8080/chat",
		"localhost/chat?u=https://a/b": "ws://localhost:9988/chat?u=https://a/b",
		"[::1]:8080/chat":              "ws://[::1]:8080/chat",
		"[::1]/chat":                   "ws://[::1]:9988/chat",
	} {
		u, err := parseAddress(text)
		if err != nil {
			t.Errorf("parseAddress(%q): %v", text, err)
		} else if u.String() != want {
			t.Errorf("parseAddress(%q) = %s, want %s", text, u, want)
		}
	}
	for text, want := range map[string]string{
		"ftp://example.com/chat": "begins with ws:// or wss://",
		"ws:///chat":             "no host is named",
		":port/chat":             "invalid port",
		"ws://a b/chat":          "invalid character",
		"/a%zz":                  "invalid URL escape",
		"/a\x1b":                 "invalid control character",
	} {
		if u, err := parseAddress(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parseAddress(%q) = %v, %v, want an error with %q", text, u, err, want)
		}
	}
}

func TestEscape(t *testing.T) {
	for text, want := range map[string]string{
		"plain\ttext – 日本 👩‍💻":  "plain\ttext – 日本 👩‍💻",
		"\x1b]0;title\x07":      `\u001b]0;title\u0007`,
		"a\r\nb\x00\x7f":        `a\r\nb\u0000\u007f`,
		"\u009b2J":              `\u009b2J`,
		"\x9b2J":                `\x9b2J`,
		"\xff\xfe a \xe6\x97":   `\xff\xfe a \xe6\x97`,
		"the character \ufffd":  "the character \ufffd",
		`{"a": "\u001b \\ \""}`: `{"a": "\u001b \\ \""}`,
	} {
		if got := escape(text); got != want {
			t.Errorf("escape(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzEscape(f *testing.F) {
	f.Add("\x1b[2J\x9b\r\n\t日本")
	f.Fuzz(func(t *testing.T, text string) {
		for i, c := range []byte(escape(text)) {
			if c < ' ' && c != '\t' || c == 0x7f {
				t.Fatalf("escape(%q) has %#x at %d", text, c, i)
			}
		}
	})
}

func TestMessagesAreShown(t *testing.T) {
	const text, binary = websocket.MessageText, websocket.MessageBinary
	for _, c := range []struct {
		name          string
		kind          websocket.MessageType
		data          string
		line, laidOut string
	}{
		{"text", text, "hello", "hello", "< hello"},
		{"nothing", text, "", "", "< "},
		{"lines", text, "a\r\n> b\n", `a\r\n> b\n`, "< a\\r\n  > b\n  "},
		{"a value of JSON", text, ` "a" `, ` "a" `, `<  "a" `},
		{
			"JSON keeps its order and numbers", text, ` {"b":1.50,"a":[],"c":[1e400]}` + "\n",
			`{"b":1.50,"a":[],"c":[1e400]}`,
			"< {\n    \"b\": 1.50,\n    \"a\": [],\n    \"c\": [\n      1e400\n    ]\n  }",
		},
		{"no JSON", text, "{a\n}", `{a\n}`, "< {a\n  }"},
		{"JSON with a character that is not shown", text, "[\"\u009b\"]", `["\u009b"]`, "< [\n    \"\\u009b\"\n  ]"},
		{"binary", binary, "\x00AB", "004142", "< 3 bytes\n  00000000  00 41 42                                          |.AB|"},
		{"one byte", binary, "\n", "0a", "< 1 byte\n  00000000  0a                                                |.|"},
		{"empty binary", binary, "", "", "< 0 bytes"},
	} {
		if got := oneLine(c.kind, []byte(c.data)); got != c.line {
			t.Errorf("%s: on one line %q, want %q", c.name, got, c.line)
		}
		if got := (look{raw: true}).message(c.kind, []byte(c.data)); got != "< "+c.line {
			t.Errorf("%s: raw %q, want %q", c.name, got, "< "+c.line)
		}
		if got := (look{}).message(c.kind, []byte(c.data)); got != c.laidOut {
			t.Errorf("%s: laid out %q, want %q", c.name, got, c.laidOut)
		}
	}
	long := look{}.message(binary, make([]byte, 300))
	if lines := strings.Count(long, "\n"); lines != 17 || !strings.HasSuffix(long, "\n  … and 44 more (--raw shows all)") {
		t.Errorf("300 bytes are shown as %q", long)
	}
	if got, want := (look{colour: true}).message(text, []byte("a\x1b")), "\x1b[36m<\x1b[0m a\\u001b"; got != want {
		t.Errorf("in colour %q, want %q", got, want)
	}
}

func TestKeysHoldUpNoEditor(t *testing.T) {
	for _, c := range []struct{ name, typed, want string }{
		{"text", "hello 日本 👩‍💻\r", "hello 日本 👩‍💻\r"},
		{"an arrow", "a\x1b[Db\x1b[1;5C", "a\x1b[Db\x1b[1;5C"},
		{"an arrow of application mode", "\x1bOA", "\x1b[A"},
		{"Alt and a letter", "\x1bb", "\x1bb"},
		{"Escape, then Enter and Ctrl-C", "\x1b\r\x1b\x03", "\r\x03"},
		{"Escape, then what is no letter", "\x1b日\x1b\x1b1", "日1"},
		{"Latin-1", "caf\xe9 au lait\r", "caf au lait\r"},
		{"what stands for a character that is none", "a\ufffdb", "ab"},
		{"the end comes in a character", "a\xe6\x97", "a"},
		{"the end comes after Escape", "a\x1b", "a"},
	} {
		for how, in := range map[string]io.Reader{
			"at once":      strings.NewReader(c.typed),
			"byte by byte": iotest.OneByteReader(strings.NewReader(c.typed)),
			"with the end": iotest.DataErrReader(strings.NewReader(c.typed)),
		} {
			got, err := io.ReadAll(&keys{in: in, resized: func() {}})
			if err != nil || string(got) != c.want {
				t.Errorf("%s, %s: %q, %v, want %q", c.name, how, got, err, c.want)
			}
		}
	}
	if _, err := (&keys{in: strings.NewReader("a"), resized: func() {}}).Read(nil); err == nil {
		t.Error("a read into nothing has no error: the editor would read for ever")
	}
}

// What is pasted may be long: the terminal says where it begins and ends.
func TestLongLinesAreWholeOrNotSent(t *testing.T) {
	long := strings.Repeat("x", mostTyped+1000)
	var shown bytes.Buffer
	term := &terminal{
		stdout:  &shown,
		size:    func() (int, int, error) { return 80, 24, nil },
		restore: func() {},
	}
	term.edit(strings.NewReader("\x1b[200~"+long+"\x1b[201~\r\x1b[200~"+long+"\r\x1b[201~"+long+"\rlast\r"), &history{})
	for _, want := range []string{long, long, "last"} {
		if line, err := term.next(); line != want || err != nil {
			t.Errorf("a line of %d characters, %v, want one of %d", len(line), err, len(want))
		}
	}
	if want := "parley: a line takes 4096 characters: it was cut, and not sent"; !strings.Contains(shown.String(), want) {
		t.Errorf("nothing shown about a line that was cut, but %q", shown.String())
	}
	if _, err := term.next(); !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %v", err)
	}
}

func TestHistory(t *testing.T) {
	path := filepath.Join(t.TempDir(), "parley", "history")
	open := func() *history {
		t.Helper()
		h := &history{}
		if err := h.open(path); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.file.Close() })
		return h
	}
	h := open()
	for _, line := range []string{"one", "two", "two", "", " a secret", "/quit", "a\x1b[2J", "one"} {
		h.Add(line)
	}
	for _, h := range []*history{h, open()} {
		var got []string
		for i := range h.Len() {
			got = append(got, h.At(i))
		}
		if text := strings.Join(got, ","); text != "one,two,one" {
			t.Errorf("remembered %q", text)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range 3 * mostRemembered {
		h.Add(strconv.Itoa(i))
	}
	h = open()
	if h.Len() != mostRemembered || h.At(0) != "1499" || h.At(h.Len()-1) != "1000" {
		t.Errorf("%d lines from %s to %s", h.Len(), h.At(h.Len()-1), h.At(0))
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(text, []byte("\n")); lines != mostRemembered {
		t.Errorf("the file has %d lines", lines)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v", info.Mode())
	}
}

func TestHistoryThatCannotBeKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	h := &history{}
	if err := h.open(filepath.Join(file, "history")); err == nil {
		t.Error("opened below a file")
	}
	h.Add("one")
	if h.Len() != 1 || h.At(0) != "one" {
		t.Error("not even remembered for this run")
	}
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer http.HandlerFunc
		origin string
		want   string
	}{
		{
			"moved", http.RedirectHandler("https://example.com/chat", http.StatusMovedPermanently).ServeHTTP, "",
			": 301 Moved Permanently (try https://example.com/chat)",
		},
		{
			"a line and more", func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "no ticket\nmore", http.StatusUnauthorized)
			}, "",
			": 401 Unauthorized: no ticket (say who you are with --header 'Cookie: …' or 'Authorization: …')",
		},
		{
			"a page", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "text/html")
				w.WriteHeader(http.StatusForbidden)
			}, "", ": 403 Forbidden (browsers send an origin: --origin https://…)",
		},
		{
			"another origin", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
			"https://a.example", ": 403 Forbidden (an origin that the endpoint lets in: --origin https://…)",
		},
		{
			"not for this user", func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "you are logged in, but this is not for you", http.StatusForbidden)
			}, "", ": 403 Forbidden: you are logged in, but this is not for you\n", // and no hint
		},
		{
			"a token that has expired", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
				http.Error(w, "the token is not valid here", http.StatusUnauthorized)
			}, "", ": 401 Unauthorized: the token is not valid here (has it expired? parley token makes a fresh one; the server's log says what is wrong)",
		},
		{
			"TLS is asked for", func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "Client sent an HTTP request to an HTTPS server.", http.StatusBadRequest)
			}, "", ": 400 Bad Request: Client sent an HTTP request to an HTTPS server. (try wss://127.0.0.1:",
		},
		{
			"control characters", func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					panic(err)
				}
				io.WriteString(conn, "HTTP/1.1 503 \x1b[2JBusy\r\nContent-Type: text/plain\r\n\r\n\x1b]0;later\x07\n")
				conn.Close()
			}, "", `: 503 \u001b[2JBusy: \u001b]0;later\u0007`,
		},
		{
			"no handshake", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Connection", "upgrade")
				w.Header().Set("Upgrade", "websocket")
				w.WriteHeader(http.StatusSwitchingProtocols)
			}, "", ": WebSocket protocol violation: invalid Sec-WebSocket-Accept",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := httptest.NewServer(c.answer)
			defer server.Close()
			_, err := dialTest(t, server.URL, connectOptions{origin: c.origin, timeout: patience})
			if err == nil || !strings.HasPrefix(err.Error(), "ws://127.0.0.1:") || !strings.Contains(err.Error()+"\n", c.want) {
				t.Errorf("got %v, want it with %s", err, c.want)
			}
		})
	}
}

func TestNoAnswer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	address := "ws://ada:secret@" + silent.Addr().String()
	_, err = dialTest(t, address, connectOptions{timeout: 20 * time.Millisecond})
	if want := "no answer within 20ms (--timeout gives it longer)"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want it with %q", err, want)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the password is told: %v", err)
	}
}

func dialTest(t *testing.T, address string, opt connectOptions) (*websocket.Conn, error) {
	t.Helper()
	target, err := parseAddress(address)
	if err != nil {
		t.Fatal(err)
	}
	header, err := opt.header()
	if err != nil {
		t.Fatal(err)
	}
	return dial(t.Context(), target, header, opt)
}

// A board is a console: it says what comes from said, until that is closed.
type board struct {
	*pipe
	said chan string
}

func (b board) next() (string, error) {
	if line, ok := <-b.said; ok {
		return line, nil
	}
	return "", io.EOF
}

// silent is said by somebody who says nothing.
func silent(t *testing.T) chan string {
	said := make(chan string)
	t.Cleanup(func() { close(said) })
	return said
}

// talkTo runs a talk with a server that does as serve says.
func talkTo(t *testing.T, ctx context.Context, said chan string, serve func(*websocket.Conn)) (note string, err error) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		serve(conn)
		_ = conn.CloseNow()
	}))
	defer server.Close()
	conn, err := dialTest(t, server.URL, connectOptions{timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.CloseNow() }()
	var stderr bytes.Buffer
	err = (&talk{conn: conn, console: board{newPipe(nil, io.Discard, &stderr), said}}).run(ctx)
	return stderr.String(), err
}

func TestEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		serve func(*websocket.Conn)
		note  string
		err   string
	}{
		{
			"without a code", func(c *websocket.Conn) { _ = c.Close(websocket.StatusNoStatusRcvd, "") },
			"parley: the server closed with 1005 (no code)\n", "",
		},
		{
			"with a reason", func(c *websocket.Conn) { _ = c.Close(websocket.StatusGoingAway, "till\x1b tomorrow") },
			"parley: the server closed with 1001 (going away): till\\u001b tomorrow\n", "",
		},
		{
			"with a code of the app", func(c *websocket.Conn) { _ = c.Close(4321, "") },
			"", "the server closed with 4321 (the app's own code)",
		},
		{
			"with a code of which nothing is known", func(c *websocket.Conn) { _ = c.Close(1013, "") },
			"", "the server closed with 1013 (see RFC 6455)",
		},
		{
			"without a word", func(c *websocket.Conn) { _ = c.CloseNow() },
			"", "the connection ended without a close code: EOF",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			note, err := talkTo(t, t.Context(), silent(t), c.serve)
			if note != c.note {
				t.Errorf("noted %q, want %q", note, c.note)
			}
			if got := text(err); got != c.err {
				t.Errorf("error %q, want %q", got, c.err)
			}
		})
	}
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestASignalCloses(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	got := make(chan error, 1)
	note, err := talkTo(t, ctx, silent(t), func(c *websocket.Conn) {
		_, _, err := c.Read(context.Background())
		got <- err
	})
	if err != nil || note != "parley: closed with 1000 (done)\n" {
		t.Errorf("noted %q, error %v", note, err)
	}
	if end := <-got; websocket.CloseStatus(end) != websocket.StatusNormalClosure {
		t.Errorf("the server sees %v", end)
	}
}

// A server that does not read must not make the keyboard deaf: else Ctrl-C could
// not end the program.
func TestKeysAreHeardWhileTheServerDoesNotRead(t *testing.T) {
	said, heard := make(chan string), make(chan struct{})
	go func() {
		defer close(heard)
		defer close(said)
		for range 64 {
			said <- strings.Repeat("x", 1<<20)
		}
	}()
	_, err := talkTo(t, t.Context(), said, func(*websocket.Conn) { <-heard })
	if err == nil {
		t.Error("the connection ended well")
	}
}
