package ws

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"net/http"
	"net/netip"
	"strings"

	"golang.org/x/net/http/httpguts"

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
		err := badRequest("an opening handshake has no body")
		err.Header = http.Header{"Connection": {"close"}} // or the answer would wait for the body
		return err
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
	b := bytes.NewBuffer(make([]byte, 0, 512))
	b.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ")
	b.WriteString(acceptOf(key))
	b.WriteString("\r\n")
	if subprotocol != "" {
		writeHeader(b, "Sec-WebSocket-Protocol", subprotocol)
	}
	if extensions != "" {
		writeHeader(b, "Sec-WebSocket-Extensions", extensions)
	}
	for name, values := range extra {
		switch name {
		case "Upgrade", "Connection", "Content-Length", "Transfer-Encoding",
			"Sec-Websocket-Accept", "Sec-Websocket-Protocol", "Sec-Websocket-Extensions":
			continue
		}
		for _, value := range values {
			writeHeader(b, name, value)
		}
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// writeHeader writes one header line. What would end it, or is no name of a
// header (RFC 9110 §5.1), does not get through.
func writeHeader(b *bytes.Buffer, name, value string) {
	if !httpguts.ValidHeaderFieldName(name) {
		return
	}
	b.WriteString(name)
	b.WriteString(": ")
	if strings.ContainsAny(value, "\r\n") {
		value = strings.NewReplacer("\r", " ", "\n", " ").Replace(value)
	}
	b.WriteString(strings.TrimSpace(value))
	b.WriteString("\r\n")
}
