package e2e_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// A visitor asks as a browser does, without being one: it keeps cookies and
// sends forms, and follows no redirect.
type visitor struct {
	t   *testing.T
	url string // where it asks
	*http.Client
}

func (s *server) visitor() *visitor {
	s.t.Helper()
	return newVisitor(s.t, s.url)
}

// newVisitor takes any certificate for that of the server at url.
func newVisitor(t *testing.T, url string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{t: t, url: url, Client: &http.Client{
		Jar: jar, Transport: transport, Timeout: patience,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// ask sends a request and returns the answer, whose body has been read. A
// header is "Name: value".
func (v *visitor) ask(method, path, body string, header ...string) (answer *http.Response, text string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, v.url+path, strings.NewReader(body))
	if err != nil {
		v.t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		r.Header.Add(name, value)
	}
	if answer, err = v.Do(r); err != nil {
		v.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	return answer, slurp(v.t, answer.Body)
}

func slurp(t *testing.T, from io.Reader) string {
	t.Helper()
	text, err := io.ReadAll(from)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// get asks for a page and returns its status and text.
func (v *visitor) get(path string, header ...string) (status int, text string) {
	v.t.Helper()
	answer, text := v.ask(http.MethodGet, path, "", header...)
	return answer.StatusCode, text
}

var hiddenToken = regexp.MustCompile(`name="_xsrf" value="([^"]+)"`)

// form gets the form of /login and returns it, filled in.
func (v *visitor) form(user, password string) string {
	v.t.Helper()
	_, page := v.ask(http.MethodGet, "/login", "")
	token := hiddenToken.FindStringSubmatch(page)
	if token == nil {
		v.t.Fatalf("no form in:\n%s", page)
	}
	return url.Values{"user": {user}, "password": {password}, "_xsrf": {token[1]}}.Encode()
}

// send sends a form to path.
func (v *visitor) send(path, form string, header ...string) (answer *http.Response, text string) {
	v.t.Helper()
	return v.ask(http.MethodPost, path, form, append(header, "Content-Type: application/x-www-form-urlencoded")...)
}

// logIn sends the form of /login, which must log the user in.
func (v *visitor) logIn(user, password string) {
	v.t.Helper()
	if answer, text := v.send("/login", v.form(user, password)); answer.StatusCode != http.StatusSeeOther {
		v.t.Fatalf("logging in: %s\n%s", answer.Status, text)
	}
}

// cookie is what the visitor sends as Cookie; "" if it has none.
func (v *visitor) cookie() string {
	v.t.Helper()
	at, err := url.Parse(v.url)
	if err != nil {
		v.t.Fatal(err)
	}
	var pairs []string
	for _, c := range v.Jar.Cookies(at) {
		pairs = append(pairs, c.Name+"="+c.Value)
	}
	return strings.Join(pairs, "; ")
}

// value is the value of the visitor's only cookie.
func (v *visitor) value() string {
	_, value, _ := strings.Cut(v.cookie(), "=")
	return value
}

// plant gives the visitor the cookie that another one has.
func (v *visitor) plant(cookie string) {
	v.t.Helper()
	at, err := url.Parse(v.url)
	if err != nil {
		v.t.Fatal(err)
	}
	name, value, _ := strings.Cut(cookie, "=")
	v.Jar.SetCookies(at, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// open tries to open a socket with the visitor's cookies. A header is "Name:
// value"; Host is that of the request.
func (v *visitor) open(path string, header ...string) (*socket, error) {
	v.t.Helper()
	options := &websocket.DialOptions{HTTPClient: v.Client, HTTPHeader: http.Header{}}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		switch name {
		case "Host":
			options.Host = value
		case "Sec-WebSocket-Protocol":
			for item := range strings.SplitSeq(value, ", ") {
				options.Subprotocols = append(options.Subprotocols, item)
			}
		default:
			options.HTTPHeader.Add(name, value)
		}
	}
	return try(v.t, v.url+path, options)
}

// hears opens a socket and returns what it hears first, or the status of the
// refusal, such as "403".
func (v *visitor) hears(path string, header ...string) string {
	v.t.Helper()
	c, err := v.open(path, header...)
	if err == nil {
		return c.hear()
	}
	if c.response == nil {
		v.t.Fatalf("dialling %s: %v", path, err)
	}
	return c.response.Status[:3]
}

// wire sends text as it stands, and returns a reader of what the server answers
// until it closes the connection or nothing more is to come.
func (s *server) wire(text string) *bufio.Reader {
	s.t.Helper()
	at := strings.SplitN(s.url, "://", 2)
	nc, err := net.Dial("tcp", at[1])
	if err != nil {
		s.t.Fatal(err)
	}
	if at[0] == "https" {
		nc = tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	}
	s.t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(patience))
	go func() { _, _ = io.WriteString(nc, text) }() // it may be refused half-way
	return bufio.NewReader(nc)
}

// answers reads all answers to requests with the method until the connection
// ends: the last request asks for that.
func answers(t *testing.T, from *bufio.Reader, method string) (all []*http.Response, texts []string) {
	t.Helper()
	for {
		answer, err := http.ReadResponse(from, &http.Request{Method: method})
		if err != nil {
			return all, texts
		}
		all = append(all, answer)
		if answer.StatusCode == http.StatusSwitchingProtocols {
			return all, append(texts, "")
		}
		texts = append(texts, slurp(t, answer.Body))
	}
}
