"""What is asked and answered: functions of pages, those that judge, and the choice of a subprotocol."""

import asyncio
import json

from . import messages, rows, tracebacks
from .expr import needs_await
from .handler import PageHandler


def start(worker, connection, call, hook, values=(), judges=False):
    """Run a hook of the connection as a task, and send its REPLY to call, the octets of a u32.

    Of a function that judges, that is whether its value is true. Rows of the connection wait until then.
    """
    answer = _answer(worker, connection, call, hook, values, judges)
    connection.busy(connection.context.run(asyncio.Task, answer, loop=worker.loop), hook)


async def _answer(worker, connection, call, hook, values, judges):
    handler = connection.handler
    try:
        value = connection.endpoint.calls[hook](handler, *values)
        if needs_await(value):
            value = await value
        reply, error = _value(handler, bool(value) if judges else value), None
    except BaseException as raised:  # also SystemExit: a function must not end the worker
        error = raised
    error = worker.finished(connection) or error
    if error is not None and error is connection.endpoint.faults.get(hook):
        reply = _head(rows.UNAVAILABLE) + error.message.encode('utf-8', 'replace')
    elif error is not None and hook == 'function' and messages.refusal(error):
        status, line = messages.refusal(error)
        plain = [['Content-Type', 'text/plain; charset=utf-8']]
        reply = _head(rows.VALUE, rows.KIND_TEXT, {'status': status, 'headers': plain}) + line.encode()
    elif error is not None:
        reply = (_head(rows.RAISED) + rows.str32(tracebacks.one_line(error))
                 + tracebacks.trimmed(error).encode('utf-8', 'replace'))
    worker.send(rows.REPLY, connection.id, call + reply)
    error = None  # it refers to this frame
    if hook != 'select_subprotocol':  # whose handler waits for OPEN or FORGET
        worker.release(connection)
    connection.idle()


def _head(status, kind=rows.NONE, more=None):
    return bytes([status, kind]) + rows.str32(json.dumps(more or {}))


def _value(handler, value):
    """A function's value as a REPLY carries it."""
    if value is None:
        kind, data = rows.NONE, b''
    elif isinstance(value, str):
        kind, data = rows.KIND_TEXT, value.encode()
    elif isinstance(value, (bytes, bytearray, memoryview)):
        kind, data = rows.KIND_BINARY, bytes(value)
    else:
        kind, data = rows.KIND_JSON, json.dumps(value).encode()
    if isinstance(handler, PageHandler):
        return _head(rows.VALUE, kind, {'status': handler._status, 'headers': handler._headers}) + data
    return _head(rows.VALUE, kind) + data
