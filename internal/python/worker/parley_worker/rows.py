"""The rows of the link, version 1 (docs/protocols/link.md)."""

import struct

VERSION = 1
MAX_ROW = 256 << 20  # octets of a whole row after its length

# Server to worker.
CONFIG, OPEN, IN_TEXT, IN_BINARY, PONG, IN_CLOSE, CALL, FORGET, DRAINED, IN_SESSION, IN_BEAT, RELOAD = range(1, 13)

# Worker to server.
(LOADED, RELOADED, TEXT, BINARY, CLOSE, PING, SUBSCRIBE, UNSUBSCRIBE, PUBLISH,
 SESSION, LOG, WARN, DONE, FAIL, ENDED, REPLY, WAIT, BEAT) = range(65, 83)

HEAD = struct.Struct('<IBI')  # length of the rest, type, connection
HEAD_AND_U32 = struct.Struct('<IBII')
U16 = struct.Struct('<H')
U32 = struct.Struct('<I')

# Numbers of hooks in FAIL and CALL.
FAIL_HOOKS = {'': 0, 'open': 1, 'on_message': 2, 'on_close': 3, 'on_pong': 4}
CALL_HOOKS = {1: 'select_subprotocol', 2: 'function'}

# Status and kind of a REPLY.
VALUE, RAISED, UNAVAILABLE = 0, 1, 2
NONE, KIND_TEXT, KIND_BINARY, KIND_JSON = 0, 1, 2, 3


def pack(kind, connection, payload=b''):
    """One row. Raises ValueError if it is longer than a row may be."""
    length = 5 + len(payload)
    if length > MAX_ROW:
        raise ValueError(f'{len(payload)} octets are too many at once: at most {MAX_ROW - 5} can be sent')
    return HEAD.pack(length, kind, connection) + payload


def str16(text):
    data = text.encode('utf-8', 'surrogatepass')
    if len(data) > 0xFFFF:
        raise ValueError(f'a name of {len(data)} octets is too long: at most 65535')
    return U16.pack(len(data)) + data


def str32(text):
    data = text.encode('utf-8', 'replace')
    return U32.pack(len(data)) + data


class Reader:
    """Cuts a stream of octets into rows."""

    def __init__(self):
        self._parts = []  # of a row that has not come whole
        self._have = 0    # octets in _parts
        self._need = 0    # octets of that row; of its head, as long as that has not come whole

    def feed(self, data):
        """Return the whole rows so far, as (type, connection, payload)."""
        if self._parts:
            self._parts.append(data)
            self._have += len(data)
            if self._have < self._need:
                return []
            data = b''.join(self._parts)
            self._parts.clear()
        rows, at, end = [], 0, len(data)
        head, size, need = HEAD.unpack_from, HEAD.size, HEAD.size
        while end - at >= size:
            length, kind, connection = head(data, at)
            if not 5 <= length <= MAX_ROW:
                raise ValueError(f'a row of {length} octets')
            stop = at + 4 + length
            if stop > end:
                need = 4 + length
                break
            rows.append((kind, connection, data[at + size:stop]))
            at = stop
        if at < end:
            self._parts.append(data[at:] if at else data)
            self._have, self._need = end - at, need
        return rows
