package peer

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
)

// A Browser is one user of an app: it has a name and keeps cookies. It belongs
// to one goroutine.
type Browser struct {
	name       string       // set by New, then read-only, as are all fields
	app        *url.URL     // without a path
	transcript *Transcript  // safe for every goroutine
	client     *http.Client // its Jar holds the cookies
}

// New makes a browser without cookies for the app at a URL such as
// http://127.0.0.1:9988. What it does stands in the transcript, under its name,
// which may be "".
func New(name string, app *url.URL, transcript *Transcript) *Browser {
	jar, _ := cookiejar.New(nil) // never fails
	return &Browser{name: name, app: app, transcript: transcript, client: &http.Client{
		Jar: jar,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			// The app runs in this process: its certificate may be for any name.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// SetCookie gives the browser a cookie for the whole app.
func (b *Browser) SetCookie(c *http.Cookie) { b.client.Jar.SetCookies(b.app, []*http.Cookie{c}) }

// ShareCookies makes b use the cookies of other from now on: they are two tabs
// of one browser.
func (b *Browser) ShareCookies(other *Browser) { b.client.Jar = other.client.Jar }

// Options of a request. The zero value is that of a program: without an origin.
type Options struct {
	Origin       string
	Header       http.Header
	Subprotocols []string // that Dial offers
}

func (o Options) header() http.Header {
	header := o.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if o.Origin != "" {
		header.Set("Origin", o.Origin)
	}
	return header
}

// String says what a transcript shows of o.
func (o Options) String() string {
	s := ""
	if o.Origin != "" {
		s += ", origin " + o.Origin
	}
	if len(o.Subprotocols) > 0 {
		s += ", subprotocols"
		for _, name := range o.Subprotocols {
			if strings.HasPrefix(name, "bearer.") {
				name = "bearer.…" // a token, which transcripts do not show
			}
			s += " " + name
		}
	}
	return s
}

// Dial opens a socket at a path of the app. ctx bounds the socket's life, and
// within how long the handshake may take. It then waits for the answer to a
// ping: the server has the socket by then, not only its handshake, and hands
// over what others send from now on after this one's opening.
func (b *Browser) Dial(ctx context.Context, path string, opt Options, within time.Duration) (*Socket, error) {
	s, refusal, err := b.dial(ctx, path, opt, within)
	if err != nil {
		return nil, &Failure{Wanted: "an open socket", Came: noAnswer(err, within)}
	}
	if s == nil {
		return nil, &Failure{Wanted: "an open socket", Came: refusal.refused()}
	}
	return s, nil
}

// Refused dials like Dial, and wants the answer to have a status other than 101.
func (b *Browser) Refused(ctx context.Context, path string, opt Options, status int, within time.Duration) error {
	wanted := fmt.Sprintf("a refusal with %d", status)
	s, refusal, err := b.dial(ctx, path, opt, within)
	switch {
	case err != nil:
		return &Failure{Wanted: wanted, Came: noAnswer(err, within)}
	case s != nil:
		_ = s.Close(parley.CloseNormal, "")
		return &Failure{Wanted: wanted, Came: "an open socket"}
	case refusal.Status != status:
		return &Failure{Wanted: wanted, Came: refusal.refused()}
	}
	return nil
}

// dial returns a socket, or the answer that refused it.
func (b *Browser) dial(ctx context.Context, path string, opt Options, within time.Duration) (*Socket, Response, error) {
	shaking, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	conn, answer, err := websocket.Dial(shaking, b.app.String()+path, &websocket.DialOptions{
		HTTPClient: b.client, HTTPHeader: opt.header(), Subprotocols: opt.Subprotocols,
	})
	asked := "dial " + path + opt.String()
	if err == nil {
		b.transcript.add(b.name, asked)
		s := newSocket(ctx, b, conn)
		_ = conn.Ping(shaking) // an end is heard by who reads
		return s, Response{}, nil
	}
	if answer == nil || answer.StatusCode == http.StatusSwitchingProtocols {
		b.transcript.add(b.name, asked+": "+noAnswer(err, within))
		return nil, Response{}, err
	}
	body, err := io.ReadAll(answer.Body) // which the client has read already
	refusal := Response{Status: answer.StatusCode, Body: string(body)}
	b.transcript.add(b.name, asked+": "+refusal.refused())
	return nil, refusal, err
}

// A Response is the answer to a request.
type Response struct {
	Status int
	Body   string // of a refused handshake, the first 1,024 octets
}

func (r Response) refused() string {
	line, _, _ := strings.Cut(r.Body, "\n")
	return strings.TrimSpace(fmt.Sprintf("a refusal with %d %s", r.Status, cut(line)))
}

// Get gets a page of the app, and follows no redirection.
func (b *Browser) Get(ctx context.Context, path string, opt Options, within time.Duration) (Response, error) {
	r, err := b.get(ctx, path, opt, within)
	if err != nil {
		b.transcript.add(b.name, "get "+path+opt.String()+": "+noAnswer(err, within))
		return Response{}, &Failure{Wanted: "an answer", Came: noAnswer(err, within)}
	}
	b.transcript.add(b.name, fmt.Sprintf("get %s%s: %d", path, opt, r.Status))
	return r, nil
}

func (b *Browser) get(ctx context.Context, path string, opt Options, within time.Duration) (Response, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, b.app.String()+path, nil)
	if err != nil {
		return Response{}, err
	}
	request.Header = opt.header()
	answer, err := b.client.Do(request)
	if err != nil {
		return Response{}, err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return Response{Status: answer.StatusCode, Body: string(body)}, err
}

func noAnswer(err error, within time.Duration) string {
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("no answer in %v", within)
	}
	return "an error: " + err.Error()
}
