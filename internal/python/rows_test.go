package python

import (
	"bytes"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"testing"

	"parley.example/parley"
	"parley.example/parley/internal/call"
	"parley.example/parley/internal/call/calltest"
)

func TestNextRow(t *testing.T) {
	text := appendRow(nil, fromText, 7, []byte("hello"))
	for _, test := range []struct {
		name string
		buf  []byte
		size int
		err  bool
	}{
		{"nothing", nil, 0, false},
		{"half a length", text[:2], 0, false},
		{"half a header", text[:7], 0, false},
		{"half a payload", text[:len(text)-1], 0, false},
		{"one row", text, len(text), false},
		{"a row and a half", append(bytes.Clone(text), text[:3]...), len(text), false},
		{"no payload", appendRow(nil, fromEnded, 1), rowHeader, false},
		{"too short", []byte{4, 0, 0, 0, 67, 0, 0, 0}, 0, true},
		{"too long", binary.LittleEndian.AppendUint32(nil, maxRow+1), 0, false},
		{"too long, with a type", append(binary.LittleEndian.AppendUint32(nil, maxRow+1), 67), 0, true},
		{"type 0", appendRow(nil, 0, 1), 0, true},
		{"a row of the server's", appendRow(nil, toText, 1), 0, true},
		{"a type after the last", appendRow(nil, fromBeat+1, 1), 0, true},
		{"a wrong type shows at once", appendRow(nil, 99, 1)[:5], 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, size, err := nextRow(test.buf)
			if size != test.size || (err != nil) != test.err {
				t.Errorf("size %d, err %v; want size %d, error %t", size, err, test.size, test.err)
			}
		})
	}
	r, _, _ := nextRow(text)
	if r.typ != fromText || r.number != 7 || string(r.payload) != "hello" {
		t.Errorf("row = %+v", r)
	}
}

func u32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }

func str32(s string) []byte { return append(u32(uint32(len(s))), s...) }

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestPayloads(t *testing.T) {
	code, reason, err := decodeClose(encodeClose(4001, "bye"))
	if code != 4001 || reason != "bye" || err != nil {
		t.Errorf("CLOSE = %v %q %v", code, reason, err)
	}
	channel, m, err := decodePublish(join([]byte{2}, appendStr16(nil, "lobby"), []byte("\xff")))
	if channel != "lobby" || m.Kind != parley.Binary || string(m.Data) != "\xff" || err != nil {
		t.Errorf("PUBLISH = %q %+v %v", channel, m, err)
	}
	id, change, err := decodeSession(join(appendStr16(nil, "s1"), []byte(`{"set":{"a":[1]},"delete":["b"]}`)))
	if id != "s1" || string(change.Set["a"]) != "[1]" || len(change.Delete) != 1 || err != nil {
		t.Errorf("SESSION = %q %+v %v", id, change, err)
	}
	failure, err := decodeFail(join([]byte{2}, u32(5), str32("ValueError: no"), []byte("Traceback…")))
	want := call.FunctionError{Hook: call.OnMessage, Message: "ValueError: no", Traceback: "Traceback…", Bytes: 5}
	if err != nil || *failure != want {
		t.Errorf("FAIL = %+v %v", failure, err)
	}
	done := &calltest.Effects{}
	err = decodeDone(join(u32(9), u32(0), u32(7)), done)
	if !slices.Equal(done.Lines(), []string{"done 9", "done 0", "done 7"}) || err != nil {
		t.Errorf("DONE = %q %v", done.Lines(), err)
	}
	r, err := decodeReply(join(u32(3), []byte{replyValue, byte(call.JSON)},
		str32(`{"status":201,"headers":[["X","1"],["X","2"]]}`), []byte("{}")))
	if err != nil || r.call != 3 || r.value.Kind != call.JSON || string(r.value.Data) != "{}" ||
		r.value.Status != 201 || len(r.value.Header["X"]) != 2 {
		t.Errorf("REPLY = %+v %v", r, err)
	}
	r, err = decodeReply(join(u32(3), []byte{replyRaised, 0}, str32("{}"), str32("E: x"), []byte("tb")))
	if err != nil || r.message != "E: x" || r.traceback != "tb" {
		t.Errorf("REPLY that raised = %+v %v", r, err)
	}
	r, err = decodeReply(join(u32(3), []byte{replyUnavailable, 0}, str32(""), []byte("module chat")))
	if err != nil || r.message != "module chat" {
		t.Errorf("REPLY of unavailable = %+v %v", r, err)
	}
}

