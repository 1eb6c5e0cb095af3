package python

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"net/http"

	"parley.example/parley"
	"parley.example/parley/internal/call"
)

func decodeClose(payload []byte) (code parley.CloseCode, reason string, err error) {
	f := fields{rest: payload}
	code = parley.CloseCode(f.u16())
	if f.short {
		return 0, "", rowErrorf("CLOSE without a code")
	}
	return code, string(f.rest), nil
}

func encodeClose(code parley.CloseCode, reason string) []byte {
	return append(binary.LittleEndian.AppendUint16(nil, uint16(code)), reason...)
}

// decodePublish copies the message, because publications are kept.
func decodePublish(payload []byte) (channel string, m parley.Message, err error) {
	f := fields{rest: payload}
	kind := parley.Kind(f.u8())
	name := f.str16()
	if f.short || (kind != parley.Text && kind != parley.Binary) {
		return "", parley.Message{}, rowErrorf("PUBLISH that is cut off or of no kind")
	}
	return string(name), parley.Message{Kind: kind, Data: bytes.Clone(f.rest)}, nil
}

// sessionJSON is a change of a session as rows carry it.
type sessionJSON struct {
	Set    map[string]json.RawMessage `json:"set"`
	Delete []string                   `json:"delete"`
}

func decodeSession(payload []byte) (id string, change parley.SessionChange, err error) {
	f := fields{rest: payload}
	id = string(f.str16())
	if f.short {
		return "", change, rowErrorf("SESSION without an id")
	}
	var s sessionJSON
	if err := json.Unmarshal(f.rest, &s); err != nil {
		return "", change, rowErrorf("SESSION: %s", err)
	}
	return id, parley.SessionChange{Set: s.Set, Delete: s.Delete}, nil
}

// encodeSession returns the payload of SESSION to the worker.
func encodeSession(id string, change parley.SessionChange, own bool) ([]byte, error) {
	s := sessionJSON{Set: change.Set, Delete: change.Delete}
	if s.Set == nil {
		s.Set = map[string]json.RawMessage{}
	}
	if s.Delete == nil {
		s.Delete = []string{}
	}
	text, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	payload := make([]byte, 1, 3+len(id)+len(text))
	if own {
		payload[0] = 1
	}
	return append(appendStr16(payload, id), text...), nil
}

// decodeDone tells done of each message's size.
func decodeDone(payload []byte, done interface{ Done(n int) }) error {
	if len(payload) == 0 {
		return rowErrorf("DONE without a size")
	}
	for f := (fields{rest: payload}); len(f.rest) > 0; {
		n := f.u32()
		if f.short || n > maxRow {
			return rowErrorf("DONE with a size that is cut off, or of %d octets", n)
		}
		done.Done(int(n))
	}
	return nil
}

// decodeFail returns an error without a Hook for what was raised outside any
// function of the endpoint: in a timer, a receiver, a task.
func decodeFail(payload []byte) (*call.FunctionError, error) {
	f := fields{rest: payload}
	hook := f.u8()
	size := f.u32()
	message := f.str32()
	hooks := [...]call.Hook{"", call.Open, call.OnMessage, call.OnClose, call.OnPong}
	if f.short || int(hook) >= len(hooks) || size > maxRow {
		return nil, rowErrorf("FAIL that is cut off or of no hook")
	}
	return &call.FunctionError{
		Hook:      hooks[hook],
		Message:   string(message),
		Traceback: string(f.rest),
		Bytes:     int(size),
	}, nil
}

// The statuses of REPLY.
const (
	replyValue       = 0
	replyRaised      = 1
	replyUnavailable = 2
)

// A reply is the worker's answer to a CALL.
type reply struct {
	call        uint32
	status      uint8
	value       call.Value // replyValue
	message     string     // replyRaised: one line; replyUnavailable: why
	traceback   string     // replyRaised
	workerEnded bool       // no answer: the worker died
}

// decodeReply copies the value, because a caller waits for it elsewhere.
func decodeReply(payload []byte) (reply, error) {
	f := fields{rest: payload}
	r := reply{call: f.u32(), status: f.u8()}
	kind := call.ValueKind(f.u8())
	head := f.str32()
	if f.short || kind > call.JSON || r.status > replyUnavailable {
		return r, rowErrorf("REPLY that is cut off, or of no status or kind")
	}
	switch r.status {
	case replyRaised:
		r.message = string(f.str32())
		if f.short {
			return r, rowErrorf("REPLY without the exception's message")
		}
		r.traceback = string(f.rest)
	case replyUnavailable:
		r.message = string(f.rest)
	case replyValue:
		r.value = call.Value{Kind: kind, Data: bytes.Clone(f.rest)}
		if len(head) == 0 {
			break
		}
		var h struct {
			Status  int         `json:"status"`
			Headers [][2]string `json:"headers"`
		}
		if err := json.Unmarshal(head, &h); err != nil {
			return r, rowErrorf("REPLY: %s", err)
		}
		r.value.Status = h.Status
		for _, pair := range h.Headers {
			if r.value.Header == nil {
				r.value.Header = http.Header{}
			}
			r.value.Header.Add(pair[0], pair[1])
		}
	}
	return r, nil
}
