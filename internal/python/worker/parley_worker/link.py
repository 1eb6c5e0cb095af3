"""The worker's end of the link: rows in, rows out."""

import select
from threading import Lock, get_ident

from . import rows

UNSENT_LIMIT = 1 << 20  # octets: beyond it, sending waits for the server
READ_SIZE = 256 << 10


class Link:
    """Reads rows as they come, and writes at once what a turn of the loop has gathered.

    send() and put() may be called from any thread; everything else happens on
    the loop's.
    """

    def __init__(self, sock, loop, on_rows, on_end):
        sock.setblocking(False)
        self._sock = sock
        self._loop = loop
        self._thread = get_ident()
        # (octets, place of a row in them): handles rows for a while; returns the place of the first it did not handle.
        self._on_rows = on_rows
        self._on_end = on_end   # the server has closed the link, or speaks nonsense
        self._read = memoryview(bytearray(READ_SIZE))  # for all reads: making it takes longer than a read
        self._reader = rows.Reader()
        self._data = b''        # what was read, from this place on not handled:
        self._at = 0
        self._paused = False    # not reading, because that is much
        # What will be written: rows, and rows in parts. What happens for every
        # message does here what put() does, without a call of it. Threads
        # append and add to unsent without a lock: an append is atomic, and a
        # sum that is a little wrong is corrected by the next flush.
        self.out = []
        self.unsent = 0           # octets in out
        self.will_flush = False   # a flush will begin: cleared before it looks at out
        self._lock = Lock()  # held by who flushes
        self._flusher = 0              # the thread that does
        loop.add_reader(sock, self.readable)

    def send(self, kind, connection, payload=b''):
        """Send a row, in order. Waits for the server only if much is unsent."""
        self.put(rows.pack(kind, connection, payload))

    def put(self, *parts):
        """Send a row in parts."""
        self.out.extend(parts)
        self.unsent += sum(map(len, parts))
        if not self.will_flush or self.unsent > UNSENT_LIMIT:
            self.flush_soon()

    def flush(self):
        """Write now what is there, as far as the socket takes it."""
        if get_ident() == self._thread:
            self._flush()

    def flush_soon(self):
        """Have written what is there: at the end of the loop's turn, or now if it is much."""
        if self.unsent > UNSENT_LIMIT:
            self._flush(wait=True)
        elif get_ident() == self._thread:
            self.will_flush = True
            self._loop.call_soon(self._flush)
        else:
            self.will_flush = True
            self._loop.call_soon_threadsafe(self._flush)

    def readable(self):
        """Read what has come, handle it for a turn and write what that has made."""
        try:
            data = bytes(self._read[:self._sock.recv_into(self._read)])
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            data = b''
        if not data:
            self._on_end()
            return
        self._data, self._at = self._reader.feed(data), 0
        self._turn()

    def _turn(self):
        self.will_flush = True  # below, once for all rows
        data = self._data
        at = self._on_rows(data, self._at)
        if at < len(data) and self._is_row(data, at):
            self._data, self._at = data, at
            if not self._paused:
                self._paused = True
                self._loop.remove_reader(self._sock)
            self._loop.call_soon(self._turn)
        else:
            if at < len(data):
                self._reader.keep(data, at)
            self._data = b''
            if self._paused:
                self._paused = False
                self._loop.add_reader(self._sock, self.readable)
        self._flush()

    def _is_row(self, data, at):
        """Whether a whole row is there. What can be no row ends the link."""
        try:
            return rows.whole(data, at)
        except ValueError as error:
            self._on_end(str(error))

    def _flush(self, wait=False):
        """Write what is there; what the socket does not take stays, unless wait."""
        thread = get_ident()
        if self._flusher == thread:
            return  # something that died meanwhile has sent a row
        with self._lock:
            self._flusher = thread
            try:
                self._write(wait)
            finally:
                self._flusher = 0

    def _write(self, wait):
        self.will_flush = False
        count = len(self.out)
        if not count:
            return
        data, sent = b''.join(self.out[:count]), 0
        del self.out[:count]
        self.unsent = 0
        try:
            while sent < len(data):
                try:
                    sent += self._sock.send(memoryview(data)[sent:] if sent else data)
                except (BlockingIOError, InterruptedError):
                    if not wait:
                        break
                    select.select([], [self._sock], [])
        except OSError:
            self._on_end()
            return
        if sent < len(data):
            self.out.insert(0, data[sent:])
            self.unsent += len(data) - sent
            self.will_flush = True  # when the socket takes more
            self._loop.add_writer(self._sock, self._writable)

    def _writable(self):
        self._loop.remove_writer(self._sock)
        self._flush()
