package ws

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"parley.example/parley"
)

func TestHeaderLengths(t *testing.T) {
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536, 1 << 20} {
		b := appendHeader(nil, opBinary, n)
		if got, want := len(b)+n, frameLen(n); got != want {
			t.Errorf("a frame of %d octets has %d, frameLen says %d", n, got, want)
		}
		// The same as a client would send it.
		b[1] |= maskBit
		h, used, fault := parseHeader(append(b, 1, 2, 3, 4), false)
		if fault != "" || used != len(b)+4 || h != (header{op: opBinary, fin: true, size: int64(n), key: 0x04030201}) {
			t.Errorf("%d octets: %+v, %d used, fault %q", n, h, used, fault)
		}
		for cut := range used {
			if _, used, fault := parseHeader(append(b, 1, 2, 3, 4)[:cut], false); used != 0 || fault != "" {
				t.Errorf("%d octets, header cut at %d: %d used, fault %q", n, cut, used, fault)
			}
		}
	}
}

func TestUnmask(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, 200)
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	key := [4]byte{0x12, 0x9C, 0xFE, 0x80}
	want := bytes.Clone(data)
	for i := range want {
		want[i] ^= key[i%4]
	}
	for range 500 {
		got, k := bytes.Clone(data), uint32(0x80FE9C12)
		for rest := got; len(rest) > 0; {
			n := 1 + random.IntN(min(len(rest), 70))
			k = unmask(rest[:n], k)
			rest = rest[n:]
		}
		if !bytes.Equal(got, want) {
			t.Fatal("unmasking in pieces differs")
		}
	}
}

func TestTextCheck(t *testing.T) {
	for _, s := range []string{
		"", "a", "hello, world, more than eight octets", "é", "€", "😀", "a😀b€cé", "\xef\xbf\xbd",
		"\xed\x9f\xbf", "\xf4\x8f\xbf\xbf",
		"\x80", "\xff", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
		"\xc3", "\xe2\x82", "\xf0\x9f\x98", "a\xf0\x9f\x98b", "\xc3\xc3\xa9", "ab\xbf\x80",
	} {
		for cut := range len(s) + 1 {
			for cut2 := cut; cut2 <= len(s); cut2++ {
				var c textCheck
				ok := c.add([]byte(s[:cut])) && c.add([]byte(s[cut:cut2])) && c.add([]byte(s[cut2:])) && c.whole()
				if ok != utf8.ValidString(s) {
					t.Errorf("%q in parts at %d and %d: %v", s, cut, cut2, ok)
				}
			}
		}
	}
}

// What cannot become valid is refused as soon as it stands there.
func TestTextCheckFailsFast(t *testing.T) {
	for _, s := range []string{"\x80", "\xff", "\xc0", "\xed\xa0", "\xf4\x90", "\xe0\x80", "\xf0\x80", "a\xc3a"} {
		var c textCheck
		valid := true
		for i := range len(s) {
			valid = c.add([]byte(s[i : i+1]))
		}
		if valid {
			t.Errorf("%q passes", s)
		}
	}
}

// A message that was announced and has not come costs no memory.
func TestAnnouncedMessageIsNotAllocated(t *testing.T) {
	in := inbound{}
	ev, _ := in.next([]byte{0x82, 0xFF, 0, 0, 0, 0, 0x70, 0, 0, 0, 1, 2, 3, 4, 'x'}, math.MaxInt32, false)
	if ev.what != eventNone || cap(in.message) > 4096 {
		t.Errorf("event %d, buffer of %d octets", ev.what, cap(in.message))
	}
}

// A message in many fragments is not copied over and over.
func TestFragmentsGrowGeometrically(t *testing.T) {
	in := inbound{}
	grown, size := 0, 0
	for i := range 1 << 16 {
		op := byte(opContinuation)
		if i == 0 {
			op = byte(opText)
		}
		in.next([]byte{op, 0x82, 0, 0, 0, 0, 'a', 'b'}, 1<<20, false)
		if cap(in.message) != size {
			grown, size = grown+1, cap(in.message)
		}
	}
	if grown > 20 || len(in.message) != 1<<17 {
		t.Errorf("%d octets, the buffer grew %d times", len(in.message), grown)
	}
}

