"""A server's end of the link, for tests: starts a worker for an app in a temporary folder."""

import json
import os
import select
import socket
import subprocess
import sys
import tempfile
import time

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, FOLDER)
from parley_worker import rows  # noqa: E402

PATIENCE = 30  # seconds; only matters when a test fails

NAMES = {value: name for name, value in vars(rows).items() if isinstance(value, int) and 65 <= value <= 82 and name != 'VERSION'}


def cut(reader, data):
    """Return the rows that are whole with this data, as (type, connection, payload); a DONE of several as several."""
    found, at, data = [], 0, reader.feed(data)
    while at < len(data) and rows.whole(data, at):
        length, kind, connection = rows.HEAD.unpack_from(data, at)
        payload = data[at + rows.HEAD.size:at + 4 + length]
        if kind == rows.DONE:
            found += [(kind, connection, payload[each:each + 4]) for each in range(0, len(payload), 4)]
        else:
            found.append((kind, connection, payload))
        at += 4 + length
    if at < len(data):
        reader.keep(data, at)
    return found


class Row:
    """One row of the worker's, with its payload as octets."""

    def __init__(self, kind, connection, payload):
        self.kind, self.connection, self.payload = NAMES[kind], connection, payload

    def __repr__(self):
        return f'{self.kind} {self.connection} {self.payload!r}'

    def json(self):
        return json.loads(self.payload)


class Worker:
    """A worker that runs the files of one app. Use it in a with statement.

    files: {name: text}; hooks: {endpoint: {hook: text or list of steps}}.
    """

    def __init__(self, files, hooks, python=sys.executable, dirs=None, environment=None):
        self.folder = tempfile.TemporaryDirectory()
        for name, text in files.items():
            self.save(name, text)
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.reader = rows.Reader()
        self.waiting = []
        self.log = tempfile.TemporaryFile()
        # The child gets the link as descriptor 3, whatever number it has here.
        code = f'import os; os.dup2({theirs.fileno()}, 3); os.execv({python!r}, [{python!r}, {FOLDER!r}])'
        self.process = subprocess.Popen([sys.executable, '-c', code], pass_fds=[theirs.fileno()], cwd=self.folder.name,
                                        stdout=self.log, stderr=self.log, env={**os.environ, **(environment or {})})
        theirs.close()
        endpoints = [{'name': name, 'kwargs': {'limit': 3}, 'hooks': {hook: steps(what) for hook, what in group.items()}}
                     for name, group in hooks.items()]
        self.send(rows.CONFIG, 0, json.dumps({
            'version': rows.VERSION, 'name': 'w1', 'dirs': dirs or [self.folder.name], 'path': [], 'endpoints': endpoints}).encode())
        self.loaded = self.next('LOADED').json()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.log.closed:
            return
        self.socket.close()
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            self.log.close()
            self.folder.cleanup()

    def save(self, name, text):
        path = os.path.join(self.folder.name, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'w') as file:
            file.write(text)
        return path

    def send(self, kind, connection, payload=b''):
        self.socket.sendall(rows.pack(kind, connection, payload))

    def head(self, endpoint, number, session='s1', values=None, **more):
        head = {'endpoint': endpoint, 'id': str(number), 'session': {'id': session, 'values': values or {}},
                'subprotocol': '', 'subprotocols': [], 'path_args': [], 'path_kwargs': {}}
        request = {'method': 'GET', 'uri': '/x?a=1&a=2', 'path': '/x', 'query': 'a=1&a=2', 'host': 'localhost:9988',
                   'protocol': 'http', 'remote_ip': '127.0.0.1', 'headers': [['Cookie', 'sid=abc; b="c d"']], 'body': ''}
        for name, value in more.items():
            (head if name in head or name == 'user' else request)[name] = value
        text = json.dumps(head).encode()
        return rows.U32.pack(len(text)) + text + json.dumps(request).encode()

    def open(self, endpoint, number, session='s1', values=None, **more):
        self.send(rows.OPEN, number, self.head(endpoint, number, session, values, **more))

    def text(self, number, text):
        self.send(rows.IN_TEXT, number, text.encode())

    def close(self, number, code=1000, reason=''):
        self.send(rows.IN_CLOSE, number, rows.U16.pack(code) + reason.encode())

    def call(self, endpoint, number, hook=2, call=1, **more):
        self.send(rows.CALL, number, rows.U32.pack(call) + bytes([hook]) + self.head(endpoint, number, **more))

    def judge(self, endpoint, number, hook, call=1, **more):
        self.send(rows.CALL, number, rows.U32.pack(call) + bytes([rows.JUDGE]) + rows.str16(hook) + self.head(endpoint, number, **more))

    def reload(self, *names):
        self.send(rows.RELOAD, 0, json.dumps({'paths': [os.path.join(self.folder.name, name) for name in names]}).encode())
        return self.next('RELOADED').json()

    def rows(self):
        """Yield the worker's rows as they come; fail if none comes."""
        deadline = time.monotonic() + PATIENCE
        while True:
            while self.waiting:
                yield self.waiting.pop(0)
            if not select.select([self.socket], [], [], max(0, deadline - time.monotonic()))[0]:
                raise AssertionError('the worker says nothing; it printed:\n' + self.printed())
            data = self.socket.recv(1 << 20)
            if not data:
                raise AssertionError('the worker has left; it printed:\n' + self.printed())
            self.waiting += [Row(*row) for row in cut(self.reader, data)]

    def next(self, kind, connection=None):
        """Return the next row of that kind (and connection); keep the others for later."""
        skipped = []
        try:
            for row in self.rows():
                if row.kind == kind and connection in (None, row.connection):
                    return row
                skipped.append(row)
        finally:
            self.waiting[:0] = skipped

    def until(self, kind, connection=None):
        """Return all rows up to the next of that kind (and connection)."""
        found = []
        for row in self.rows():
            found.append(row)
            if row.kind == kind and connection in (None, row.connection):
                return found

    def wait_printed(self, text):
        """Wait until the process has written text to its standard output or error."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.printed():
            if time.monotonic() > deadline:
                raise AssertionError(f'{text!r} was not printed, but:\n{self.printed()}')
            time.sleep(0.01)

    def printed(self):
        self.log.seek(0)
        return self.log.read().decode('utf-8', 'replace')


def steps(what):
    if isinstance(what, str):
        what = [{'function': what}]
    return [{'name': '', 'args': None, 'kwargs': None, 'where': 'gramex.yaml:9:19', **step} for step in what]
