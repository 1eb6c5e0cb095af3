package wstest

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"parley.example/parley"
)

// The reference hears what the suite says that a server hears.
func TestReferenceOfConversations(t *testing.T) {
	for _, tc := range slices.Concat(slices.Collect(maps.Values(conversations()))...) {
		got := Reference{Limit: maxMessage, Deflate: tc.deflate, Takeover: tc.takeover}.Read(Wire(tc.send...))
		var heard, pongs []string
		for _, line := range got.Lines {
			if data, ok := strings.CutPrefix(line, "ping "); ok {
				pongs = append(pongs, "pong "+data)
			} else if !strings.HasPrefix(line, "pong ") {
				heard = append(heard, line)
			}
		}
		want, end := tc.heard, ""
		if len(got.Fault) > 0 {
			want, end = tc.heard[:len(tc.heard)-1], tc.heard[len(tc.heard)-1]
		}
		if !slices.Equal(heard, want) {
			t.Errorf("%s: heard %.200q, want %.200q", tc.name, heard, want)
		}
		if wantPongs := slices.DeleteFunc(slices.Clone(tc.get), func(s string) bool { return !strings.HasPrefix(s, "pong ") }); !slices.Equal(pongs, wantPongs) {
			t.Errorf("%s: answered %q, want %q", tc.name, pongs, wantPongs)
		}
		if end != "" && !slices.ContainsFunc(got.Fault, func(c parley.CloseCode) bool { return strings.HasPrefix(end, "close "+c.String()+" ") }) {
			t.Errorf("%s: fault %v, want %s", tc.name, got.Fault, end)
		}
	}
}

func TestReference(t *testing.T) {
	const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00"
	packed := func(payload string) Frame { return Frame{Op: OpText, RSV: 4, Payload: payload} }
	cut := func(n int, frames ...Frame) []byte { b := Wire(frames...); return b[:len(b)-n] }
	for _, tc := range []struct {
		name   string
		stream []byte
		want   string // for a limit of 20 octets, with takeover
	}{
		{"nothing", nil, ""},
		{"half a header", Wire(Text("x"))[:1], ""},
		{"header without its key", Wire(Text("x"))[:4], ""},
		{"half a message", Wire(Part(Text("x"))), ""},
		{"half a frame", cut(1, Text("xy")), ""},
		{"half a frame, already wrong", cut(1, Text("\xffy")), "[1007]"},
		{"half a frame, perhaps right", cut(1, Text("\xc3y")), ""},
		{"half a ping", cut(1, Ping("xy")), ""},
		{"half a close frame", cut(1, Close(1005, "")), ""},
		{"wrong in the first octet", []byte{0x70}, "[1002 1006]"},
		{"wrong in the second octet", []byte{0x81, 1}, "[1002 1006]"},
		{"long, without its length", []byte{0x81, 0xFF, 0xFF}, ""},
		{"too long, without a key", []byte{0x81, 0xFE, 1, 0}, "[1009 1006]"},
		{"too long and without need so", Wire(Frame{Op: OpText, Form: 64, Payload: "123456789012345678901"}), "[1002 1009]"},
		{"wrong inside a message", Wire(Part(Text("a\xff")), Ping("x"), Cont("b")), "[1007]"},
		{"character not ended", Wire(Part(Text("a\xc3")), Ping("x"), Cont("")), `ping "x" [1007]`},
		{"compressed", Wire(packed(hello), packed("\xf2\x00\x11\x00\x00"), Text("plain")), `text "Hello" text "Hello" text "plain"`},
		{"compressed in fragments", Wire(Part(packed(hello[:3])), Pong(""), Part(Cont("")), Cont(hello[3:])), `pong "" text "Hello"`},
		{"compressed binary", Wire(Frame{Op: OpBinary, RSV: 4, Payload: "\x00\x01\x00\xfe\xff\xff\x00"}), `binary "\xff"`},
		{"compressed, not UTF-8", Wire(Part(packed("\x00\x01\x00\xfe\xff\xff\x00")), Ping(""), Cont("")), `ping "" [1007]`},
		{"compressed, corrupt", Wire(packed("\x06")), "[1007 1002]"},
		{"compressed, too big", Wire(packed("\x00\x15\x00\xea\xff123456789012345678901\x00")), "[1009]"},
		{"compressed, too big by its header", Wire(packed(strings.Repeat("\x00\x00\x00\xff\xff", 18))), "[1009]"},
		{"compressed continuation", Wire(Part(Text("a")), Frame{Op: OpContinuation, RSV: 4}), "[1002]"},
		{"compressed ping", Wire(Frame{Op: OpPing, RSV: 4}), "[1002]"},
		{"another reserved bit", Wire(Frame{Op: OpText, RSV: 6}), "[1002]"},
	} {
		got := Reference{Limit: 20, Deflate: true, Takeover: true}.Read(tc.stream)
		line := strings.Join(got.Lines, " ")
		if len(got.Fault) > 0 {
			line = strings.TrimSpace(fmt.Sprint(line, " ", got.Fault))
		}
		if line != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, line, tc.want)
		}
	}
	if got := (Reference{Limit: 20}).Read(Wire(packed(hello))); len(got.Lines) > 0 || !slices.Equal(got.Fault, []parley.CloseCode{1002}) {
		t.Errorf("compressed without agreement: %+v", got)
	}
	if got := (Reference{Limit: 20, Deflate: true}).Read(Wire(packed(hello), packed("\xf2\x00\x11\x00\x00"))); len(got.Fault) == 0 {
		t.Errorf("shared window without agreement: %+v", got)
	}
}

