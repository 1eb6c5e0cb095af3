"""A worker that notes what rooms and timers ask of it, and children to test a library in."""

import os
import subprocess
import sys

FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
if FOLDER not in sys.path:
    sys.path.insert(0, FOLDER)
from parley_worker import handler, here, messages  # noqa: E402

LIBRARY = 'PARLEY_TEST_LIBRARY'  # in a child's environment: 'real' or 'stand-in'
SYSTEM_PYTHON = '/usr/bin/python3'


class Worker:
    """Notes calls; keeps memberships as the real one does."""

    def __init__(self):
        self.calls = []    # (name, arguments)
        self.members = {}  # channel: set of connections
        self.finishing = None  # what finished() returns

    def subscribe(self, connection, channel):
        if connection.live and connection not in self.members.setdefault(channel, set()):
            self.members[channel].add(connection)
            self.calls.append(('subscribe', connection, channel))

    def unsubscribe(self, connection, channel):
        if connection in self.members.get(channel, ()):
            self.members[channel].discard(connection)
            self.calls.append(('unsubscribe', connection, channel))

    def subscribers(self, channel):
        return len(self.members.get(channel, ()))

    def publish(self, channel, kind, data):
        self.calls.append(('publish', channel, kind, data))

    def warn(self, text):
        self.calls.append(('warn', text))

    def raised(self, error, what):
        self.calls.append(('raised', error, what, here.connection.get()))

    def finished(self):
        self.calls.append(('finished', here.connection.get()))
        return self.finishing

    def named(self, *names):
        """The calls of these names, in order."""
        return [call for call in self.calls if call[0] in names]


class Connection:
    """A connection that is open, with its handler."""

    def __init__(self, live=True):
        self.live = live
        self.written = []  # (kind, octets)
        self.link, self.out, self.text_head = self, self, b''
        self.unanswered, self.unsent, self.will_flush = 0, 0, True
        self.handler = handler.SocketHandler.__new__(handler.SocketHandler)
        self.handler._connection = self
        self.handler.name, self.handler.id = 'endpoint', 'id'

    def write(self, kind, data):
        if not self.live:
            raise messages.closed_error()('connection 1 is closed')
        self.written.append((kind, data))

    def extend(self, parts):
        """Take what write_message appends to the link's output."""
        self.written.append((messages.TEXT, parts[2]))


def passes(test, module, library, python):
    """Assert that a test module passes in a child that has the real library, or the stand-in."""
    bare = ['-S'] if library == 'stand-in' else []  # -S: nothing is installed
    child = subprocess.run([python, *bare, '-W', 'error', '-m', 'unittest', module], cwd=FOLDER,
                           env={**os.environ, LIBRARY: library}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                           text=True, timeout=120)
    if child.returncode != 0:
        test.fail(f'{python} with the {library} library:\n{child.stdout}')


def needs(test, name, package):
    """Assert that Debian's Python has a package."""
    child = subprocess.run([SYSTEM_PYTHON, '-c', f'import {name}'], stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, text=True, timeout=60)
    if child.returncode != 0:
        test.fail(f'{SYSTEM_PYTHON} cannot import {name}: install the Debian package {package}\n{child.stdout}')
