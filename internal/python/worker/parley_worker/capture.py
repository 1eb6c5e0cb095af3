"""What the app prints becomes rows, with the connection that printed it."""

import codecs
import io
import threading

from . import here, rows

LONG = 1 << 16  # characters without a line end that go out as a line
MANY = 256      # pieces of a line that are joined before it ends

_current = here.connection.get
_get_ident = threading.get_ident


class Capture(io.TextIOBase):
    """A sys.stdout or sys.stderr whose lines go to the server's log.

    A line belongs to the connection whose function printed it. A line that
    has no end goes out when the function ends.
    """

    encoding = 'utf-8'
    errors = 'replace'
    mode = 'w'

    def __init__(self, send, flush, original, begun):
        self._send = send  # (row type, connection's number, payload)
        self.flush = flush  # what was sent leaves now; a line without an end stays
        self._original = original
        self._thread = threading.get_ident()  # the loop's
        self.name = original.name
        self.buffer = _Octets(self)
        # Pieces of lines that have begun and not ended, by who prints: a
        # Connection or None; not on the loop's thread, or not to standard
        # output, (that, name of the stream, thread).
        self._begun = begun
        self._is_usual = original.name == '<stdout>'

    def write(self, text):
        who = _current()
        thread = _get_ident()
        if thread != self._thread or not self._is_usual:
            who = who, self.name, thread
        pieces = self._begun.get(who)
        if pieces is None:
            pieces = self._begun[who] = []
        pieces.append(text)
        if '\n' in text or len(pieces) >= MANY or len(text) > LONG:
            self._gather(who, ''.join(pieces))
        return len(text)

    def _gather(self, who, text):
        """Send the lines of text; keep what has no end yet."""
        *lines, rest = text.split('\n')
        if len(rest) > LONG:
            lines.append(rest)
            rest = ''
        if rest:
            self._begun[who] = [rest]
        else:
            self._begun.pop(who, None)
        owner = who[0] if isinstance(who, tuple) else who
        for line in lines:
            if '\r' in line:  # a progress bar: what would be seen of it
                line = line.rstrip('\r').rpartition('\r')[2]
            self._send(rows.LOG, 0 if owner is None else owner.id, line.encode('utf-8', 'replace'))

    def finish(self, connection):
        """Send what this connection's function has begun, and what threads have that are over."""
        running = {thread.ident for thread in threading.enumerate()}
        for who in list(self._begun):
            owner, stream, thread = who if isinstance(who, tuple) else (who, '<stdout>', self._thread)
            if stream == self.name and (owner is connection if thread == self._thread else thread not in running):
                pieces = self._begun.pop(who, ())
                if any(pieces):
                    self._gather(who, ''.join(pieces) + '\n')

    def reconfigure(self, **_):
        """Nothing: it is UTF-8, by line."""

    def writable(self):
        return True

    def fileno(self):
        """The descriptor of the real stream, for subprocesses; the server logs that by line, too."""
        return self._original.fileno()


class _Octets(io.BufferedIOBase):
    """The buffer of a Capture: octets, which should be UTF-8."""

    def __init__(self, capture):
        self._capture = capture
        self._decode = codecs.getincrementaldecoder('utf-8')('replace').decode

    def write(self, data):
        self._capture.write(self._decode(bytes(data)))
        return memoryview(data).nbytes

    def writable(self):
        return True

    def fileno(self):
        return self._capture.fileno()