func TestBadPayloadsAreProtocolErrors(t *testing.T) {
	for name, err := range map[string]error{
		"CLOSE":              third(decodeClose([]byte{1})),
		"PUBLISH of no kind": third(decodePublish([]byte{3, 0, 0})),
		"PUBLISH cut off":    third(decodePublish([]byte{1, 9, 0})),
		"SESSION, no id":     third(decodeSession([]byte{9, 0})),
		"SESSION, no JSON":   third(decodeSession([]byte{0, 0, '{'})),
		"DONE of nothing":    decodeDone(nil, nothing{}),
		"DONE cut off":       decodeDone(join(u32(1), []byte{2, 0}), nothing{}),
		"DONE of too much":   decodeDone(u32(maxRow+1), nothing{}),
		"FAIL of no hook":    second(decodeFail(join([]byte{5}, u32(0), str32("")))),
		"FAIL cut off":       second(decodeFail([]byte{1, 0})),
		"REPLY of no kind":   second(decodeReply(join(u32(1), []byte{0, 4}, str32("")))),
		"REPLY of no status": second(decodeReply(join(u32(1), []byte{3, 0}, str32("")))),
		"REPLY, bad head":    second(decodeReply(join(u32(1), []byte{0, 0}, str32("{")))),
		"REPLY, no message":  second(decodeReply(join(u32(1), []byte{1, 0}, str32("")))),
		"LOADED, no JSON":    second(decodeLoaded([]byte("{"))),
		"LOADED, version 1":  second(decodeLoaded([]byte(`{"version":1}`))),
	} {
		var protocol *rowError
		if !errors.As(err, &protocol) {
			t.Errorf("%s: error %v, want a *rowError", name, err)
		}
	}
}

func second[A any](_ A, err error) error { return err }

func third[A, B any](_ A, _ B, err error) error { return err }

// readSize is what the tests take for one read.
const readSize = 64 << 10

// readAll gives a link what it reads, and returns what was wrong with it.
func readAll(parts [][]byte, apply func(row) error) error {
	l := newLink(apply)
	for _, part := range parts {
		for len(part) > 0 {
			n := min(len(part), readSize)
			l.Read(part[:n])
			part = part[n:]
		}
	}
	return l.broken
}

func TestLinkReadsRowsHoweverTheyAreCut(t *testing.T) {
	var stream, want []byte
	for i, size := range []int{0, 1, 3, readSize - rowHeader, readSize, 5 * readSize, 2, readSize - 1} {
		payload := bytes.Repeat([]byte{byte('a' + i)}, size)
		stream = appendRow(stream, fromText, uint32(i+1), payload)
		want = append(want, payload...)
	}
	for _, piece := range []int{1 << 30, 60_000, 4096, 7} {
		var parts [][]byte
		for rest := stream; len(rest) > 0; {
			n := min(piece, len(rest))
			parts, rest = append(parts, rest[:n]), rest[n:]
		}
		var got []byte
		number := uint32(0)
		err := readAll(parts, func(r row) error {
			if number++; r.number != number {
				t.Errorf("row %d has number %d", number, r.number)
			}
			got = append(got, r.payload...)
			return nil
		})
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("in pieces of %d: %d octets and error %v, want %d octets", piece, len(got), err, len(want))
		}
	}
}

func TestLinkStopsAtWhatIsNoRow(t *testing.T) {
	good := appendRow(nil, fromEnded, 1)
	rows := 0
	err := readAll([][]byte{append(bytes.Clone(good), "GET / HTTP/1.1"...)}, func(row) error {
		rows++
		return nil
	})
	var protocol *rowError
	if rows != 1 || !errors.As(err, &protocol) {
		t.Errorf("%d rows, error %v; want one row and a *rowError", rows, err)
	}
}

