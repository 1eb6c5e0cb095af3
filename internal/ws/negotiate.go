package ws

import (
	"strconv"
	"strings"
)

// Compression is how an endpoint compresses messages (permessage-deflate,
// RFC 7692) for peers that offer it. The zero value is a good choice.
type Compression struct {
	// Threshold is the length, in octets, from which messages are compressed;
	// shorter ones are sent plain. 0 means 512: of so much JSON 40 % are left
	// after 6 µs; of 128 octets 85 % would be, after 4 µs. With ContextTakeover,
	// less makes sense: it leaves 35 % of 128 octets.
	Threshold int

	// Level is from 1, fastest, to 9, smallest; 0 means 1, and what lies beyond
	// counts as 1 or 9. Of 4 KiB of JSON, level 1 leaves 23 %, level 6 22 %, for
	// the same time or up to twice as much; from level 7 each message costs
	// 20 µs more and large ones four to twenty times as much, to win half a
	// percent. For peers that ask for a smaller window there is only one level.
	Level int

	// ContextTakeover lets messages refer to earlier ones of their connection,
	// unless the peer objects. A connection then keeps the end of what it has
	// sent compressed, up to 4 KiB, and of what it has got compressed, up to
	// 32 KiB, and compressing takes 15 µs more for each message.
	ContextTakeover bool
}

const (
	defaultThreshold = 512
	defaultLevel     = 1
	maxLevel         = 9

	minWindowBits = 8
	maxWindowBits = 15
)

// deflateParams are what the two sides have agreed on.
type deflateParams struct {
	key       deflateKey // how we compress
	threshold int        // octets in the shortest message that we compress

	serverTakeover bool // our messages may refer to our earlier ones
	clientTakeover bool // the peer's may refer to the peer's
}

// negotiate reads the lines of a Sec-WebSocket-Extensions header and takes the
// first offer of permessage-deflate that can be accepted, in the client's
// order. answer is the header to send back. Without such an offer, or if opt is
// nil, p is nil and answer "". Other extensions are passed over, and so are
// offers that RFC 7692 §7.1 says to decline: those with an unknown parameter, a
// parameter twice, or one with a value that it cannot have.
//
// Without Compression.ContextTakeover the answer forbids it to both sides; with
// it, only to those that the client says it of. The client's window is never
// limited, so client_max_window_bits is never answered.
//
// A header that does not follow the grammar of RFC 6455 §9.1 is refused, also
// if opt is nil.
func negotiate(lines []string, opt *Compression) (p *deflateParams, answer string, refusal *HandshakeError) {
	for _, line := range lines {
		s := extensionScanner{line}
		for s.more() {
			name, o, ok := s.extension()
			if !ok {
				return nil, "", badRequest("header Sec-WebSocket-Extensions is malformed")
			}
			if p == nil && opt != nil && name == "permessage-deflate" && !o.declined {
				p, answer = o.accept(opt)
			}
		}
	}
	return p, answer, nil
}

// A deflateOffer is an offer of permessage-deflate (RFC 7692 §7.1).
type deflateOffer struct {
	declined bool // it can only be declined

	serverNoTakeover, clientNoTakeover bool

	serverBits int  // 0 if not limited
	clientBits bool // client_max_window_bits is there
}

// add takes one more parameter.
func (o *deflateOffer) add(name, value string, hasValue bool) {
	bits := windowBits(value)
	valid := false
	switch name {
	case "server_no_context_takeover":
		valid = !o.serverNoTakeover && !hasValue
		o.serverNoTakeover = true
	case "client_no_context_takeover":
		valid = !o.clientNoTakeover && !hasValue
		o.clientNoTakeover = true
	case "server_max_window_bits":
		valid = o.serverBits == 0 && bits != 0
		o.serverBits = bits
	case "client_max_window_bits":
		valid = !o.clientBits && (bits != 0 || !hasValue)
		o.clientBits = true
	}
	if !valid {
		o.declined = true
	}
}

// windowBits reads the size of a window, which has no leading zero. It returns
// 0 if value is none.
func windowBits(value string) int {
	for bits := minWindowBits; bits <= maxWindowBits; bits++ {
		if value == strconv.Itoa(bits) {
			return bits
		}
	}
	return 0
}

// accept returns what is agreed on if opt meets the offer, and the answer that
// says so.
func (o *deflateOffer) accept(opt *Compression) (p *deflateParams, answer string) {
	p = &deflateParams{
		key:            deflateKey{bits: maxWindowBits, level: defaultLevel},
		threshold:      opt.Threshold,
		serverTakeover: opt.ContextTakeover && !o.serverNoTakeover,
		clientTakeover: opt.ContextTakeover && !o.clientNoTakeover,
	}
	if p.threshold == 0 {
		p.threshold = defaultThreshold
	}
	if opt.Level != 0 {
		p.key.level = min(max(opt.Level, 1), maxLevel)
	}
	answer = "permessage-deflate"
	if !p.serverTakeover {
		answer += "; server_no_context_takeover"
	}
	if !p.clientTakeover {
		answer += "; client_no_context_takeover"
	}
	if o.serverBits != 0 {
		answer += "; server_max_window_bits=" + strconv.Itoa(o.serverBits)
		if o.serverBits < maxWindowBits {
			p.key = deflateKey{bits: o.serverBits}
		}
	}
	return p, answer
}

// An extensionScanner reads a line of Sec-WebSocket-Extensions: the list of
// RFC 6455 §9.1, in which, after RFC 2616 §2.1, elements may be empty and
// spaces may stand between all tokens.
type extensionScanner struct {
	rest string // of the line
}

// more passes over empty elements and reports whether another extension
// follows.
func (s *extensionScanner) more() bool {
	for s.take(',') {
	}
	return s.rest != ""
}

// extension reads one extension, up to the comma after it or the end of the
// line. Its parameters are read as those of permessage-deflate.
func (s *extensionScanner) extension() (name string, o deflateOffer, ok bool) {
	name = s.token()
	if name == "" {
		return "", o, false
	}
	for s.take(';') {
		param, value := s.token(), ""
		if param == "" {
			return "", o, false
		}
		hasValue := s.take('=')
		if hasValue {
			if value = s.value(); value == "" {
				return "", o, false
			}
		}
		o.add(param, value, hasValue)
	}
	s.space()
	return name, o, s.rest == "" || s.rest[0] == ','
}

func (s *extensionScanner) space() { s.rest = strings.TrimLeft(s.rest, " \t") }

// take passes over c if it comes next.
func (s *extensionScanner) take(c byte) bool {
	s.space()
	if s.rest == "" || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	s.space()
	return true
}

// token reads a token; "" means that none is there.
func (s *extensionScanner) token() string {
	s.space()
	n := 0
	for n < len(s.rest) && tokenOctet(s.rest[n]) {
		n++
	}
	token := s.rest[:n]
	s.rest = s.rest[n:]
	return token
}

// value reads a token that may be quoted; "" means that none is there.
func (s *extensionScanner) value() string {
	if s.rest == "" || s.rest[0] != '"' {
		return s.token()
	}
	var token strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return token.String()
		case c == '\\':
			// The octet after it, which is to be that of a token, follows.
			if i+1 == len(s.rest) || !tokenOctet(s.rest[i+1]) {
				return ""
			}
		case tokenOctet(c):
			token.WriteByte(c)
		default:
			return ""
		}
	}
	return ""
}

// tokenOctet reports whether c may stand in a token (RFC 2616 §2.2).
func tokenOctet(c byte) bool {
	return c > ' ' && c < 0x7F && !strings.ContainsRune(`()<>@,;:\"/[]?={}`, rune(c))
}
