package auth

import (
	"strings"
	"testing"
)

// A name that is this machine's today may be another's tomorrow: what counts is
// the address that is dialled.
func TestHTTPDialsLoopbackOnly(t *testing.T) {
	transport := keyTransport("http")
	if transport.Proxy != nil {
		t.Error("http goes through a proxy")
	}
	for _, address := range []string{"192.0.2.1:80", "[2001:db8::1]:80", "10.0.0.1:80", "169.254.169.254:80", "[::ffff:192.0.2.1]:80"} {
		conn, err := transport.DialContext(t.Context(), "tcp", address)
		if err == nil {
			conn.Close()
		}
		if err == nil || !strings.Contains(err.Error(), "http to another machine") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
