package load

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
)

// unmasked is a client's frame as a server would send it.
func unmasked(t *testing.T, b []byte) []byte {
	t.Helper()
	header := 2
	switch b[1] {
	case maskBit | 126:
		header = 4
	case maskBit | 127:
		header = 10
	}
	out := append([]byte{b[0], b[1] &^ maskBit}, b[2:header]...)
	for i, c := range b[header+4:] {
		out = append(out, c^b[header+i%4])
	}
	return out
}

func TestFramesComeBackWhateverTheCuts(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	var stream []byte
	var want []string
	for _, size := range []int{0, 1, 125, 126, 127, 0xffff, 0x10000, 5} {
		payload := bytes.Repeat([]byte{byte('a' + size%26)}, size)
		want = append(want, string(payload))
		stream = append(stream, unmasked(t, appendFrame(nil, opText, payload, [4]byte{byte(size), 2, 3, 4}))...)
	}
	for _, most := range []int{1, 3, 100, 1 << 20} {
		var s splitter
		var got []string
		for rest := stream; len(rest) > 0; {
			cut := min(1+rng.IntN(most), len(rest))
			b := rest[:cut]
			rest = rest[cut:]
			for len(b) > 0 {
				f, left, ok, err := s.next(b)
				if err != nil {
					t.Fatalf("cuts of up to %d: %v", most, err)
				}
				if b = left; !ok {
					break
				}
				if f.opcode != opText {
					t.Errorf("cuts of up to %d: opcode %d, want %d", most, f.opcode, opText)
				}
				got = append(got, string(f.payload))
			}
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("cuts of up to %d: %d frames, want %d with their payloads", most, len(got), len(want))
		}
	}
}

func TestFramesThatServersMustNotSend(t *testing.T) {
	for name, b := range map[string][]byte{
		"masked":         {finBit | opText, maskBit | 1, 1, 2, 3, 4, 'x'},
		"reserved bits":  {finBit | 0x40 | opText, 1, 'x'},
		"fragment":       {opText, 1, 'x'},
		"continuation":   {finBit, 1, 'x'},
		"long length 16": {finBit | opText, 126, 0, 125},
		"long length 64": {finBit | opText, 127, 0, 0, 0, 0, 0, 0, 0xff, 0xff},
		"too large":      {finBit | opText, 127, 0, 0, 0, 1, 0, 0, 0, 0},
	} {
		var s splitter
		if _, _, _, err := s.next(b); err == nil {
			t.Errorf("%s: no error for % x", name, b)
		}
	}
}

func TestPool(t *testing.T) {
	const size, window = 64, 16
	p := newPool(opText, size, window, "> ", rand.New(rand.NewPCG(1, 2)))
	keys := map[string]bool{}
	for k := range uint(2 * poolSize) {
		b := p.run(k, 1)
		if len(b) != 2+4+size {
			t.Fatalf("message %d has %d octets", k, len(b))
		}
		keys[string(b[2:6])] = true
		answer := unmasked(t, b)
		answer = append([]byte{answer[0], answer[1] + 2, '>', ' '}, answer[2:]...)
		if err := p.check(k, parseFrame(answer)); err != nil {
			t.Error(err)
		}
		if err := p.check(k+1, parseFrame(answer)); err == nil {
			t.Errorf("message %d passes for the next one", k)
		}
		answer[len(answer)-1]++
		if err := p.check(k, parseFrame(answer)); err == nil {
			t.Errorf("message %d passes with another last octet", k)
		}
	}
	if len(keys) < poolSize*9/10 {
		t.Errorf("%d masking keys for %d messages", len(keys), poolSize)
	}
	if run := p.run(poolSize-1, window); !bytes.HasPrefix(run, p.run(poolSize-1, 1)) || !bytes.HasSuffix(run, p.run(window-2, 1)) {
		t.Error("a run that passes the last message does not go on with the first")
	}
}
