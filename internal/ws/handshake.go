package ws

import (
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/netip"
	"strings"

	"parley.example/parley"
)

// A HandshakeError is a refused opening handshake that has not been answered.
type HandshakeError struct {
	Status  int
	Message string      // one line for whoever sees the answer
	Header  http.Header // goes with the answer; may be nil
	Refusal Refusal

	cause error
}

// Error returns the message.
func (e *HandshakeError) Error() string { return "handshake refused: " + e.Message }

// Unwrap returns parley.ErrDraining or parley.ErrUnavailable if that is why.
func (e *HandshakeError) Unwrap() error { return e.cause }

// Answer writes the refusal as plain text.
func (e *HandshakeError) Answer(w http.ResponseWriter) {
	for name, values := range e.Header {
		w.Header()[name] = values
	}
	http.Error(w, e.Message, e.Status)
}

const version = "13"

// CheckUpgrade says whether r is a proper opening handshake (RFC 6455 §4.2.1)
// and whether the engine takes new connections of address (see
// Accept.Address). It returns nil if so.
func (e *Engine) CheckUpgrade(r *http.Request, address netip.Addr) *HandshakeError {
	err := checkUpgrade(r)
	if err == nil {
		err = e.full(address)
	}
	if err != nil {
		return e.refuse(err)
	}
	return nil
}

func checkUpgrade(r *http.Request) *HandshakeError {
	h := r.Header
	if r.Method != http.MethodGet {
		return &HandshakeError{
			Status: http.StatusMethodNotAllowed, Message: "a WebSocket is opened with GET",
			Header: http.Header{"Allow": {http.MethodGet}}, Refusal: RefusedBad,
		}
	}
	if !hasToken(h["Upgrade"], "websocket") {
		return upgradeRequired("this address speaks WebSocket only")
	}
	if !r.ProtoAtLeast(1, 1) || r.ProtoMajor > 1 {
		return badRequest("a WebSocket needs HTTP/1.1")
	}
	if !hasToken(h["Connection"], "upgrade") {
		return badRequest("header Connection must contain Upgrade (does a proxy drop it?)")
	}
	if r.ContentLength != 0 || len(r.TransferEncoding) > 0 {
		return badRequest("an opening handshake has no body")
	}
	if v := h["Sec-Websocket-Version"]; len(v) != 1 || strings.TrimSpace(v[0]) != version {
		return upgradeRequired("header Sec-WebSocket-Version must be " + version)
	}
	if _, ok := keyOf(r); !ok {
		return badRequest("header Sec-WebSocket-Key must be 16 octets in base64")
	}
	if _, _, err := negotiate(h["Sec-Websocket-Extensions"], nil); err != nil {
		return err
	}
	return nil
}

func badRequest(message string) *HandshakeError {
	return &HandshakeError{Status: http.StatusBadRequest, Message: message, Refusal: RefusedBad}
}

func upgradeRequired(message string) *HandshakeError {
	return &HandshakeError{
		Status: http.StatusUpgradeRequired, Message: message, Refusal: RefusedBad,
		Header: http.Header{
			"Connection":            {"Upgrade"},
			"Upgrade":               {"websocket"},
			"Sec-Websocket-Version": {version},
		},
	}
}

func unavailable(why Refusal, message string, cause error) *HandshakeError {
	return &HandshakeError{
		Status: http.StatusServiceUnavailable, Message: message, Refusal: why, cause: cause,
		Header: http.Header{"Retry-After": {"2"}},
	}
}

func tooMany(message string) *HandshakeError {
	return &HandshakeError{
		Status: http.StatusTooManyRequests, Message: message, Refusal: RefusedAddress, cause: parley.ErrUnavailable,
		Header: http.Header{"Retry-After": {"60"}},
	}
}

// hasToken reports whether the comma-separated list in the header's lines has
// token, which is in lower case.
func hasToken(lines []string, token string) bool {
	for _, line := range lines {
		for item := range strings.SplitSeq(line, ",") {
			if strings.EqualFold(strings.Trim(item, " \t"), token) {
				return true
			}
		}
	}
	return false
}

// keyOf returns the handshake's key, if there is exactly one and it is valid.
func keyOf(r *http.Request) (key string, ok bool) {
	keys := r.Header["Sec-Websocket-Key"]
	if len(keys) != 1 {
		return "", false
	}
	key = strings.TrimSpace(keys[0])
	octets, err := base64.StdEncoding.DecodeString(key)
	return key, err == nil && len(octets) == 16 && len(key) == 24
}

// acceptOf is the answer to key (RFC 6455 §4.2.2).
func acceptOf(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// response is the 101 with which the handshake ends. Headers that are the
// engine's own affair are left out of extra.
func response(key, subprotocol, extensions string, extra http.Header) []byte {
	var b strings.Builder
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
	b.WriteString(acceptOf(key))
	b.WriteString("\r\n")
	own := map[string]bool{
		"Upgrade": true, "Connection": true, "Content-Length": true, "Transfer-Encoding": true,
		"Sec-Websocket-Accept": true, "Sec-Websocket-Protocol": true, "Sec-Websocket-Extensions": true,
	}
	if subprotocol != "" {
		// Through Header, which keeps line ends out.
		_ = http.Header{"Sec-WebSocket-Protocol": {subprotocol}}.Write(&b)
	}
	if extensions != "" {
		b.WriteString("Sec-WebSocket-Extensions: " + extensions + "\r\n")
	}
	_ = extra.WriteSubset(&b, own)
	b.WriteString("\r\n")
	return []byte(b.String())
}
