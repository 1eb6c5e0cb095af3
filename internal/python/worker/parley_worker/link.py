"""The worker's end of the link: rows in, rows out."""

import select
import threading
from time import monotonic

from . import rows

UNSENT_LIMIT = 1 << 20  # octets: beyond it, sending waits for the server
READ_SIZE = 256 << 10
TURN = 0.005  # seconds of handling rows before what they made is written, and others get their turn


class Link:
    """Reads rows as they come, and writes at once what a turn of the loop has gathered.

    send() and push() may be called from any thread; everything else happens on
    the loop's.
    """

    def __init__(self, sock, loop, on_row, on_end):
        sock.setblocking(False)
        self._sock = sock
        self._loop = loop
        self._thread = threading.get_ident()
        self._on_row = on_row  # (type, connection, payload); raises nothing
        self._on_end = on_end  # the server has closed the link, or speaks nonsense
        self._reader = rows.Reader()
        self._rows = iter(())  # what was read and is not handled yet
        self._paused = False   # not reading, because _rows is long
        # Threads append to _out and add to _unsent without a lock: an append is
        # atomic, and a sum that is a little wrong is corrected by the next flush.
        self._out = []
        self._unsent = 0           # octets in _out
        self._will_flush = False   # a flush will begin: cleared before it looks at _out
        self._lock = threading.Lock()  # held by who flushes
        self._flusher = 0              # the thread that does
        loop.add_reader(sock, self._readable)

    def send(self, kind, connection, payload=b''):
        """Send a row, in order. Waits for the server only if much is unsent."""
        self.push(rows.pack(kind, connection, payload))

    def push(self, row):
        """Send a row that was packed already."""
        self._out.append(row)
        self._unsent += len(row)
        if not self._will_flush or self._unsent > UNSENT_LIMIT:
            self._flush_soon()

    def flush(self):
        """Write now what is there, as far as the socket takes it."""
        if threading.get_ident() == self._thread:
            self._flush()

    def _flush_soon(self):
        if self._unsent > UNSENT_LIMIT:
            self._flush(wait=True)
        elif threading.get_ident() == self._thread:
            self._will_flush = True
            self._loop.call_soon(self._flush)
        else:
            self._will_flush = True
            self._loop.call_soon_threadsafe(self._flush)

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
            self._rows = iter(self._reader.feed(data))
        except ValueError as error:
            self._on_end(str(error))
            return
        self._turn()

    def _turn(self):
        """Handle rows for a while, then write."""
        self._will_flush = True  # below, once for all of them
        handle, end = self._on_row, monotonic() + TURN
        for kind, connection, payload in self._rows:
            handle(kind, connection, payload)
            if monotonic() > end:
                if not self._paused:
                    self._paused = True
                    self._loop.remove_reader(self._sock)
                self._loop.call_soon(self._turn)
                break
        else:
            if self._paused:
                self._paused = False
                self._loop.add_reader(self._sock, self._readable)
        self._flush()

    def _flush(self, wait=False):
        """Write what is there; what the socket does not take stays, unless wait."""
        if self._flusher == threading.get_ident():
            return  # something that died meanwhile has sent a row
        with self._lock:
            self._flusher = threading.get_ident()
            try:
                self._write(wait)
            finally:
                self._flusher = 0

    def _write(self, wait):
        self._will_flush = False
        count = len(self._out)
        if not count:
            return
        data = memoryview(self._out[0] if count == 1 else b''.join(self._out[:count]))
        del self._out[:count]
        self._unsent = 0
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
            return
        if data:
            self._out.insert(0, bytes(data))
            self._unsent += len(data)
            self._will_flush = True  # when the socket takes more
            self._loop.add_writer(self._sock, self._writable)

    def _writable(self):
        self._loop.remove_writer(self._sock)
        self._flush()
