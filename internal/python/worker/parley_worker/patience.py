"""How long functions may wait once their connection has closed."""

import asyncio

from . import rows

GRACE = 5  # seconds


class Patience:
    """Makes way for on_close, which runs only when no other function of its connection waits.

    A function that has waited for a whole grace since the close is cancelled,
    and one that goes on for another grace all the same is left behind.
    """

    def __init__(self, worker):
        self.grace = GRACE
        self._worker = worker
        self._cancelled = set()  # tasks
        self._left = set()       # tasks

    def closed(self, connection):
        """Begin to count: the row of its close waits for a function of this connection."""
        self._worker.loop.call_later(self.grace, self._look, connection, connection.waiting)

    def _look(self, connection, waiting):
        if connection.waiting is None or not connection.rows_wait():
            return  # the close is the last row: on_close has begun
        if connection.waiting is waiting:  # as it was a grace ago
            connection.skip = True
            task, hook, size = waiting
            if task in self._cancelled:
                self._left.add(task)
                self._warn(connection, hook, 'goes on although it was cancelled: on_close runs without its end')
                connection.finish(hook, size, None)
                connection.idle()
                return
            self._cancelled.add(task)
            task.cancel()
        self.closed(connection)

    def ended(self, connection, hook, error):
        """Hear of the end of a function that waited, in its task. Returns its error and whether it was left behind."""
        if not self._cancelled:
            return error, False
        task = asyncio.current_task()
        if task not in self._cancelled:
            return error, False
        self._cancelled.discard(task)
        if isinstance(error, asyncio.CancelledError):
            error = None
            if task not in self._left:
                self._warn(connection, hook, 'was cancelled, because on_close waits for it')
        if task not in self._left:
            return error, False
        self._left.discard(task)
        error = self._worker.finished(connection) or error
        if error is not None and not connection.says_left(error):
            self._worker.raised(error, hook)
        return None, True

    def _warn(self, connection, hook, what):
        text = f'{hook} of {connection.endpoint.name} still waited {self.grace} s after its connection had closed: it {what}'
        self._worker.send(rows.WARN, connection.id, text.encode())
