package ws

import (
	"bytes"
	"testing"
	"time"

	"parley.example/parley"
)

// A sink is a driver whose socket takes everything at once.
type sink struct {
	conn *Conn
	took int // octets
}

func (d *sink) now() time.Duration  { return time.Second }
func (d *sink) alarm(time.Duration) {}
func (d *sink) wake()               {}
func (d *sink) cut()                {}
func (d *sink) loop() *Loop         { return nil }
func (d *sink) settle()             {}

func (d *sink) flush() {
	for b := d.conn.output(); b != nil; {
		d.took += len(b)
		b = d.conn.wrote(d.now(), len(b))
	}
}

// An echoer sends every message back, shared if it is not nil.
type echoer struct{ shared *Prepared }

func (echoer) OnOpen(*Conn)                            {}
func (echoer) OnPong(*Conn, []byte)                    {}
func (echoer) OnClose(*Conn, parley.CloseCode, string) {}

func (h echoer) OnMessage(c *Conn, kind parley.Kind, data []byte) {
	if h.shared != nil {
		c.SendPrepared(h.shared)
	} else {
		_ = c.Send(kind, data)
	}
}

func sinkConn(h Handler) (*Conn, *sink) {
	e := New(Options{})
	c := &Conn{
		engine: e, handler: h, settings: settingsOf(nil), counts: &e.counts,
		out: outbox{buffers: e.buffers, limit: 1 << 20},
	}
	d := &sink{conn: c}
	c.driver = d
	return c, d
}

// masked is a client's binary frame.
func masked(data []byte) []byte {
	b := appendHeader(nil, opBinary, len(data))
	b[1] |= maskBit
	return append(append(b, 0, 0, 0, 0), data...)
}

// No message costs an allocation on its way in, out, or through. What is left
// are buffers that a pool had lost, fewer than one for each message.
func TestAllocations(t *testing.T) {
	const batch = 10
	for _, n := range []int{16, 1000, 20_000} {
		data := bytes.Repeat([]byte("x"), n)
		p := Prepare(parley.Message{Kind: parley.Binary, Data: data})
		plain, plainSink := sinkConn(echoer{})
		shared, sharedSink := sinkConn(echoer{shared: p})
		frames := bytes.Repeat(masked(data), batch)
		end := func(c *Conn, d *sink) {
			if c.endTurn() {
				d.flush()
			}
		}
		for name, do := range map[string]func(){
			"Send": func() {
				plain.beginTurn(time.Second, 0)
				for range batch {
					_ = plain.Send(parley.Binary, data)
				}
				end(plain, plainSink)
			},
			"SendPrepared": func() {
				shared.beginTurn(time.Second, 0)
				for range batch {
					shared.SendPrepared(p)
				}
				end(shared, sharedSink)
			},
			"echo":          func() { plain.turn(time.Second, frames, len(frames), batch); end(plain, plainSink) },
			"echo prepared": func() { shared.turn(time.Second, frames, len(frames), batch); end(shared, sharedSink) },
		} {
			if allocs := testing.AllocsPerRun(100, do); allocs >= batch {
				t.Errorf("%s: %d messages of %d octets cost %v allocations", name, batch, n, allocs)
			}
		}
		if want := 2 * 101 * batch * frameLen(n); plainSink.took != want || sharedSink.took != want {
			t.Errorf("%d and %d octets came out, want %d", plainSink.took, sharedSink.took, want)
		}
	}
}

func BenchmarkEcho(b *testing.B) {
	c, d := sinkConn(echoer{})
	frame := masked(make([]byte, 64))
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		c.turn(time.Second, frame, len(frame), 1)
		if c.endTurn() {
			d.flush()
		}
	}
}

// An idle connection owns no buffer, whatever has gone through it.
func TestIdleConnectionOwnsNoBuffer(t *testing.T) {
	c, d := sinkConn(echoer{})
	for _, n := range []int{10, 5000, 100_000} {
		frame := masked(make([]byte, n))
		for len(frame) > 0 {
			part := frame[:min(len(frame), readSize)]
			frame = frame[len(part):]
			c.turn(time.Second, part, len(part), 1)
			if c.endTurn() {
				d.flush()
			}
		}
		if c.out.head != nil || c.in != nil || c.out.lost != nil {
			t.Errorf("after a message of %d octets: %+v, %+v", n, &c.out, c.in)
		}
	}
}

// BenchmarkEcho16 echoes sixteen messages of one read.
func BenchmarkEcho16(b *testing.B) {
	c, d := sinkConn(echoer{})
	frame := masked(make([]byte, 64))
	frames := bytes.Repeat(frame, 16)
	b.SetBytes(int64(len(frames)))
	for b.Loop() {
		c.turn(time.Second, frames, len(frames), turnMessages)
		if c.endTurn() {
			d.flush()
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/16, "ns/message")
}
