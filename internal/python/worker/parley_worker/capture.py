"""What the app prints becomes rows, with the connection that printed it."""

import io

from . import here, rows


class Capture(io.TextIOBase):
    """A sys.stdout or sys.stderr whose lines go to the server's log.

    A line belongs to the connection whose function printed it. A line that
    ends without a newline goes out when the function ends.
    """

    encoding = 'utf-8'
    errors = 'replace'

    def __init__(self, send, original):
        self._send = send  # (row type, connection id, payload)
        self._original = original
        self._partial = {}  # connection id: text without its line end

    def write(self, text):
        if not isinstance(text, str):
            raise TypeError(f'write() argument must be str, not {type(text).__name__}')
        connection = here.connection.get()
        owner = connection.id if connection is not None else 0
        size = len(text)
        if owner in self._partial:
            text = self._partial.pop(owner) + text
        if '\n' in text:
            *lines, text = text.split('\n')
            for line in lines:
                self._line(owner, line)
        if text:
            if len(text) > 1 << 16:  # no line end in sight
                self._line(owner, text)
            else:
                self._partial[owner] = text
        return size

    def _line(self, owner, line):
        self._send(rows.LOG, owner, line.rstrip('\r').encode('utf-8', 'replace'))

    def finish(self, owner):
        """Send what a function of this connection has printed without a line end."""
        if owner in self._partial:
            self._line(owner, self._partial.pop(owner))

    def flush(self):
        """Nothing: a line goes out when it is whole."""

    def writable(self):
        return True

    def fileno(self):
        return self._original.fileno()

    @property
    def buffer(self):
        """The real stream's, for octets; the server logs that by line, too."""
        return self._original.buffer
