package parley

import (
	"context"
	"net/http"
)

// A Conn is one WebSocket, or one request of a FunctionHandler, as its functions
// see it. Its methods never wait, and but for State may be called from any
// goroutine, also after a function has returned.
//
// Once the connection has closed, what concerns its peer is ErrClosed; Publish
// and Session work until its last function has returned, and then are ErrClosed
// too. A request has no peer: only Publish and Session do something for it.
type Conn interface {
	// ID is the connection's id, which no other has had in this process.
	ID() ConnID

	// Request is the request that opened the socket, or that is to be answered,
	// with its body. PathValue returns the named groups of the endpoint's
	// pattern, RemoteAddr the client's address as trusted proxies tell it. It is
	// there as long as the Conn. Other goroutines than the function's may read
	// it, but not parse forms.
	Request() *http.Request

	// Session is the browser's session.
	Session() Session

	// User is who has logged in: by a token or ticket that came with the request,
	// or else in the session, where it ends with the login, and here with the
	// last function. nil is anonymous.
	User() User

	// State is what functions keep with the connection. It is empty at first
	// and belongs to the functions, which run one at a time.
	State() map[string]any

	// Send queues one message for the peer, copying its data. The error is
	// ErrSlow if the peer reads so slowly that there is no room for it: then
	// slow: of the endpoint is done, which is closing with CloseSlow unless set.
	Send(m Message) error

	// Ping sends a ping with up to 125 bytes of data; on_pong hears of the answer.
	Ping(data []byte) error

	// Close starts the close handshake, after what was sent before; 0 is
	// CloseNormal. Messages that have not been handed to a function are not.
	Close(code CloseCode, reason string) error

	// Join makes the connection a member of channel, until Leave or its end.
	// Twice is once.
	Join(channel string) error
	Leave(channel string) error

	// Publish sends m, copying its data, to every member of channel. A
	// connection that is one sees what it sends and publishes in this order.
	Publish(channel string, m Message) error
}

// Log writes one line to the server's log, with c's endpoint and id. It does
// nothing once c's last function has returned, nor for a Conn of another make.
func Log(c Conn, line string) {
	if l, ok := c.(interface{ Log(line string) }); ok {
		l.Log(line)
	}
}

// A Session is the browser's HTTP session: values by key, which all connections
// and requests of that browser share. They are kept as JSON, in the server's
// store.
type Session interface {
	// ID is what the session is known by. It never changes for a connection.
	ID() string

	// Get reads the value of key into what into points to, as json.Unmarshal
	// does. If there is none, it leaves that alone.
	Get(key string, into any) (found bool, err error)

	// Set keeps value as json.Marshal writes it.
	Set(key string, value any) error

	// Delete removes keys. Those that are not there do no harm.
	Delete(keys ...string) error
}

// The functions below run one at a time for each connection, in the order of
// what happened. An error or a panic is logged, once, and the connection is
// closed with CloseInternal; no other connection notices.
//
// ctx ends when the connection has closed, or the server stops waiting. To
// return its error is no failure.

// A Func runs when a socket has opened, or has closed.
type Func func(ctx context.Context, c Conn) error

// A MessageFunc runs for each message, or for each pong, whose data is a binary
// message. m owns its data, unless the function was registered as one that
// never waits.
type MessageFunc func(ctx context.Context, c Conn, m Message) error

// A CloseFunc runs once for every socket that had opened, after all others.
// code and reason are what the peer closed with, or was closed with:
// CloseNoStatus if it gave none, CloseAbnormal if it vanished. ctx ends 30
// seconds after the function has begun.
type CloseFunc func(ctx context.Context, c Conn, code CloseCode, reason string) error

// A SubprotocolFunc chooses one of the subprotocols that a client offers, before
// the socket opens; "" is none. There is no peer yet; what it keeps in State is
// there at open. An error refuses the client.
type SubprotocolFunc func(ctx context.Context, c Conn, offered []string) (string, error)

// A ConditionFunc judges who may open a socket or see a page, for condition: of
// auth: and for validate:. There is no peer yet, and what it keeps in State is
// gone when it has returned. An error refuses the client as a failure does.
type ConditionFunc func(ctx context.Context, c Conn) (bool, error)

// A RequestFunc answers a request of a FunctionHandler by what it writes to w,
// which goes out when it has returned. If it fails, the client gets a 500.
type RequestFunc func(ctx context.Context, c Conn, w http.ResponseWriter) error
