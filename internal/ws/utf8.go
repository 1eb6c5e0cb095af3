package ws

import "unicode/utf8"

// A textCheck follows a text that comes in parts and says as early as possible
// that it is not UTF-8 (RFC 3629). The zero value stands at the start.
type textCheck struct {
	tail [utf8.UTFMax]byte // the start of a character that has not come whole
	have int               // octets in tail
}

// add takes the next part. After it has returned false the text is invalid
// whatever follows.
func (t *textCheck) add(b []byte) bool {
	for t.have > 0 && len(b) > 0 {
		t.tail[t.have] = b[0]
		t.have++
		b = b[1:]
		// An invalid start counts as full.
		if utf8.FullRune(t.tail[:t.have]) {
			if !utf8.Valid(t.tail[:t.have]) {
				return false
			}
			t.have = 0
		}
	}
	whole := len(b) - cutRune(b)
	t.have += copy(t.tail[t.have:], b[whole:])
	return utf8.Valid(b[:whole])
}

// whole reports whether the text may end here.
func (t *textCheck) whole() bool { return t.have == 0 }

// cutRune is how many octets at the end of b are a valid start of a character
// whose rest is missing.
func cutRune(b []byte) int {
	for n := 1; n < utf8.UTFMax && n <= len(b); n++ {
		if last := b[len(b)-n:]; utf8.RuneStart(last[0]) {
			if utf8.FullRune(last) {
				return 0
			}
			return n
		}
	}
	return 0
}
