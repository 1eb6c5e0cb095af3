package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/coder/websocket"

	"parley.example/parley"
)

// A console is where messages are said and shown. Any goroutine may show and
// note.
type console interface {
	// next returns what to send next, and io.EOF when that was all.
	next() (string, error)
	show(kind websocket.MessageType, data []byte)
	// note says something that is no message.
	note(text string)
	// release gives back what the console has taken; after it, no next is needed.
	release()
}

const (
	// ahead is how many messages may wait for a server that does not read: so
	// long a person's keys are heard.
	ahead = 256
	// pongWait is how long a script waits for a pong.
	pongWait = 2 * time.Second
)

// A talk sends what its console says, and shows what comes.
type talk struct {
	conn    *websocket.Conn
	console console
	script  bool          // nobody types
	binary  bool          // lines are hex digits
	wait    time.Duration // how long a script listens after its last line
}

// run returns when the connection has ended: the server closed it, or the
// console is at its end, or ctx is. Nobody can interrupt a read of the standard
// input: its goroutine is left behind, and ends with the program.
func (t *talk) run(ctx context.Context) error {
	alive, stop := context.WithCancel(context.WithoutCancel(ctx)) // what the connection lives by
	defer stop()
	defer t.console.release()
	ended, said := make(chan error, 1), make(chan error, 1)
	go func() { ended <- t.receive(alive) }()
	go func() { said <- t.send(alive) }()

	var end, fault error
	who := "the server closed"
	select {
	case end = <-ended:
	case <-ctx.Done():
	case fault = <-said:
		if t.script {
			end = t.listen(ctx, ended)
		}
	}
	if end == nil {
		who, end = "closed", t.close(ended)
	}
	if err := t.over(who, end); fault == nil {
		return err
	}
	return fault
}

// receive returns why the connection has ended.
func (t *talk) receive(ctx context.Context) error {
	for {
		kind, data, err := t.conn.Read(ctx)
		if err != nil {
			return err
		}
		t.console.show(kind, data)
	}
}

// send returns when everything is sent; its error is the console's. If nothing
// can be sent any more, it leaves it to receive to say why.
func (t *talk) send(ctx context.Context) error {
	kind := websocket.MessageText
	if t.binary {
		kind = websocket.MessageBinary
	}
	messages := make(chan []byte, ahead)
	var fault error // valid once messages is closed
	go func() {
		defer close(messages)
		fault = t.hear(ctx, messages)
	}()
	for data := range messages {
		if err := t.conn.Write(ctx, kind, data); err != nil {
			<-ctx.Done()
			return nil
		}
	}
	return fault
}

// hear hands over what the console says, until it is at its end.
func (t *talk) hear(ctx context.Context, messages chan<- []byte) error {
	for {
		line, err := t.console.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		data := []byte(line)
		if t.binary {
			data, err = hex.DecodeString(strings.Join(strings.Fields(line), ""))
		}
		switch {
		case err != nil && t.script:
			return fmt.Errorf("%q is not hex digits: nothing was sent from there on", line)
		case err != nil:
			t.console.note("that is not hex digits, and was not sent")
			continue
		}
		select {
		case messages <- data:
		case <-ctx.Done():
			return nil
		}
	}
}

// listen gives the server time to answer. It returns how the connection ended,
// or nil if it is still open.
func (t *talk) listen(ctx context.Context, ended <-chan error) error {
	timer := time.NewTimer(t.wait)
	defer timer.Stop()
	select {
	case end := <-ended:
		return end
	case <-ctx.Done():
		return nil
	case <-timer.C:
	}
	// A server that answers in order, as Parley does (docs/adr/0002), has answered
	// all messages before it answers a ping.
	ctx, cancel := context.WithTimeout(ctx, pongWait)
	defer cancel()
	if err := t.conn.Ping(ctx); errors.Is(err, net.ErrClosed) {
		return <-ended
	}
	return nil
}

// close closes the connection and returns how it ended, which is never nil.
func (t *talk) close(ended <-chan error) error {
	t.console.release()
	err := t.conn.Close(websocket.StatusNormalClosure, "")
	end := <-ended
	switch {
	case websocket.CloseStatus(end) != -1:
		return end
	case err == nil:
		return websocket.CloseError{Code: websocket.StatusNormalClosure}
	case websocket.CloseStatus(err) != -1:
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return errors.New("the server did not answer the close")
	}
	return end
}

// over tells how the connection ended: a good end is noted, another is the
// error.
func (t *talk) over(who string, end error) error {
	t.console.release()
	var frame websocket.CloseError
	switch {
	case errors.As(end, &frame):
	case errors.Is(end, websocket.ErrMessageTooBig):
		return fmt.Errorf("closed with 1009: a message is larger than %d MiB", maxMessage>>20)
	default:
		return fmt.Errorf("the connection ended without a close code: %w", cause(end))
	}
	code := parley.CloseCode(frame.Code)
	text := fmt.Sprintf("%s with %d (%s)", who, code, meaning(code))
	if frame.Reason != "" {
		text += ": " + escape(frame.Reason)
	}
	switch code {
	case parley.CloseNormal, parley.CloseGoingAway, parley.CloseNoStatus:
		t.console.note(text)
		return nil
	}
	return errors.New(text)
}

// meaning says in a word what a close code means, if Parley sends it
// (docs/conformance.md).
func meaning(code parley.CloseCode) string {
	switch code {
	case parley.CloseNormal:
		return "done"
	case parley.CloseGoingAway:
		return "going away"
	case parley.CloseProtocol:
		return "protocol error"
	case parley.CloseUnsupported:
		return "kind of data not accepted"
	case parley.CloseNoStatus:
		return "no code"
	case parley.CloseInvalidData:
		return "text is not UTF-8"
	case parley.ClosePolicy:
		return "against a rule, say too fast"
	case parley.CloseTooBig:
		return "message too big"
	case parley.CloseInternal:
		return "a function raised: see the server's log"
	case parley.CloseRestart:
		return "its worker died: connect again"
	case parley.CloseSlow:
		return "reads too slowly"
	case parley.CloseUnauthorized:
		return "the right to be there has ended: log in again, or come with a fresh token"
	case parley.CloseStale:
		return "answered no ping"
	}
	if code >= 3000 {
		return "the app's own code"
	}
	return "see RFC 6455"
}

// A pipe is the console of a script: a line of its input is a message, and a
// message a line of its output.
type pipe struct {
	lines          *bufio.Scanner
	stdout, stderr io.Writer
}

func newPipe(stdin io.Reader, stdout, stderr io.Writer) *pipe {
	lines := bufio.NewScanner(stdin)
	lines.Buffer(nil, maxMessage)
	return &pipe{lines: lines, stdout: stdout, stderr: stderr}
}

func (p *pipe) next() (string, error) {
	if p.lines.Scan() {
		return p.lines.Text(), nil
	}
	if err := p.lines.Err(); err != nil {
		return "", fmt.Errorf("reading the standard input: %w", err)
	}
	return "", io.EOF
}

func (p *pipe) show(kind websocket.MessageType, data []byte) {
	fmt.Fprintln(p.stdout, oneLine(kind, data))
}

func (p *pipe) note(text string) { fmt.Fprintf(p.stderr, "parley: %s\n", text) }

func (p *pipe) release() {}
