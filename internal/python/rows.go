package python

import (
	"encoding/binary"
	"fmt"
)

// A rowType says what a row means (docs/protocols/link.md).
type rowType uint8

// Rows from the server to the worker.
const (
	toConfig  rowType = 1
	toOpen    rowType = 2
	toText    rowType = 3
	toBinary  rowType = 4
	toPong    rowType = 5
	toClose   rowType = 6
	toCall    rowType = 7
	toForget  rowType = 8
	toDrained rowType = 9
	toSession rowType = 10
	toBeat    rowType = 11
	toReload  rowType = 12
)

// Rows from the worker to the server.
const (
	fromLoaded      rowType = 65
	fromReloaded    rowType = 66
	fromText        rowType = 67
	fromBinary      rowType = 68
	fromClose       rowType = 69
	fromPing        rowType = 70
	fromSubscribe   rowType = 71
	fromUnsubscribe rowType = 72
	fromPublish     rowType = 73
	fromSession     rowType = 74
	fromLog         rowType = 75
	fromWarn        rowType = 76
	fromDone        rowType = 77
	fromFail        rowType = 78
	fromEnded       rowType = 79
	fromReply       rowType = 80
	fromWait        rowType = 81
	fromBeat        rowType = 82
)

const (
	rowHeader   = 9         // octets before the payload
	rowOverhead = 5         // of these, the ones that the length counts
	maxRow      = 256 << 20 // the greatest length a row may give
)

// A row is one row from the worker. Its payload is only valid until the row
// has been handled.
type row struct {
	typ     rowType
	number  uint32 // the connection, as the link counts them; 0 is the worker
	payload []byte
}

// A rowError says that what came over the link is no row of the protocol. The
// link cannot be read any further.
type rowError struct{ problem string }

func (e *rowError) Error() string { return "link protocol: " + e.problem }

func rowErrorf(format string, args ...any) error {
	return &rowError{problem: fmt.Sprintf(format, args...)}
}

// nextRow splits the first row off buf and tells its size in octets; 0 means
// that it has not come whole.
func nextRow(buf []byte) (r row, size int, err error) {
	if len(buf) < 5 {
		return row{}, 0, nil
	}
	length := binary.LittleEndian.Uint32(buf)
	typ := rowType(buf[4])
	switch {
	case length < rowOverhead || length > maxRow:
		return row{}, 0, rowErrorf("a row of %d octets", length)
	case typ < fromLoaded || typ > fromBeat:
		return row{}, 0, rowErrorf("a row of unknown type %d", typ)
	}
	size = 4 + int(length)
	if len(buf) < size {
		return row{}, 0, nil
	}
	return row{
		typ:     typ,
		number:  binary.LittleEndian.Uint32(buf[5:]),
		payload: buf[rowHeader:size],
	}, size, nil
}

// appendRow appends a row whose payload is the parts, one after the other.
func appendRow(dst []byte, typ rowType, number uint32, parts ...[]byte) []byte {
	length := rowOverhead
	for _, part := range parts {
		length += len(part)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(length))
	dst = append(dst, byte(typ))
	dst = binary.LittleEndian.AppendUint32(dst, number)
	for _, part := range parts {
		dst = append(dst, part...)
	}
	return dst
}

// appendStr16 appends a u16 length and the text. Text that is longer is cut.
func appendStr16(dst []byte, text string) []byte {
	text = text[:min(len(text), 1<<16-1)]
	dst = binary.LittleEndian.AppendUint16(dst, uint16(len(text)))
	return append(dst, text...)
}

// fields takes a payload apart from the front. After a field that is not there
// everything is zero and short is set.
type fields struct {
	rest  []byte
	short bool
}

func (f *fields) take(n int) []byte {
	if f.short || n > len(f.rest) || n < 0 {
		f.short, f.rest = true, nil
		return nil
	}
	taken := f.rest[:n]
	f.rest = f.rest[n:]
	return taken
}

func (f *fields) u8() uint8 {
	if b := f.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (f *fields) u16() uint16 {
	if b := f.take(2); b != nil {
		return binary.LittleEndian.Uint16(b)
	}
	return 0
}

func (f *fields) u32() uint32 {
	if b := f.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (f *fields) str16() []byte { return f.take(int(f.u16())) }

func (f *fields) str32() []byte { return f.take(int(f.u32())) }
