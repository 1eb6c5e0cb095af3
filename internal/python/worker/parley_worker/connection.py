"""One connection: its functions run one at a time, in the order of its rows."""

import asyncio
import contextvars
from collections import deque

from . import here, messages, rows
from .expr import needs_await

UNANSWERED = 64 << 10  # octets that may be written before awaiting one asks the server

NO_CODE = (1005, 1006)  # close codes that stand for "none"

_CANCELLED, _LEFT_BEHIND = 1, 2  # what became of a function that went on waiting after the close

_EMPTY = contextvars.Context()

# What every message needs is looked up once.
_IN_TEXT, _IN_CLOSE, _DONE = rows.IN_TEXT, rows.IN_CLOSE, rows.DONE
_ROW_OF = {messages.TEXT: rows.TEXT, messages.BINARY: rows.BINARY}
_MAX_SIZE = messages.MAX_SIZE
_pack_head = rows.HEAD.pack
_pack_done = rows.HEAD_AND_U32.pack


class Sent:
    """What write_message returns. Awaiting it waits until the peer has room for more."""

    __slots__ = ('_connection',)

    def __init__(self, connection):
        self._connection = connection

    def __await__(self):
        if self._connection.unanswered >= UNANSWERED:
            yield from self._connection.drained().__await__()


