"""One connection: its functions run one at a time, in the order of its rows."""

import asyncio
import contextvars
from collections import deque

from . import here, messages, rows
from .expr import checked, needs_await

UNANSWERED = 64 << 10  # octets that may be written before awaiting one asks the server

NO_CODE = 1005  # stands for a close frame without a code

_EMPTY = contextvars.Context()

_MAX_SIZE = messages.MAX_SIZE
_pack_done = rows.pack_done


class Connection:
    """One open socket, or a handshake or HTTP request that a function answers.

    Its functions run in a context of their own, whose here.connection it is.
    It is also what write_message returns: awaiting it waits until the peer
    has room for more.
    """

    __slots__ = ('id', 'endpoint', 'handler', 'session', 'live', 'left', 'holds', 'unanswered', 'channels', 'context',
                 'waiting', 'skip', 'link', 'text_head', '_worker', '_queue', '_drained')

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
        self.context = _EMPTY.copy()
        self.context.run(here.connection.set, self)
        self.waiting = None    # the function that its rows wait for: (task, hook, size of the message); None for none
        self.skip = False      # a function raised, or the app has closed: no more messages
        self.link = worker.link
        self.text_head = rows.NUMBERED.pack(rows.TEXT, id)  # of a row that writes a text
        self._worker = worker
        self._queue = None     # those rows; None for none
        self._drained = None   # the future of those who wait for room

    # --- what the handler calls

    def write(self, kind, data):
        """Send a message. Returns what may be awaited: itself."""
        size = len(data)
        if not self.live or size > _MAX_SIZE:
            self._refuse(size)
        self.unanswered += size
        head = self.text_head if kind == messages.TEXT else rows.NUMBERED.pack(rows.BINARY, self.id)
        self.link.put(rows.U32.pack(5 + size), head, data)
        return self

    def _refuse(self, size):
        if not self.live:
            raise self._closed()
        raise ValueError(f'write_message: {size} octets are too many: at most {_MAX_SIZE} can be sent')

    def __await__(self):
        if self.unanswered >= UNANSWERED:
            yield from self.drained().__await__()

    def close(self, code, reason):
        if self.live:
            self.live = False
            self.skip = True
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
        self.handler = self.context = None

    # --- rows of the server

    def row(self, kind, payload):
        """Run the function of a row, or keep the row until the one that runs has ended."""
        if kind == rows.IN_CLOSE:
            self.left, self.live = self.live, False
            self.has_drained()
            if self.waiting is not None:
                self._worker.patience.closed(self)
        if self.waiting is None:
            self._run(kind, payload)
        elif self._queue is None:
            self._queue = deque([(kind, payload)])
        else:
            self._queue.append((kind, payload))

    def rows_wait(self):
        """Whether rows wait for a function."""
        return bool(self._queue)

    def busy(self, task, hook):
        """Let rows wait for a task, until idle."""
        self.waiting = task, hook, 0

    def idle(self):
        """What was waited for has ended: go on with the rows that wait."""
        self.waiting = None
        while self._queue and self.waiting is None:
            self._run(*self._queue.popleft())
        if not self._queue:
            self._queue = None

    def _run(self, kind, payload):
        if kind == rows.IN_TEXT or kind == rows.IN_BINARY:
            if self.skip:
                self._done(len(payload))
            else:
                self._call('on_message', len(payload), payload.decode() if kind == rows.IN_TEXT else payload)
        elif kind == rows.OPEN:
            self.live = True
            self._call('open', 0)
        elif kind == rows.PONG:
            if not self.skip:
                self._call('on_pong', 0, payload)
        elif kind == rows.IN_CLOSE:
            code = rows.U16.unpack_from(payload)[0]
            self.handler.close_code = None if code == NO_CODE else code
            self.handler.close_reason = payload[2:].decode('utf-8', 'replace') or None
            self._call('on_close', 0)

    def _call(self, hook, size, *values):
        """Run the function of a hook; size is that of the message."""
        call = self.endpoint.calls.get(hook)
        result = None
        if call is not None:
            try:
                result = self.context.run(call, self.handler, *values)
            except BaseException as error:  # also SystemExit: a function must not end the worker
                self.finish(hook, size, error)
                return
        self.returned(hook, size, result)

    def ended_message(self, size, result, error):
        """Go on when on_message has returned, or raised error, that batch.run has called."""
        if error is None:
            try:
                result = checked(self.endpoint.on_message[2], result)
            except TypeError as refused:
                error = refused
        if error is None:
            self.returned('on_message', size, result)
        else:
            self.finish('on_message', size, error)

    def returned(self, hook, size, result):
        """Go on when a function has returned, and what it returned has been awaited if it can be."""
        if result is not None and result is not self and needs_await(result):
            task = self.context.run(asyncio.Task, self._wait(hook, size, result), loop=self._worker.loop)
            self.waiting = task, hook, size
        else:
            self.finish(hook, size, None)

    async def _wait(self, hook, size, result):
        error = None
        try:
            await result
        except BaseException as raised:
            error = raised
        error, left = self._worker.patience.ended(self, hook, error)
        if not left:
            self.finish(hook, size, error)
            self.idle()
        error = None  # it refers to this frame

    def finish(self, hook, size, error):
        """Tell the server how a function ended, after what it printed and changed."""
        if self.session.notes is not None or self._worker.begun:
            error = self._worker.finished(self) or error
        if error is not None and not self.says_left(error):
            self.skip = True
            self._worker.fail(self.id, hook, size, error)
        if hook == 'on_message':
            self._done(size)
        elif hook == 'on_close':
            self._worker.ended(self)

    def _done(self, size):
        self.link.put(_pack_done(self.id, (size,)))
