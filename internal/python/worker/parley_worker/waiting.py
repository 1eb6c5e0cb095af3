"""A function that waits: what it returned is awaited, but not for ever once its connection has closed."""

import asyncio

from . import rows


class Waiting:
    """The call of one hook, which a task awaits. The connection's rows wait for its end.

    When the connection has closed and the call goes on for too long, it is
    cancelled; when it goes on all the same, left behind.
    """

    __slots__ = ('_connection', '_worker', '_hook', '_size', '_task', '_cancelled', '_left')

    def __init__(self, connection, worker, hook, size, awaitable):
        self._connection = connection
        self._worker = worker
        self._hook = hook
        self._size = size  # of the message
        self._cancelled = self._left = False
        self._task = connection.context.run(asyncio.Task, self._wait(awaitable), loop=worker.loop)

    async def _wait(self, awaitable):
        try:
            await awaitable
        except BaseException as error:
            self._ended(error)
        else:
            self._ended(None)

    def _ended(self, error):
        cancelled = self._cancelled and isinstance(error, asyncio.CancelledError)
        if self._left:
            error = self._worker.finished(self._connection) or error
            if error is not None and not cancelled and not self._connection.says_left(error):
                self._worker.raised(error, self._hook)
            return
        if cancelled:
            self._warn('was cancelled, because on_close waits for it')
        self._connection.finish(self._hook, self._size, None if cancelled else error)
        self._connection.idle()

    def hurry(self):
        """Cancel it, or the second time leave it behind. Returns whether the connection is rid of it."""
        if self._cancelled:
            self._left = True
            self._warn('goes on although it was cancelled: on_close runs without its end')
            self._connection.finish(self._hook, self._size, None)
        else:
            self._cancelled = True
            self._task.cancel()
        return self._left

    def _warn(self, what):
        text = (f'{self._hook} of {self._connection.endpoint.name} still waited {self._worker.grace} s '
                f'after its connection had closed: it {what}')
        self._worker.send(rows.WARN, self._connection.id, text.encode())
