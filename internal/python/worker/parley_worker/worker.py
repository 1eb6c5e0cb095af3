"""The worker: rows in, functions run, rows out."""

import asyncio
import faulthandler
import json
import os
import signal
import socket
import sys
import traceback
from time import monotonic

from . import batch, calls, capture, here, loop, modules, rooms, rows, session, timers, tracebacks
from .connection import Connection
from .endpoint import Endpoint
from .handler import Handler, PageHandler, SocketHandler
from .link import Link
from .patience import Patience
from .tasks import Tasks

TURN = 0.005  # seconds of handling rows before what they made is written, and others get their turn

_IN_TEXT, _IN_BINARY = rows.IN_TEXT, rows.IN_BINARY
_HEAD_SIZE, _unpack_head = rows.HEAD.size, rows.HEAD.unpack_from
_OF_CONNECTIONS = frozenset((rows.IN_TEXT, rows.IN_BINARY, rows.PONG, rows.IN_CLOSE))


class Worker:
    """One process's worth of endpoints, connections and sessions."""

    def __init__(self, sock, loop):
        self.loop = loop
        self.link = Link(sock, loop, self._handle, self._leave)
        self.send = self.link.send
        self.patience = Patience(self)
        self._endpoints = {}    # by name
        self.connections = {}  # open ones, and handshakes that wait for OPEN, by number
        self._sessions = session.Sessions()
        self._modules = None    # modules.Modules, once CONFIG has come
        self._members = {}      # channel: how many connections of this worker are members
        self.begun = {}         # lines that were printed and have no end yet, see capture.Capture
        self._captures = [capture.Capture(self.send, self.link.flush, stream, self.begun)
                          for stream in (sys.stdout, sys.stderr)]
        sys.stdout, sys.stderr = self._captures
        self._tasks = Tasks(self, loop)
        self._rows = {
            rows.CONFIG: self._config, rows.OPEN: self._open, rows.CALL: self._call, rows.FORGET: self._forget,
            rows.DRAINED: self._drained, rows.IN_SESSION: self._session, rows.IN_BEAT: self._beat,
            rows.RELOAD: self._reload,
        }

    # --- for rooms and timers (see here.worker)

    def subscribe(self, connection, channel):
        """Make a live connection a member of channel; twice is once."""
        if not connection.live:
            return
        if connection.channels is None:
            connection.channels = set()
        if channel not in connection.channels:
            connection.channels.add(channel)
            self._members[channel] = self._members.get(channel, 0) + 1
            self.send(rows.SUBSCRIBE, connection.id, channel.encode('utf-8', 'surrogatepass'))

    def unsubscribe(self, connection, channel):
        """End a membership, if there is one."""
        if connection.channels and channel in connection.channels:
            self._left(connection, channel)
            self.send(rows.UNSUBSCRIBE, connection.id, channel.encode('utf-8', 'surrogatepass'))

    def _left(self, connection, channel):
        connection.channels.discard(channel)
        self._members[channel] -= 1
        if not self._members[channel]:
            del self._members[channel]

    def subscribers(self, channel):
        """How many connections of this worker are members of channel."""
        return self._members.get(channel, 0)

    def publish(self, channel, kind, data):
        """Send data to all members of channel, wherever they are."""
        self.send(rows.PUBLISH, _number(), bytes([kind]) + rows.str16(channel) + data)

    def warn(self, text):
        """One line about the app for the server's log."""
        self.send(rows.WARN, _number(), text.encode('utf-8', 'replace'))

    def raised(self, error, what):
        """Log what was raised outside a hook, by what: a timer, a receiver, a task."""
        self.fail(_number(), '', 0, error, what)

    def finished(self, connection=None):
        """Send what a function has printed and changed in its session.

        Returns a SessionError if the session now holds what JSON cannot carry.
        """
        connection = connection or here.connection.get()
        if self.begun:
            for stream in self._captures:
                stream.finish(connection)
        if connection is None or connection.session.notes is None:
            return None
        holder = self._holder(connection)
        if holder is None:
            return None
        changes, error = connection.session.take_changes()
        if changes:
            sets = ','.join(f'{json.dumps(key)}:{text}' for key, text in changes.items() if text is not None)
            deletes = json.dumps([key for key, text in changes.items() if text is None])
            text = f'{{"set":{{{sets}}},"delete":{deletes}}}'
            self.send(rows.SESSION, holder, rows.str16(connection.session.key) + text.encode())
        return error

    def _holder(self, connection):
        """The number that changes of its session are sent for, or None: the server takes them from holders only."""
        if connection.holds:
            return connection.id
        for other in self.connections.values():
            if other.session is connection.session:
                return other.id
        return None

    # --- for connections and calls

    def fail(self, connection, hook, size, error, what=''):
        message, trace = tracebacks.one_line(error), tracebacks.trimmed(error)
        if what:
            message = f'{what}: {message}'
        self.send(rows.FAIL, connection, bytes([rows.FAIL_HOOKS[hook]]) + rows.U32.pack(size)
                  + rows.str32(message) + trace.encode('utf-8', 'replace'))

    def ended(self, connection):
        """A connection's last function has run."""
        for channel in list(connection.channels or ()):
            self._left(connection, channel)
        self.send(rows.ENDED, connection.id)
        self.release(connection)

    def release(self, connection):
        """Forget a connection or call, which nothing is sent for any more."""
        if connection.holds:
            connection.holds = False
            self.connections.pop(connection.id, None)
            self._sessions.release(connection.session)
            connection.cut()

    # --- rows of the server

    def _handle(self, data, at):
        """Handle the whole rows from a place in data on, for a turn. Returns the place of the first that was not handled."""
        until = monotonic() + TURN
        at = self._messages(data, at, until)
        while len(data) - at >= _HEAD_SIZE:
            length, kind, number = _unpack_head(data, at)
            stop = at + 4 + length
            if stop > len(data) or length < 5 or monotonic() > until:
                break
            if (kind == _IN_TEXT or kind == _IN_BINARY) and number in self.connections:
                at = self._messages(data, at, until)
            else:
                self._row(kind, number, data[at + _HEAD_SIZE:stop])
                at = stop
        return at

    def _messages(self, data, at, until):
        try:
            return batch.run(self, data, at, until)
        except Exception:  # a mistake of ours, and nobody knows how far it came
            self._leave(traceback.format_exc())

    def _row(self, kind, number, payload):
        try:
            if kind in _OF_CONNECTIONS:
                connection = self.connections.get(number)
                if connection is not None:
                    connection.row(kind, payload)
            else:
                self._rows[kind](number, payload)
        except Exception as error:
            if kind == rows.CONFIG:  # without which nothing runs
                self._leave(traceback.format_exc())
            self._mistaken(kind, number, error)

    def ended_message(self, connection, size, result, error):
        """As Connection.ended_message."""
        try:
            connection.ended_message(size, result, error)
        except Exception as mistake:
            self._mistaken('of a message', connection.id, mistake)

    def _mistaken(self, kind, number, error):
        """Log a mistake of the worker's own, which concerns one row."""
        self.send(rows.FAIL, 0, b'\0' + rows.U32.pack(0)
                  + rows.str32(f'the worker, at row {kind} of connection {number}: {tracebacks.one_line(error)}')
                  + traceback.format_exc().encode('utf-8', 'replace'))

    def _config(self, _, payload):
        config = json.loads(payload)
        if config['version'] != rows.VERSION:
            self._leave(f'the server speaks version {config["version"]} of the link, this worker {rows.VERSION}')
        sys.path[:0] = config['dirs']
        sys.path.extend(config['path'])
        rooms.install()
        timers.install()
        self._modules = modules.Modules(config['dirs'])
        for part in config['endpoints']:
            self._endpoints[part['name']] = Endpoint(part)
        self._report(rows.LOADED)

    def _reload(self, _, payload):
        reloaded, failed = self._modules.changed(json.loads(payload)['paths'])
        self._report(rows.RELOADED, reloaded=reloaded, failed=failed)

    def _report(self, kind, **more):
        for endpoint in self._endpoints.values():
            endpoint.resolve(self._modules)
        self.finished()
        faults = [fault for endpoint in self._endpoints.values() for fault in endpoint.fault_list()]
        report = {'version': rows.VERSION, 'python': sys.version.split()[0], 'pid': os.getpid(),
                  'modules': self._modules.files(), 'faults': faults, **more}
        self.send(kind, 0, json.dumps(report).encode())

    def _new(self, number, payload, handler):
        """Make the connection that an OPEN or a CALL is about; it holds its session."""
        stop = 4 + rows.U32.unpack_from(payload)[0]
        head = json.loads(payload[4:stop])
        endpoint = self._endpoints[head['endpoint']]
        held = self._sessions.hold(head['session']['id'], head['session']['values'])
        connection = Connection(self, number, endpoint, held)
        connection.handler = handler(connection, head, payload[stop:])
        return connection, head

    def _open(self, number, payload):
        connection, head = self._new(number, payload, SocketHandler)
        waiting = self.connections.get(number)
        if waiting is not None:  # made by select_subprotocol
            self._sessions.release(connection.session)
            connection = waiting
        self.connections[number] = connection
        if head['subprotocol']:
            connection.handler.selected_subprotocol = head['subprotocol']
        connection.row(rows.OPEN, b'')

    def _call(self, number, payload):
        kind = payload[4]
        if kind == rows.SELECT_SUBPROTOCOL:
            connection, head = self._new(number, payload[5:], SocketHandler)
            self.connections[number] = connection
            calls.start(self, connection, payload[:4], 'select_subprotocol', (head['subprotocols'],))
        elif kind == rows.FUNCTION:
            connection, _ = self._new(number, payload[5:], PageHandler)
            calls.start(self, connection, payload[:4], 'function')
        else:
            hook, start = rows.cut_str16(payload, 5)
            connection, _ = self._new(number, payload[start:], Handler)
            calls.start(self, connection, payload[:4], hook, judges=True)

    def _forget(self, number, _):
        connection = self.connections.get(number)
        if connection is not None:
            connection.session.forget_pending()  # the server has not taken what was sent since
            self.release(connection)

    def _drained(self, number, _):
        connection = self.connections.get(number)
        if connection is not None:
            connection.has_drained()

    def _session(self, _, payload):
        size = rows.U16.unpack_from(payload, 1)[0]
        held = self._sessions.get(payload[3:3 + size].decode())
        if held is not None:
            change = json.loads(payload[3 + size:])
            held.changed_elsewhere(payload[0] == 1, change.get('set') or {}, change.get('delete') or [])

    def _beat(self, _, payload):
        self.send(rows.BEAT, 0, payload)

    def _leave(self, why=''):
        """The link has ended: leave at once, whatever else is running."""
        if why:
            os.write(2, f'worker: {why}\n'.encode())
        os._exit(1 if why else 0)

    def run(self):
        """Serve until the link ends."""
        while True:
            try:
                self.loop.run_forever()
            except BaseException as error:  # a task raised SystemExit or KeyboardInterrupt
                self._tasks.stopped_loop(error)


def _number():
    """The number of the connection whose code calls, or 0."""
    connection = here.connection.get()
    return connection.id if connection is not None else 0


def main(descriptor):
    """Serve the link on a file descriptor until it ends."""
    faulthandler.register(signal.SIGUSR1, file=sys.__stderr__, all_threads=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)   # a Ctrl-C is the server's business
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    for stream in (sys.stdout, sys.stderr):  # for those who write to the real ones
        stream.reconfigure(line_buffering=True)
    sock = socket.socket(fileno=descriptor)
    os.set_inheritable(descriptor, False)
    serving = loop.new()
    asyncio.set_event_loop(serving)
    here.worker = Worker(sock, serving)
    loop.serve(serving, sock, here.worker.link.readable)
    here.worker.run()
