package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/coder/websocket"
)

// maxMessage bounds a message either way, in bytes.
const maxMessage = 64 << 20

// dial opens a socket. Its errors say what was answered, and what may help.
func dial(ctx context.Context, target *url.URL, header http.Header, opt connectOptions) (*websocket.Conn, error) {
	limited, cancel := context.WithTimeout(ctx, opt.timeout)
	defer cancel()
	client := &http.Client{
		Transport: &http.Transport{
			Proxy:           http.ProxyFromEnvironment,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: opt.insecure},
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }, // as browsers do
	}
	conn, resp, err := websocket.Dial(limited, target.String(), &websocket.DialOptions{
		HTTPClient:   client,
		HTTPHeader:   header,
		Host:         header.Get("Host"),
		Subprotocols: opt.subprotocols,
	})
	switch {
	case err == nil:
		conn.SetReadLimit(maxMessage)
		return conn, nil
	case ctx.Err() != nil:
		return nil, fmt.Errorf("%s: interrupted", target.Redacted())
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("%s: no answer within %s (--timeout gives it longer)", target.Redacted(), opt.timeout)
	case resp != nil && resp.StatusCode != http.StatusSwitchingProtocols:
		return nil, refused(target, resp, opt)
	}
	return nil, fmt.Errorf("%s: %w%s", target.Redacted(), cause(err), unreachableHint(target, err))
}

// unreachableHint says what may help against an error of dialing, in brackets.
func unreachableHint(target *url.URL, err error) string {
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	case errors.As(err, &certificate):
		return " (--insecure accepts any certificate)"
	case errors.As(err, &name) && !strings.Contains(name.Name, "."):
		return fmt.Sprintf(" (a path begins with a slash: /%s)", name.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		return " (is the server running?)"
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Sprintf(" (try ws://%s)", target.Host)
	}
	return ""
}

// refused is the error for an answer that is not 101.
func refused(target *url.URL, resp *http.Response, opt connectOptions) error {
	text := resp.Status
	line := firstLine(resp)
	if line != "" {
		text += ": " + line
	}
	return fmt.Errorf("%s: %s%s", target.Redacted(), escape(text), refusedHint(target, resp, line, opt))
}

// refusedHint says what may help against a refusal, in brackets.
func refusedHint(target *url.URL, resp *http.Response, line string, opt connectOptions) string {
	switch status := resp.StatusCode; {
	case status >= 200 && status < 300:
		return " (a page, not a socket)"
	case status >= 300 && status < 400:
		if location, err := resp.Location(); err == nil {
			return fmt.Sprintf(" (try %s)", escape(location.Redacted()))
		}
	case status == http.StatusBadRequest && strings.Contains(line, "HTTPS server"):
		return fmt.Sprintf(" (try wss://%s)", target.Host)
	case status == http.StatusUnauthorized && strings.Contains(resp.Header.Get("WWW-Authenticate"), "invalid_token"):
		return " (has it expired? parley token makes a fresh one; the server's log says what is wrong)"
	case status == http.StatusUnauthorized:
		return " (say who you are with --header 'Cookie: …' or 'Authorization: …')"
	case status == http.StatusForbidden && strings.Contains(line, "logged in"):
		return "" // it is not about origins
	case status == http.StatusForbidden && opt.origin == "":
		return " (browsers send an origin: --origin https://…)"
	case status == http.StatusForbidden:
		return " (an origin that the endpoint lets in: --origin https://…)"
	case status == http.StatusNotFound:
		return " (parley check lists an app's endpoints)"
	}
	return ""
}

// firstLine is what the server says for people to read.
func firstLine(resp *http.Response) string {
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if resp.Body == nil || kind != "text/plain" {
		return ""
	}
	lines := bufio.NewScanner(resp.Body)
	lines.Scan()
	return strings.TrimSpace(lines.Text())
}