func TestReferenceText(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	edges := []byte("\x00\x7f\x80\x8f\x90\x9f\xa0\xbf\xc0\xc1\xc2\xdf\xe0\xe1\xec\xed\xee\xef\xf0\xf1\xf3\xf4\xf5\xff")
	for range 50_000 {
		b := make([]byte, random.IntN(6))
		for i := range b {
			b[i] = edges[random.IntN(len(edges))]
		}
		if isText(b) != utf8.Valid(b) {
			t.Fatalf("%x: %v", b, isText(b))
		}
		begins := false
		for _, more := range []string{"", "\x80", "\x80\x80", "\x80\x80\x80", "\xa0", "\xa0\x80", "\x90\x80\x80"} {
			begins = begins || utf8.Valid(append(slices.Clone(b), more...))
		}
		if beginsText(b) != begins {
			t.Fatalf("%x begins: %v", b, beginsText(b))
		}
	}
}

// The streams have everything in them, whole and damaged.
func TestStreams(t *testing.T) {
	for _, r := range []Reference{{Limit: 300}, {Limit: 300, Deflate: true}, {Limit: 300, Deflate: true, Takeover: true}} {
		seen := map[string]int{}
		const all = 600
		for seed := range uint64(all) {
			stream := r.Stream(rand.New(rand.NewPCG(seed, 1)))
			heard := r.Read(stream)
			for _, line := range heard.Lines {
				name, data, _ := strings.Cut(line, " ")
				seen[name]++
				if data == `""` {
					seen[name+", empty"]++
				}
			}
			seen[fmt.Sprint("fault ", heard.Fault)]++
		}
		for _, what := range []string{
			"text", "text, empty", "binary", "binary, empty", "ping", "ping, empty", "pong", "pong, empty", "close",
			"fault [1002]", "fault [1007]", "fault [1009]", "fault []",
		} {
			if seen[what] < all/200 {
				t.Errorf("%+v: %d times %q in %d streams", r, seen[what], what, all)
			}
		}
		if r.Deflate != (seen["fault [1007 1002]"] > 0) {
			t.Errorf("%+v: %d times corrupt", r, seen["fault [1007 1002]"])
		}
		if seen["fault []"] < all/3 || seen["fault []"] > 3*all/4 {
			t.Errorf("%+v: %d of %d streams are good", r, seen["fault []"], all)
		}
	}
}
