package ws_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"parley.example/parley/internal/ws"
	"parley.example/parley/internal/ws/wstest"
)

// TestConformOverHTTP runs the suite of RFC 6455 on connections that a real web
// server has shaken hands with.
func TestConformOverHTTP(t *testing.T) {
	for _, tc := range []struct {
		name   string
		driver ws.Driver
		tls    bool
	}{
		{"HTTP", ws.Auto, false},
		{"HTTP, goroutines", ws.Goroutine, false},
		{"HTTPS", ws.Auto, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newDoor(t, tc.tls)
			wstest.Conform(t, wstest.Setup{
				Engine: func(opt ws.Options) *ws.Engine {
					opt.Driver = tc.driver
					return ws.New(opt)
				},
				Open: d.open,
			})
			d.web.Close()
			noneLeft(t)
		})
	}
}

// A door is a web server all of whose requests are opening handshakes.
type door struct {
	web *httptest.Server

	mu       sync.Mutex
	opened   int
	expected map[string]visitor // by path
}

// A visitor is who is to come through a door, and where to.
type visitor struct {
	engine *ws.Engine
	accept ws.Accept
	come   chan<- *ws.Conn
}

func newDoor(t *testing.T, withTLS bool) *door {
	d := &door{expected: map[string]visitor{}}
	d.web = httptest.NewUnstartedServer(d)
	if withTLS {
		d.web.StartTLS()
	} else {
		d.web.Start()
	}
	t.Cleanup(d.web.Close)
	return d
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	v := d.expected[r.URL.Path]
	delete(d.expected, r.URL.Path)
	d.mu.Unlock()
	c, err := v.engine.Accept(w, r, v.accept)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
	v.come <- c
}

// dial makes a connection on which nothing has been said.
func (d *door) dial(t testing.TB) net.Conn {
	t.Helper()
	nc, err := net.Dial("tcp", d.web.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	if d.web.TLS != nil {
		return tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
	}
	return nc
}

// open is a wstest.Setup's Open.
func (d *door) open(t testing.TB, e *ws.Engine, a ws.Accept) (*ws.Conn, net.Conn) {
	t.Helper()
	come := make(chan *ws.Conn, 1)
	d.mu.Lock()
	d.opened++
	path := fmt.Sprint("/", d.opened)
	d.expected[path] = visitor{e, a, come}
	d.mu.Unlock()
	nc := d.dial(t)
	r := handshake("GET " + path + " HTTP/1.1")
	r.Header["Sec-Websocket-Extensions"] = a.Extensions
	if err := r.Write(nc); err != nil {
		t.Fatal(err)
	}
	answer := bufio.NewReader(nc)
	resp, err := http.ReadResponse(answer, r)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handshake: %v, %v", resp, err)
	}
	return <-come, behind{nc, answer}
}

// behind is a connection whose octets come from a reader that may have read
// ahead.
type behind struct {
	net.Conn
	r *bufio.Reader
}

func (b behind) Read(p []byte) (int, error) { return b.r.Read(p) }