// trace feeds b in pieces, as cut says, and tells what came of it.
func trace(b []byte, cut func(left int) int) string {
	in := inbound{}
	var out strings.Builder
	for len(b) > 0 {
		n := cut(len(b))
		part := bytes.Clone(b[:n])
		b = b[n:]
		for len(part) > 0 {
			var ev event
			ev, part = in.next(part, 1000, false)
			switch ev.what {
			case eventMessage:
				fmt.Fprintf(&out, "%s %q\n", ev.kind, ev.data)
			case eventPing, eventPong:
				fmt.Fprintf(&out, "control %d %q\n", ev.what, ev.data)
			case eventClose, eventFault:
				fmt.Fprintf(&out, "end %d %d %q\n", ev.what, ev.code, ev.reason)
				return out.String()
			}
		}
	}
	return out.String()
}

// FuzzFrames feeds octets whole, one by one, and in pieces: what comes of them
// must be the same, and valid.
func FuzzFrames(f *testing.F) {
	for _, s := range []string{
		"\x81\x85\x01\x02\x03\x04igohm",
		"\x01\x82\x00\x00\x00\x00\xc3\x28", "\x01\x81\x00\x00\x00\x00\xc3\x89\x81\x00\x00\x00\x00p\x80\x81\x00\x00\x00\x00\xa9",
		"\x82\xfe\x00\x7e\x00\x00\x00\x00" + strings.Repeat("x", 126),
		"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
		"\x88\x82\x00\x00\x00\x00\x03\xe8", "\x88\x80\x00\x00\x00\x00", "\x88\x81\x00\x00\x00\x00\x03",
		"\x00\x80\x00\x00\x00\x00", "\x02\x80\x00\x00\x00\x00\x00\x80\x00\x00\x00\x00\x80\x80\x00\x00\x00\x00",
		"\xc1\x80", "\x81\x00", "\x8a\xfe\x00\x7e",
	} {
		f.Add([]byte(s), uint64(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, seed uint64) {
		whole := trace(b, func(left int) int { return left })
		random := rand.New(rand.NewPCG(seed, 0))
		for name, cut := range map[string]func(int) int{
			"octet by octet": func(int) int { return 1 },
			"in pieces":      func(left int) int { return 1 + random.IntN(left) },
		} {
			if got := trace(b, cut); got != whole {
				t.Errorf("whole:\n%s%s:\n%s", whole, name, got)
			}
		}
		skipping := inbound{skip: true}
		for rest := bytes.Clone(b); len(rest) > 0; {
			var ev event
			if ev, rest = skipping.next(rest, 1000, false); ev.what == eventMessage || skipping.message != nil {
				t.Fatalf("data were kept: %v", ev)
			}
		}
	})
}

func TestCloseEvent(t *testing.T) {
	for _, tc := range []struct {
		payload string
		want    event
	}{
		{"", event{what: eventClose, code: parley.CloseNoStatus}},
		{"\x03\xe8bye", event{what: eventClose, code: parley.CloseNormal, reason: "bye"}},
		{"\x0f\xa1", event{what: eventClose, code: parley.CloseStale}},
		{"\x03", fault(parley.CloseProtocol, "close frame of one octet")},
		{"\x03\xed", fault(parley.CloseProtocol, "invalid close code")},
		{"\x03\xe8\xff", fault(parley.CloseInvalidData, "close reason is not UTF-8")},
	} {
		if got := closeEvent([]byte(tc.payload)); fmt.Sprint(got) != fmt.Sprint(tc.want) {
			t.Errorf("%q: got %+v, want %+v", tc.payload, got, tc.want)
		}
	}
}
