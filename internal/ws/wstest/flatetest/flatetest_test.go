package flatetest_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"parley.example/parley/internal/ws/wstest/flatetest"
)

// The examples of RFC 7692 §7.2.3, and what is wrong.
func TestMessage(t *testing.T) {
	for _, tc := range []struct {
		payload, window string
		want            string
		far             int
		err             error
	}{
		{"\xf2\x48\xcd\xc9\xc9\x07\x00", "", "Hello", 0, nil},
		{"\xf2\x00\x11\x00\x00", "Hello", "Hello", 5, nil},
		{"\xf2\x00\x11\x00\x00", "Hel", "H", 0, flatetest.ErrCorrupt},
		{"\x00\x05\x00\xfa\xffHello\x00", "", "Hello", 0, nil},
		{"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", "", "Hello", 0, nil},
		{"\xf3\x48\xcd\xc9\xc9\x07\x00", "", "Hello", 0, nil},
		{"\xf3\x48\xcd\xc9\xc9\x07\x00\xf2\x48\xcd\xc9\xc9\x07\x00", "", "HelloHello", 0, nil},
		{"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00", "", "Hello", 0, nil},
		{"\x00", "", "", 0, nil},
		{"", "", "", 0, flatetest.ErrCorrupt},
		{"\x06", "", "", 0, flatetest.ErrCorrupt},
		{"\x00\x05\x00\xfa\xffHe", "", "He\x00\x00\xff", 0, flatetest.ErrCorrupt},
		{"\x00\x05\x00\x00\x00Hello\x00", "", "", 0, flatetest.ErrCorrupt},
		{"\xf3\x48\xcd\xc9\xc9\x07\x00\x01", "", "Hello", 0, flatetest.ErrCorrupt},
		{"\x00\x0b\x00\xf4\xffHello World\x00", "", "Hello Worl", 0, flatetest.ErrTooBig},
	} {
		got, far, err := flatetest.Message([]byte(tc.payload), []byte(tc.window), 10)
		if string(got) != tc.want || far != tc.far || !errors.Is(err, tc.err) {
			t.Errorf("%x: %q, distance %d, %v, want %q, %d, %v", tc.payload, got, far, err, tc.want, tc.far, tc.err)
		}
	}
}

// It reads what the standard library writes.
func TestMessageOfStandardLibrary(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	words := make([]string, 300)
	for i := range words {
		words[i] = fmt.Sprint(random.Uint64())
	}
	for level := -2; level <= 9; level++ {
		var in, out bytes.Buffer
		in.WriteString(strings.Repeat("x", 1000))
		for in.Len() < 70_000 {
			in.WriteString(words[min(random.IntN(300), random.IntN(300))])
		}
		w, err := flate.NewWriter(&out, level)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(in.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(); err != nil {
			t.Fatal(err)
		}
		got, far, err := flatetest.Message(out.Bytes()[:out.Len()-4], nil, 1<<20)
		if err != nil || !bytes.Equal(got, in.Bytes()) {
			t.Errorf("level %d: %v", level, err)
		}
		if level > 0 && (far < 20_000 || far > 1<<15) {
			t.Errorf("level %d: the longest distance is %d", level, far)
		}
	}
}
