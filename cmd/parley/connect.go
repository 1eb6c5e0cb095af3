package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"
)

// connectOptions are the flags of parley connect.
type connectOptions struct {
	origin       string
	headers      []string
	subprotocols []string
	binary       bool
	raw          bool
	insecure     bool
	timeout      time.Duration
	wait         time.Duration
}

func connectCommand(a *app) *cobra.Command {
	var opt connectOptions
	cmd := &cobra.Command{
		Use:   "connect URL",
		Short: "talk to a socket by hand, or from a script",
		Long: `Opens a socket, sends what you type and shows what comes. What the URL leaves out
without its ws:// is filled in: the address 127.0.0.1, the port 9988.

In a terminal each line is sent when you press Enter; the arrow keys edit it and
bring back earlier ones; Ctrl-D or /quit closes. Otherwise each line of the
standard input is a message, each message a line of the standard output, and the
socket is closed when the input is at its end and --wait is over.`,
		Example: `  parley connect /chat
  parley connect wss://example.com/chat --origin https://example.com
  echo hello | parley connect /pingbot`,
		Annotations: map[string]string{noSettings: "all its flags are its own"},
		Args:        usageArgs(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.connect(cmd.Context(), args[0], opt)
		},
	}
	cmd.SetUsageTemplate(cmd.UsageTemplate() + connectStatus)
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&opt.origin, "origin", "", "connect as a page of this `ORIGIN` would: https://example.com")
	flags.StringArrayVarP(&opt.headers, "header", "H", nil, "send this header with the handshake: `'Name: value'` (repeatable)")
	flags.StringArrayVarP(&opt.subprotocols, "subprotocol", "s", nil, "offer the subprotocol `NAME` (repeatable)")
	flags.BoolVar(&opt.binary, "binary", false, "lines are hex digits, and sent as binary messages")
	flags.BoolVar(&opt.raw, "raw", false, "show messages on one line: no JSON laid out, no hex dumps")
	flags.BoolVar(&opt.insecure, "insecure", false, "accept any certificate")
	flags.DurationVar(&opt.timeout, "timeout", 10*time.Second, "how long the handshake may take")
	flags.DurationVar(&opt.wait, "wait", time.Second, "how long to listen after the last line of a pipe")
	return cmd
}

const connectStatus = `
Exit status: 0 closed with 1000, 1001 or without a code, 1 anything else, 2 wrong usage.
`

// connect talks to the socket at address until one side has closed it. The
// error is nil if that was a good end.
func (a *app) connect(ctx context.Context, address string, opt connectOptions) error {
	target, err := parseAddress(address)
	if err != nil {
		return &usageError{text: err.Error(), command: "parley connect"}
	}
	header, err := opt.header()
	if err != nil {
		return &usageError{text: err.Error(), command: "parley connect"}
	}
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends the process

	conn, err := dial(ctx, target, header, opt)
	if err != nil {
		return err
	}
	defer func() { _ = conn.CloseNow() }() // if it has not ended by then
	connected := "connected to " + target.Redacted()
	switch chosen := conn.Subprotocol(); {
	case chosen != "":
		connected += ", subprotocol " + chosen
	case len(opt.subprotocols) > 0:
		connected += ", no subprotocol"
	}
	t := &talk{conn: conn, binary: opt.binary, wait: opt.wait}
	if !atTerminal(os.Stdin, a.stdout) {
		fmt.Fprintf(a.stderr, "parley: %s\n", connected)
		t.script, t.console = true, newPipe(os.Stdin, a.stdout, a.stderr)
		return t.run(ctx)
	}
	fmt.Fprintf(a.stderr, "parley: %s (Ctrl-D or /quit closes)\n", connected)
	t.console, err = openTerminal(os.Stdin, a.stdout, a.stderr, look{raw: opt.raw, colour: os.Getenv("NO_COLOR") == ""})
	if err != nil {
		return err
	}
	return t.run(ctx)
}

// Where an address leads that does not say.
const (
	defaultHost = "127.0.0.1"
	defaultPort = "9988"
)

// parseAddress reads a URL, or the part of one that differs from
// ws://127.0.0.1:9988.
func parseAddress(text string) (*url.URL, error) {
	full := text
	scheme, _, complete := strings.Cut(text, "://")
	complete = complete && !strings.ContainsAny(scheme, ":/?#")
	if !complete {
		full = "ws://" + text
	}
	u, err := url.Parse(full)
	if err != nil {
		return nil, fmt.Errorf("%q is no URL: %w", text, cause(err))
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	case "ws", "wss":
	default:
		return nil, fmt.Errorf("%q: the URL of a socket begins with ws:// or wss://", text)
	}
	host, port := u.Hostname(), u.Port()
	switch {
	case complete && host == "":
		return nil, fmt.Errorf("%q: no host is named", text)
	case complete:
		return u, nil
	}
	if host == "" {
		host = defaultHost
	}
	if port == "" {
		port = defaultPort
	}
	u.Host = net.JoinHostPort(host, port)
	return u, nil
}

// header is what the options say goes with the handshake.
func (o connectOptions) header() (http.Header, error) {
	header := http.Header{}
	for _, line := range o.headers {
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		if !ok || name == "" {
			return nil, fmt.Errorf("--header %q: write 'Name: value'", line)
		}
		header.Add(name, strings.TrimSpace(value))
	}
	if o.origin != "" {
		header.Set("Origin", o.origin)
	}
	return header, nil
}

// cause is the error at the bottom of err: what happened, without who was doing
// what meanwhile.
func cause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
