"""The worker's end of the link: rows in, rows out."""

import select
import threading

from . import rows

UNSENT_LIMIT = 1 << 20  # octets: beyond it, sending waits for the server
READ_SIZE = 256 << 10


class Link:
    """Reads rows as they come, and sends what a turn of the loop has gathered in one write.

    send() may be called from any thread; everything else happens on the loop's.
    """

    def __init__(self, sock, loop, on_row, on_end):
        sock.setblocking(False)
        self._sock = sock
        self._loop = loop
        self._thread = threading.get_ident()
        self._on_row = on_row  # (type, connection, payload)
        self._on_end = on_end  # the server has closed the link, or speaks nonsense
        self._reader = rows.Reader()
        self._out = []
        self._unsent = 0  # octets in _out
        self._will_flush = False
        loop.add_reader(sock, self._readable)

    def send(self, kind, connection, payload=b''):
        if threading.get_ident() != self._thread:
            self._loop.call_soon_threadsafe(self.send, kind, connection, payload)
            return
        self._out.append(rows.pack(kind, connection, payload))
        self._unsent += 9 + len(payload)
        if self._unsent > UNSENT_LIMIT:
            self._flush(wait=True)
        elif not self._will_flush:
            self._will_flush = True
            self._loop.call_soon(self._flush)

    def _readable(self):
        try:
            data = self._sock.recv(READ_SIZE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b''
        if not data:
            self._on_end()
            return
        try:
            batch = self._reader.feed(data)
        except ValueError as error:
            self._on_end(str(error))
            return
        self._will_flush = True  # below, once for the whole batch
        on_row = self._on_row
        for kind, connection, payload in batch:
            on_row(kind, connection, payload)
        self._flush()

    def _flush(self, wait=False):
        """Write what is there; what the socket does not take stays, unless wait."""
        self._will_flush = False
        if not self._out:
            return
        data = memoryview(self._out[0] if len(self._out) == 1 else b''.join(self._out))
        self._out.clear()
        try:
            while data:
                try:
                    data = data[self._sock.send(data):]
                except (BlockingIOError, InterruptedError):
                    if not wait:
                        break
                    select.select([], [self._sock], [])
        except OSError:
            self._on_end()
            data = data[:0]
        self._unsent = len(data)
        if data:
            self._out.append(bytes(data))
            self._will_flush = True  # when the socket takes more
            self._loop.add_writer(self._sock, self._writable)

    def _writable(self):
        self._loop.remove_writer(self._sock)
        self._flush()
