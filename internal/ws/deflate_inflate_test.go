package ws

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"

	"parley.example/parley/internal/ws/wstest/flatetest"
)

const hello = "\xf2\x48\xcd\xc9\xc9\x07\x00" // Hello

// Each conversation is read by one inflater, to at most 20 octets a message.
func TestInflate(t *testing.T) {
	for _, tc := range []struct {
		name     string
		takeover bool
		payloads []string
		want     []string
		err      error // of the payload after those of want
	}{
		{"one block", false, []string{hello, hello}, []string{"Hello", "Hello"}, nil},
		{"shared window", true, []string{hello, "\xf2\x00\x11\x00\x00"}, []string{"Hello", "Hello"}, nil},
		{"no shared window", false, []string{hello, "\xf2\x00\x11\x00\x00"}, []string{"Hello"}, errCorrupt},
		{"reaches before the start", true, []string{"\xf2\x00\x11\x00\x00"}, nil, errCorrupt},
		{"stored block", false, []string{"\x00\x05\x00\xfa\xffHello\x00"}, []string{"Hello"}, nil},
		{"two blocks", false, []string{"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"}, []string{"Hello"}, nil},
		{"final block", false, []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", hello}, []string{"Hello", "Hello"}, nil},
		{"final block and nothing", false, []string{"\xf3\x48\xcd\xc9\xc9\x07\x00", hello}, []string{"Hello", "Hello"}, nil},
		{"final block, then more", false, []string{"\xf3\x48\xcd\xc9\xc9\x07\x00" + hello}, []string{"HelloHello"}, nil},
		{"final block, then more that refers to it", false, []string{"\xf3\x48\xcd\xc9\xc9\x07\x00" + "\xf2\x00\x11\x00\x00"}, []string{"HelloHello"}, nil},
		{"final block in a shared window", true, []string{hello, "\xf3\x00\x11\x00" + "\xf2\x00\x11\x00\x00"}, []string{"Hello", "HelloHello"}, nil},
		{"many final blocks", false, []string{strings.Repeat("\x03\x00", maxRestarts) + hello}, []string{"Hello"}, nil},
		{"too many final blocks", false, []string{strings.Repeat("\x03\x00", maxRestarts+1) + hello}, nil, errCorrupt},
		{"empty blocks", false, []string{strings.Repeat("\x00\x00\x00\xff\xff", 1000) + hello}, []string{"Hello"}, nil},
		{"empty", true, []string{"\x00", hello, "\x00", "\xf2\x00\x11\x00\x00"}, []string{"", "Hello", "", "Hello"}, nil},
		{"no octets", false, []string{""}, nil, errCorrupt},
		{"garbage", false, []string{"\xff\xff\xff\xff\x12\x34"}, nil, errCorrupt},
		{"garbage behind", false, []string{hello + "\xff\xff"}, nil, errCorrupt},
		{"garbage behind a final block", false, []string{"\xf3\x48\xcd\xc9\xc9\x07\x00\xff"}, nil, errCorrupt},
		{"block type 3", false, []string{"\x06"}, nil, errCorrupt},
		{"cut short", false, []string{hello[:5]}, nil, errCorrupt},
		{"stored block cut short", false, []string{"\x00\x05\x00\xfa\xffHe"}, nil, errCorrupt},
		{"stored block ends in what was cut", false, []string{"\x00\x06\x00\xf9\xffHe"}, []string{"He\x00\x00\xff\xff"}, nil},
		{"final block ends in what was cut", false, []string{"\x01\x06\x00\xf9\xffHe"}, nil, errCorrupt},
		{"stored length wrong", false, []string{"\x00\x05\x00\x00\x00Hello\x00"}, nil, errCorrupt},
		{"as long as may be", false, []string{"\x00\x14\x00\xeb\xff" + "12345678901234567890" + "\x00"}, []string{"12345678901234567890"}, nil},
		{"one more", false, []string{"\x00\x15\x00\xea\xff" + "123456789012345678901" + "\x00"}, nil, errTooBig},
		{"too big, then corrupt", false, []string{"\x00\x15\x00\xea\xff" + "123456789012345678901" + "\x06"}, nil, errTooBig},
		{"corrupt, then too big", false, []string{"\x06\x00\x15\x00\xea\xff" + "123456789012345678901" + "\x00"}, nil, errCorrupt},
	} {
		t.Run(tc.name, func(t *testing.T) {
			in := newDeflatePools().inflater(&deflateParams{clientTakeover: tc.takeover})
			for i, want := range tc.want {
				got, err := in.inflate([]byte("before"), []byte(tc.payloads[i]), 20)
				if err != nil || string(got) != "before"+want {
					t.Fatalf("%q, %v, want %q", got, err, want)
				}
			}
			if tc.err == nil {
				return
			}
			if got, err := in.inflate(nil, []byte(tc.payloads[len(tc.want)]), 20); !errors.Is(err, tc.err) {
				t.Errorf("%q, %v, want %v", got, err, tc.err)
			}
		})
	}
}

// We read what the standard library writes.
func TestInflateOfStandardLibrary(t *testing.T) {
	pools := newDeflatePools()
	for level := -2; level <= 9; level++ {
		for _, takeover := range []bool{false, true} {
			client := newStandardDeflate(t, level, takeover)
			in := pools.inflater(&deflateParams{clientTakeover: takeover})
			if in.window != nil {
				t.Error("memory is held for nothing")
			}
			for i, n := range []int{5, 200, 200, 0, 5000, 70_000, 5000, 1, 100_000, 100_000} {
				msg := tempting(n, uint64(i/2))
				got, err := in.inflate(nil, client.payload(msg), n)
				if err != nil || !bytes.Equal(got, msg) {
					t.Fatalf("level %d, takeover %v, %d octets: %v", level, takeover, n, err)
				}
				if cap(got) > n {
					t.Errorf("%d octets in a buffer of %d", n, cap(got))
				}
				if n == 200 && cap(in.window) > 500 || cap(in.window) > windowSize || !takeover && in.window != nil {
					t.Errorf("after %d octets, takeover %v, %d are kept", n, takeover, cap(in.window))
				}
			}
		}
	}
}

// A message that inflates to far too much is refused without memory for it.
func TestBomb(t *testing.T) {
	payload := newStandardDeflate(t, 1, false).payload(make([]byte, 8<<20))
	in := newDeflatePools().inflater(&deflateParams{clientTakeover: true})
	const limit = 1 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := in.inflate(nil, payload, limit)
	runtime.ReadMemStats(&after)
	if !errors.Is(err, errTooBig) || cap(got) > limit {
		t.Errorf("%v, buffer of %d octets", err, cap(got))
	}
	if n := after.TotalAlloc - before.TotalAlloc; n > 4*limit {
		t.Errorf("%d octets were allocated", n)
	}
}

func TestMaxDeflated(t *testing.T) {
	// Octets from 144 have nine bits in the fixed code: nothing is longer.
	for _, n := range []int{0, 1, 100, 100_000} {
		payload := []byte{0b11} // a final block of the fixed code
		bits := 9*n + 7
		if got := len(payload) + bits/8 + 6; got > maxDeflated(n) {
			t.Errorf("%d octets can become %d, refused from %d", n, got, maxDeflated(n))
		}
	}
	if maxDeflated(math.MaxInt) < math.MaxInt/2 {
		t.Error("overflow")
	}
}

// FuzzInflate compares with the decoder of flatetest and with the standard
// library.
func FuzzInflate(f *testing.F) {
	for _, s := range []string{
		hello, "\xf2\x00\x11\x00\x00", "\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "\xf3\x48\xcd\xc9\xc9\x07\x00" + hello,
		"\x00\x05\x00\xfa\xffHello\x00", "\x00\x06\x00\xf9\xffHe", "\x00", "", "\x06", strings.Repeat("\x03\x00", 34),
	} {
		f.Add([]byte(s), []byte("Hello"), uint16(20))
	}
	for level := -2; level <= 9; level++ {
		f.Add(newStandardDeflate(f, level, false).payload(tempting(500, 1)), []byte(nil), uint16(1000))
	}
	pools := newDeflatePools()
	f.Fuzz(func(t *testing.T, payload, window []byte, max uint16) {
		if len(window) > windowSize {
			return
		}
		limit := int(max)
		in := pools.inflater(&deflateParams{clientTakeover: true})
		in.window = slide(nil, window, windowSize)
		got, err := in.inflate(nil, payload, limit)
		if cap(got) > limit {
			t.Fatalf("a buffer of %d octets for %d", cap(got), limit)
		}
		want, _, wantErr := flatetest.Message(payload, window, limit)
		switch {
		case errors.Is(wantErr, flatetest.ErrTooBig):
			wantErr = errTooBig
		case errors.Is(wantErr, flatetest.ErrCorrupt):
			wantErr = errCorrupt
		}
		if !errors.Is(err, wantErr) || err == nil && !bytes.Equal(got, want) {
			t.Fatalf("%x is %q, %v; want %q, %v", payload, got, err, want, wantErr)
		}
		standard, standardErr := standardInflate(payload, window, limit)
		tooBig := len(standard) > limit
		if tooBig != errors.Is(err, errTooBig) || !tooBig && errors.Is(err, errCorrupt) != (standardErr != nil) || err == nil && !bytes.Equal(got, standard) {
			t.Fatalf("%x is %q, %v; standard library %q, %v", payload, got, err, standard, standardErr)
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	pools := newDeflatePools()
	for _, takeover := range []bool{false, true} {
		for _, n := range []int{20, 128, 512, 4096, 65536} {
			b.Run(fmt.Sprintf("takeover=%v/%d", takeover, n), func(b *testing.B) {
				msg := listing(n)
				payload := newStandardDeflate(b, 6, false).payload(msg)
				in := pools.inflater(&deflateParams{clientTakeover: takeover})
				in.window = slide(nil, listing(windowSize), windowSize)
				buf := pools.borrow()
				b.SetBytes(int64(n))
				b.ReportAllocs()
				for b.Loop() {
					got, err := in.inflate(*buf, payload, 1<<20)
					if err != nil {
						b.Fatal(err)
					}
					*buf = got[:0]
				}
			})
		}
	}
}

// A block that uses a distance code, but has none, must not be read with that of
// an earlier message, which may have been another peer's.
func TestInflateForgetsCodes(t *testing.T) {
	r := newInflateReader()
	for i := range 200 {
		before := newStandardDeflate(t, 6, false).payload(tempting(100+20*i, uint64(i)))
		if _, err := r.message(nil, before, nil, 1<<20); err != nil {
			t.Fatal(err)
		}
		const block = "\x14\xc0\x01\x09\x00\x00\x00\x80\xa0\xad\xfe\x3f\x11\x01\x00\x00" // 20 a, and a copy
		for _, distance := range []string{"\x03", "\x07", "\x0f", "\x1f", "\x3f"} {
			payload := block + distance + "\x00\x00\x00\x00\xff\xff\x00"
			if got, err := r.message(nil, []byte(payload), nil, 1<<20); !errors.Is(err, errCorrupt) {
				t.Fatalf("%q, %v", got, err)
			}
		}
	}
}
