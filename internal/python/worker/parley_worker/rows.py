"""The rows of the link, version 3 (docs/protocols/link.md)."""

import struct

VERSION = 3
MAX_ROW = 256 << 20  # octets of a whole row after its length

# Server to worker.
CONFIG, OPEN, IN_TEXT, IN_BINARY, PONG, IN_CLOSE, CALL, FORGET, DRAINED, IN_SESSION, IN_BEAT, RELOAD = range(1, 13)

# Worker to server.
(LOADED, RELOADED, TEXT, BINARY, CLOSE, PING, SUBSCRIBE, UNSUBSCRIBE, PUBLISH,
 SESSION, LOG, WARN, DONE, FAIL, ENDED, REPLY, WAIT, BEAT) = range(65, 83)

HEAD = struct.Struct('<IBI')  # length of the rest, type, connection
NUMBERED = struct.Struct('<BI')  # type, connection: a row's head without its length
U16 = struct.Struct('<H')
U32 = struct.Struct('<I')

# Numbers of hooks in FAIL, and in CALL, where the name of a hook follows JUDGE.
FAIL_HOOKS = {'': 0, 'open': 1, 'on_message': 2, 'on_close': 3, 'on_pong': 4}
SELECT_SUBPROTOCOL, FUNCTION, JUDGE = 1, 2, 3

# Status and kind of a REPLY.
VALUE, RAISED, UNAVAILABLE = 0, 1, 2
NONE, KIND_TEXT, KIND_BINARY, KIND_JSON = 0, 1, 2, 3

LENGTHS = [U32.pack(5 + size) for size in range(1024)]  # the length of a row, by the size of its payload
_DONES = [struct.Struct(f'<IBI{count}I') for count in range(17)]
_pack_done_of_one = _DONES[1].pack


def pack(kind, connection, payload=b''):
    """One row. Raises ValueError if it is longer than a row may be."""
    length = 5 + len(payload)
    if length > MAX_ROW:
        raise ValueError(f'{len(payload)} octets are too many at once: at most {MAX_ROW - 5} can be sent')
    return HEAD.pack(length, kind, connection) + payload


def pack_done(connection, sizes):
    """The row that says that up to 16 messages, of these sizes, are done."""
    count = len(sizes)
    if count == 1:
        return _pack_done_of_one(9, DONE, connection, sizes[0])
    return _DONES[count].pack(5 + 4 * count, DONE, connection, *sizes)


def str16(text):
    data = text.encode('utf-8', 'surrogatepass')
    if len(data) > 0xFFFF:
        raise ValueError(f'a name of {len(data)} octets is too long: at most 65535')
    return U16.pack(len(data)) + data


def cut_str16(payload, at):
    """Return the str16 that begins at a place in a payload, and the place behind it."""
    stop = at + 2 + U16.unpack_from(payload, at)[0]
    return payload[at + 2:stop].decode(), stop


def str32(text):
    data = text.encode('utf-8', 'replace')
    return U32.pack(len(data)) + data


def whole(data, at):
    """Whether all of the row is there that begins at a place in data. Raises ValueError if none can begin so."""
    have = len(data) - at
    if have < 4:
        return False
    length = U32.unpack_from(data, at)[0]
    if not 5 <= length <= MAX_ROW:
        raise ValueError(f'a row of {length} octets')
    return have >= 4 + length


class Reader:
    """Joins what has come in pieces, so that rows are whole."""

    def __init__(self):
        self._parts = []  # of a row that has not come whole
        self._have = 0    # octets in _parts
        self._need = 0    # octets of that row; of its head, as long as that has not come whole

    def feed(self, data):
        """Return octets that begin where a row does; none while a row that was kept is not whole."""
        if not self._parts:
            return data
        self._parts.append(data)
        self._have += len(data)
        if self._have < self._need:
            return b''
        data = b''.join(self._parts)
        self._parts.clear()
        return data

    def keep(self, data, at):
        """Keep the row that begins at a place in data and is not whole."""
        self._have = len(data) - at
        self._need = HEAD.size if self._have < HEAD.size else 4 + U32.unpack_from(data, at)[0]
        self._parts.append(data[at:] if at else data)
