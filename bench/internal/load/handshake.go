package load

import (
	"bytes"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
)

// A request is one handshake as a browser sends it, and the key that proves
// that the answer belongs to it (RFC 6455 §4.2.2).
type request struct {
	bytes  []byte
	accept string
	cookie bool // it brings one, which the server is to know
}

// requests makes one request per cookie, or n without any, each with a key of
// its own.
func requests(host, path string, cookies []string, n int, rng *rand.Rand) []request {
	if len(cookies) > 0 {
		n = len(cookies)
	}
	all := make([]request, n)
	for i := range all {
		var nonce [16]byte
		for k := range nonce {
			nonce[k] = byte(rng.IntN(256))
		}
		key := base64.StdEncoding.EncodeToString(nonce[:])
		cookie := ""
		if len(cookies) > 0 {
			cookie = cookies[i]
		}
		all[i] = request{bytes: browserRequest(host, path, key, cookie), accept: acceptKey(key), cookie: cookie != ""}
	}
	return all
}

// browserRequest has the headers that Chromium sends, in its order.
func browserRequest(host, path, key, cookie string) []byte {
	lines := []string{
		"GET " + path + " HTTP/1.1",
		"Host: " + host,
		"Connection: Upgrade",
		"Pragma: no-cache",
		"Cache-Control: no-cache",
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
		"Upgrade: websocket",
		"Origin: http://" + host,
		"Sec-WebSocket-Version: 13",
		"Accept-Encoding: gzip, deflate, br, zstd",
		"Accept-Language: en-GB,en-US;q=0.9,en;q=0.8",
	}
	if cookie != "" {
		lines = append(lines, "Cookie: "+cookie)
	}
	lines = append(lines,
		"Sec-WebSocket-Key: "+key,
		"Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits",
		"", "")
	return []byte(strings.Join(lines, "\r\n"))
}

func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

var endOfHead = []byte("\r\n\r\n")

// check reads the head of a response, up to and including its empty line. An
// extension is an error: compressed messages are not what is measured. So is a
// new cookie for one who brought one. It allocates only for its error.
func (r *request) check(head []byte) error {
	status, lines, _ := bytes.Cut(head, []byte("\r\n"))
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 101 ")) {
		return fmt.Errorf("the handshake was answered with %q", status)
	}
	accepted := false
	for len(lines) > 0 {
		line, rest, _ := bytes.Cut(lines, []byte("\r\n"))
		lines = rest
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Sec-WebSocket-Accept")):
			accepted = string(value) == r.accept
		case bytes.EqualFold(name, []byte("Sec-WebSocket-Extensions")):
			return fmt.Errorf("the server chose the extension %q", value)
		case r.cookie && bytes.EqualFold(name, []byte("Set-Cookie")):
			return errors.New("the server did not know the cookie")
		}
	}
	if !accepted {
		return errors.New("the handshake's answer does not have the key that is due")
	}
	return nil
}