class Connection:
    """One open socket, or a handshake or HTTP request that a function answers.

    Its functions run in a context of their own, whose here.connection it is.
    """

    __slots__ = ('id', 'endpoint', 'handler', 'session', 'live', 'left', 'holds', 'unanswered', 'channels', 'sent',
                 'context', '_worker', '_push', '_queue', '_task', '_waits', '_hurried', '_skip', '_drained')

    def __init__(self, worker, id, endpoint, session):
        self.id = id
        self.endpoint = endpoint
        self.session = session
        self.handler = None
        self.live = False      # open, and closed by neither side
        self.left = False      # closed, and not by the app
        self.holds = True      # its number and its session, until its last row has been sent
        self.unanswered = 0    # octets written since the server last said that there is room
        self.channels = None   # the set of channels it is a member of; None for none
        self.sent = Sent(self)
        self.context = _EMPTY.copy()
        self.context.run(here.connection.set, self)
        self._worker = worker
        self._push = worker.push
        self._queue = None     # rows that wait for the function that runs; None for none
        self._task = None      # the task of a function that waits; None if nothing runs
        self._waits = None     # (hook, size) of that function
        self._hurried = 0      # of the functions before on_close: _CANCELLED, _LEFT_BEHIND, or neither
        self._skip = False     # a function raised, or the app has closed: no more messages
        self._drained = None   # the future of those who wait for room

    # --- what the handler calls

    def write(self, kind, data):
        """Send a message. Returns what may be awaited, see Sent."""
        if not self.live:
            raise self._closed()
        size = len(data)
        if size > _MAX_SIZE:
            raise ValueError(f'write_message: {size} octets are too many: at most {_MAX_SIZE} can be sent')
        self.unanswered += size
        self._push(_pack_head(5 + size, _ROW_OF[kind], self.id) + data)
        return self.sent

    def close(self, code, reason):
        if self.live:
            self.live = False
            self._skip = True
            self._worker.send(rows.CLOSE, self.id, rows.U16.pack(code) + reason.encode())

    def ping(self, data):
        if not self.live:
            raise self._closed()
        self._worker.send(rows.PING, self.id, data)

    def _closed(self):
        return messages.closed_error()(f'connection {self.id} is closed')

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
            self._drained.set_result(None)
            self._drained = None

    def says_left(self, error):
        """Whether error only says that the peer has left meanwhile."""
        return self.left and messages.is_closed_error(error)

    def cut(self):
        """Break the circles of references, so that nothing of it waits for the garbage collector."""
        self.handler = self.sent = self.context = None

    # --- rows of the server

    def row(self, kind, payload):
        """Run the function of a row, or keep the row until the one that runs has ended."""
        if kind == _IN_CLOSE:
            self.left, self.live = self.live, False
            self.has_drained()
            if self._task is not None:
                self._hurry_later()
        if self._task is None:
            if kind == _IN_TEXT and not self._skip:
                self._call('on_message', len(payload), payload.decode())
            else:
                self._run(kind, payload)
        elif self._queue is None:
            self._queue = deque([(kind, payload)])
        else:
            self._queue.append((kind, payload))

    def _hurry_later(self):
        self._worker.loop.call_later(self._worker.grace, self._hurry, self._task)

    def _hurry(self, task):
        """Make way for on_close: end a function that has been waiting since the last call, or else leave it behind."""
        if self._task is None or not self._queue:
            return  # the close is the last row of the queue: on_close has begun
        if self._task is task and self._hurried:
            self._hurried = _LEFT_BEHIND
            self._warn_hurried(self._waits[0], 'goes on although it was cancelled: on_close runs without its end')
            self._finish(*self._waits, None)
            self.idle()
            return
        if self._task is task:
            self._hurried = _CANCELLED
            self._skip = True
            task.cancel()
        self._hurry_later()

    def _warn_hurried(self, hook, what):
        self._worker.send(rows.WARN, self.id, f'{hook} of {self.endpoint.name} still waited {self._worker.grace} s '
                          f'after its connection had closed: it {what}'.encode())

    def busy(self, task):
        """Let rows wait for a task."""
        self._task = task

    def idle(self):
        """The task has ended: go on with the rows that wait."""
        self._task = None
        while self._queue and self._task is None:
            self._run(*self._queue.popleft())
        if not self._queue:
            self._queue = None

    def _run(self, kind, payload):
        if kind == rows.IN_TEXT or kind == rows.IN_BINARY:
            if self._skip:
                self._push(_pack_done(9, _DONE, self.id, len(payload)))
            else:
                self._call('on_message', len(payload), payload.decode() if kind == rows.IN_TEXT else payload)
        elif kind == rows.OPEN:
            self.live = True
            self._call('open', 0)
        elif kind == rows.PONG:
            if not self._skip:
                self._call('on_pong', 0, payload)
        elif kind == rows.IN_CLOSE:
            code = rows.U16.unpack_from(payload)[0]
            self.handler.close_code = None if code in NO_CODE else code
            self.handler.close_reason = payload[2:].decode('utf-8', 'replace') or None
            self._call('on_close', 0)

    def _call(self, hook, size, *values):
        call = self.endpoint.calls.get(hook)
        if call is not None:
            try:
                result = self.context.run(call, self.handler, *values)
            except BaseException as error:  # also SystemExit: a function must not end the worker
                self._finish(hook, size, error)
                return
            if result is not None and result is not self.sent and needs_await(result):
                self._waits = hook, size
                self._task = self.context.run(asyncio.Task, self._wait(hook, size, result), loop=self._worker.loop)
                return
        self._finish(hook, size, None)

    async def _wait(self, hook, size, result):
        try:
            await result
        except BaseException as error:
            self._waited(hook, size, error)
        else:
            self._waited(hook, size, None)

    def _waited(self, hook, size, error):
        """A function that waited has ended."""
        if self._hurried and hook != 'on_close':
            cancelled = isinstance(error, asyncio.CancelledError)
            if self._hurried == _LEFT_BEHIND:  # its end has been told, and on_close has begun
                error = self._worker.finished(self) or error
                if error is not None and not cancelled and not self.says_left(error):
                    self._worker.raised(error, hook)
                return
            if cancelled:
                self._warn_hurried(hook, 'was cancelled, because on_close waits for it')
                error = None
        self._finish(hook, size, error)
        self.idle()

    def _finish(self, hook, size, error):
        """Tell the server how a function ended, after what it printed and changed."""
        if self.session.notes is not None or self._worker.begun:
            error = self._worker.finished(self) or error
        if error is not None and not self.says_left(error):
            self._skip = True
            self._worker.fail(self.id, hook, size, error)
        if hook == 'on_message':
            self._push(_pack_done(9, _DONE, self.id, size))
        elif hook == 'on_close':
            self._worker.ended(self)
