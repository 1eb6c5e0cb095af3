package load

import (
	"math/rand/v2"
	"strings"
	"testing"
)

func TestAcceptKey(t *testing.T) {
	// RFC 6455 §1.3
	if got, want := acceptKey("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="; got != want {
		t.Errorf("acceptKey = %q, want %q", got, want)
	}
}

func TestRequests(t *testing.T) {
	cookies := []string{"sid=a", "sid=b", "sid=c"}
	all := requests("127.0.0.1:80", "/echo", cookies, 100, rand.New(rand.NewPCG(1, 2)))
	if len(all) != len(cookies) {
		t.Fatalf("%d requests for %d cookies", len(all), len(cookies))
	}
	for i, r := range all {
		text := string(r.bytes)
		if !strings.Contains(text, "\r\nCookie: "+cookies[i]+"\r\n") || !strings.HasSuffix(text, "\r\n\r\n") {
			t.Errorf("request %d: %s", i, text)
		}
		if i > 0 && r.accept == all[0].accept {
			t.Errorf("request %d has the key of another", i)
		}
	}
}

func TestResponses(t *testing.T) {
	const good = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nsec-websocket-accept: KEY\r\n"
	for _, test := range []struct {
		name, head string
		cookie, ok bool
	}{
		{"good", good, false, true},
		{"refused", "HTTP/1.1 503 Service Unavailable\r\n", false, false},
		{"no key", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n", false, false},
		{"other key", strings.Replace(good, "KEY", "key", 1), false, false},
		{"extension", good + "Sec-WebSocket-Extensions: permessage-deflate\r\n", false, false},
		{"first cookie", good + "Set-Cookie: sid=x\r\n", false, true},
		{"other cookie", good + "Set-Cookie: sid=x\r\n", true, false},
	} {
		r := request{accept: "KEY", cookie: test.cookie}
		if err := r.check([]byte(test.head + "\r\n")); (err == nil) != test.ok {
			t.Errorf("%s: %v", test.name, err)
		}
	}
}
