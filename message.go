package parley

import "strconv"

// ConnID names one connection in this process. IDs are never used twice in a
// process; 0 is no connection.
type ConnID uint64

// String returns the ID as it stands in logs and in handler.id.
func (id ConnID) String() string { return strconv.FormatUint(uint64(id), 10) }

// Kind says how a message's bytes are to be read (RFC 6455 §5.6).
type Kind uint8

// The two kinds of data message. The zero Kind is neither.
const (
	Text   Kind = 1 // valid UTF-8
	Binary Kind = 2
)

// String returns "text" or "binary".
func (k Kind) String() string {
	switch k {
	case Text:
		return "text"
	case Binary:
		return "binary"
	}
	return "kind " + strconv.Itoa(int(k))
}

// A Message is one whole data message. It owns Data.
type Message struct {
	Kind Kind
	Data []byte
}

// TextMessage returns a message of text, which must be UTF-8 to be sent.
func TextMessage(s string) Message { return Message{Kind: Text, Data: []byte(s)} }

// BinaryMessage returns a message of b, which is the message's from now on.
func BinaryMessage(b []byte) Message { return Message{Kind: Binary, Data: b} }

// Text returns Data as a string.
func (m Message) Text() string { return string(m.Data) }
