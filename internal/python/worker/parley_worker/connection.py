"""One connection: its functions run one at a time, in the order of its rows."""

import asyncio
from collections import deque

from . import here, messages, rows

UNANSWERED = 64 << 10  # octets that may be written before awaiting one asks the server

NO_CODE = (1005, 1006)  # close codes that stand for "none"


class Sent:
    """What write_message returns. Awaiting it waits until the peer has room for more."""

    __slots__ = ('_connection',)

    def __init__(self, connection):
        self._connection = connection

    def __await__(self):
        if self._connection.unanswered >= UNANSWERED:
            yield from self._connection.drained().__await__()


class Connection:
    """One open socket, or a handshake or HTTP request that a function answers."""

    __slots__ = ('id', 'endpoint', 'handler', 'session', 'live', 'unanswered', 'channels', 'sent',
                 '_worker', '_queue', '_task', '_skip', '_drained')

    def __init__(self, worker, id, endpoint, session):
        self.id = id
        self.endpoint = endpoint
        self.session = session
        self.handler = None
        self.live = False      # open, and closed by neither side
        self.unanswered = 0    # octets written since the server last said that there is room
        self.channels = None   # the set of channels it is a member of; None for none
        self.sent = Sent(self)
        self._worker = worker
        self._queue = None     # rows that wait for the function that runs; None for none
        self._task = None      # the task of a function that waits; None if nothing runs
        self._skip = False     # a function raised, or the app has closed: no more messages
        self._drained = None   # the future of those who wait for room

    # --- what the handler calls

    def write(self, kind, data):
        if not self.live:
            raise messages.closed_error()(f'connection {self.id} is closed')
        self._worker.send(rows.TEXT if kind == messages.TEXT else rows.BINARY, self.id, data)
        self.unanswered += len(data)
        return self.sent

    def close(self, code, reason):
        if self.live:
            self.live = False
            self._skip = True
            self._worker.send(rows.CLOSE, self.id, rows.U16.pack(code) + reason.encode())

    def ping(self, data):
        if not self.live:
            raise messages.closed_error()(f'connection {self.id} is closed')
        self._worker.send(rows.PING, self.id, data)

    def keep(self, task):
        """Let rows wait for a task that answers a call."""
        self._task = task

    async def drained(self):
        """Wait until the server says that the peer has room."""
        if not self.live:
            return
        if self._drained is None:
            self._drained = asyncio.get_running_loop().create_future()
            self._worker.send(rows.WAIT, self.id)
        await asyncio.shield(self._drained)

    def has_drained(self):
        self.unanswered = 0
        if self._drained is not None:
            if not self._drained.done():
                self._drained.set_result(None)
            self._drained = None

    # --- rows of the server

    def row(self, kind, payload):
        """Run the function of a row, or keep the row until the one that runs has ended."""
        if kind == rows.IN_CLOSE:
            self.live = False
            self.has_drained()
        if self._task is not None:
            if self._queue is None:
                self._queue = deque()
            self._queue.append((kind, payload))
        else:
            self._run(kind, payload)

    def _run(self, kind, payload):
        if kind == rows.IN_TEXT:
            self._message(payload, payload.decode())
        elif kind == rows.IN_BINARY:
            self._message(payload, payload)
        elif kind == rows.OPEN:
            self.live = True
            self._call('open', 0, self.handler)
        elif kind == rows.PONG:
            if not self._skip:
                self._call('on_pong', 0, self.handler, payload)
        elif kind == rows.IN_CLOSE:
            code = rows.U16.unpack_from(payload)[0]
            self.handler.close_code = None if code in NO_CODE else code
            self.handler.close_reason = payload[2:].decode('utf-8', 'replace') or None
            self._call('on_close', 0, self.handler)

    def _message(self, payload, message):
        if self._skip:
            self._worker.send(rows.DONE, self.id, rows.U32.pack(len(payload)))
        else:
            self._call('on_message', len(payload), self.handler, message)

    def _call(self, hook, size, *values):
        function = self.endpoint.functions.get(hook)
        if function is None:
            self._ended(hook, size)
            return
        token = here.connection.set(self)
        try:
            result = function.call(*values)
            if result is not None and result is not self.sent and hasattr(type(result), '__await__'):
                self._task = self._worker.loop.create_task(self._wait(hook, size, result))
                return
            error = None
        except BaseException as raised:  # also SystemExit: a function must not end the worker
            error = raised
        finally:
            here.connection.reset(token)
        self._finish(hook, size, error)

    async def _wait(self, hook, size, result):
        error = None
        try:
            await result
        except BaseException as raised:
            error = raised
        self._task = None
        self._finish(hook, size, error)
        while self._queue and self._task is None:
            self._run(*self._queue.popleft())

    def _finish(self, hook, size, error):
        """Tell the server how a function ended, after what it printed and changed."""
        unsaved = self._worker.finished(self)
        error = error or unsaved
        if error is not None and not self._left(error):
            self._worker.fail(self.id, hook, size, error)
            self._skip = True
        self._ended(hook, size)

    def _left(self, error):
        """Whether error only says that the peer has left meanwhile."""
        return not self.live and not self._skip and isinstance(error, messages.closed_error())

    def _ended(self, hook, size):
        if hook == 'on_message':
            self._worker.send(rows.DONE, self.id, rows.U32.pack(size))
        elif hook == 'on_close':
            self._worker.ended(self)