func TestSessionRowsWaitForTheOpening(t *testing.T) {
	l := newLink(nil)
	l.hold("s")
	l.hold("s")
	l.sendSession("s", []byte("1"))
	l.sendSession("other", []byte("2"))
	l.sendOpening("s", toOpen, 1, []byte("3"))
	l.sendSession("s", []byte("4"))
	l.sendOpening("s", toOpen, 2, []byte("5"))
	l.sendSession("s", []byte("6"))

	var order strings.Builder
	for rest := l.queue; len(rest) > 0; {
		size := 4 + int(binary.LittleEndian.Uint32(rest))
		order.Write(rest[rowHeader:size])
		rest = rest[size:]
	}
	if got, want := order.String(), "235146"; got != want {
		t.Errorf("rows left in the order %s, want %s", got, want)
	}
	if len(l.held) != 0 {
		t.Errorf("still held: %v", l.held)
	}
}

// nothing is a call.Effects that does nothing.
type nothing struct{ call.Effects }

func (nothing) Write(parley.Kind, []byte) error { return nil }

func (nothing) Done(int) {}

func TestMessagesAllocateNothing(t *testing.T) {
	w := newWorker("w1", nil, outside{}, nil)
	h := &holder{effects: nothing{}, isOpen: true}
	w.add(h)
	data := bytes.Repeat([]byte("x"), 100)
	in := appendRow(nil, fromText, h.number, data)
	in = appendRow(in, fromDone, h.number, u32(100))
	s := call.Stream(&stream{worker: w, holder: h})

	if n := testing.AllocsPerRun(100, func() {
		for rest := in; len(rest) > 0; {
			r, size, err := nextRow(rest)
			if err != nil || w.apply(r) != nil {
				t.Fatal("bad row")
			}
			rest = rest[size:]
		}
	}); n != 0 {
		t.Errorf("a message from the worker allocates %v times", n)
	}
	w.link.queue = make([]byte, 0, 1<<20)
	if n := testing.AllocsPerRun(100, func() { s.Message(parley.Text, data) }); n != 0 {
		t.Errorf("a message to the worker allocates %v times", n)
	}
}

func FuzzRows(f *testing.F) {
	f.Add(appendRow(nil, fromText, 1, []byte("hello")))
	f.Add(appendRow(appendRow(nil, fromDone, 1, u32(5), u32(3)), fromEnded, 1))
	f.Add(appendRow(nil, fromPublish, 0, []byte{1}, appendStr16(nil, "lobby"), []byte("hi")))
	f.Add(appendRow(nil, fromSession, 1, appendStr16(nil, "s"), []byte(`{"set":{},"delete":[]}`)))
	f.Add(appendRow(nil, fromFail, 1, []byte{1}, u32(0), str32("E"), []byte("tb")))
	f.Add(appendRow(nil, fromReply, 1, u32(1), []byte{0, 1}, str32("{}"), []byte("x")))
	f.Add(appendRow(nil, fromClose, 1, encodeClose(1000, "")))
	f.Fuzz(func(t *testing.T, stream []byte) {
		var again []byte
		err := readAll([][]byte{stream}, func(r row) error {
			again = appendRow(again, r.typ, r.number, r.payload)
			// Whatever is in them, payloads are refused or taken, no more.
			_, _, _ = decodeClose(r.payload)
			_, _, _ = decodePublish(r.payload)
			_, _, _ = decodeSession(r.payload)
			_ = decodeDone(r.payload, nothing{})
			_, _ = decodeFail(r.payload)
			_, _ = decodeReply(r.payload)
			_, _ = decodeLoaded(r.payload)
			return nil
		})
		if !bytes.HasPrefix(stream, again) {
			t.Errorf("rows %q are not the front of %q", again, stream)
		}
		if err == nil && len(stream)-len(again) >= 5 {
			rest := stream[len(again):]
			if size := 4 + int(binary.LittleEndian.Uint32(rest)); size <= len(rest) {
				t.Errorf("a whole row was left: %q", rest)
			}
		}
	})
}
