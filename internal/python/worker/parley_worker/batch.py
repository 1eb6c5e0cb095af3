"""The way that most messages take: TEXT and BINARY rows, as many as there are, to functions that return at once."""

from time import monotonic

from . import rows

MOST = 16  # messages of one connection that are handled, while they are quick, without a look at the clock
QUICK = 0.0005  # seconds

_TEXT, _BINARY, _HEAD_SIZE = rows.IN_TEXT, rows.IN_BINARY, rows.HEAD.size
_unpack_head, _pack_done = rows.HEAD.unpack_from, rows.pack_done


def run(worker, data, at, until):
    """Run on_message for the messages from a place in data on. Returns the place of the first that was not handled.

    That is a row of another kind, of a connection that is not there, one that
    has not come whole, or any once the clock shows `until`.
    """
    end, find, out, begun = len(data), worker.connections.get, worker.link.out, worker.begun
    last_head = end - _HEAD_SIZE
    last, sizes = 0, []  # a connection's number, and the sizes of those of its messages that no DONE has told of
    most, then = 1, 0
    while at <= last_head:
        length, kind, number = _unpack_head(data, at)
        stop = at + 4 + length
        if kind != _TEXT and kind != _BINARY or stop > end or length < 5:
            break
        if number != last or len(sizes) == most:
            if sizes:
                out.append(_pack_done(last, sizes))
                sizes = []
            connection = find(number)
            if connection is None:
                break
            if connection.waiting is not None or connection.skip:
                connection.row(kind, data[at + _HEAD_SIZE:stop])
                last, at = 0, stop
                continue
            now = monotonic()
            if now > until:
                break
            most = MOST if now - then < QUICK else 1
            last, then = number, now
            namespace, name, _ = connection.endpoint.on_message
            run_in, handler, session = connection.context.run, connection.handler, connection.session
        size = length - 5
        try:
            result = run_in(namespace[name], handler, data[at + _HEAD_SIZE:stop].decode() if kind == _TEXT
                            else data[at + _HEAD_SIZE:stop])
        except BaseException as error:  # also SystemExit: a function must not end the worker
            result, raised = None, error
        else:
            if (result is None or result is connection) and not begun and session.notes is None and not connection.skip:
                sizes.append(size)
                at = stop
                continue
            raised = None
        at = stop
        if sizes:
            out.append(_pack_done(number, sizes))
            sizes = []
        worker.ended_message(connection, size, result, raised)
        last, result, raised = 0, None, None  # an exception refers to this frame
    if sizes:
        out.append(_pack_done(last, sizes))
    return at
