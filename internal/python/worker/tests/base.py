"""What the tests of a whole worker share: they run it as a process, over a real link."""

import json
import re
import unittest

from tests.peer import Worker
from parley_worker import rows

STRICT = {'PYTHONWARNINGS': 'error', 'PYTHONDEVMODE': '1'}


def kinds(found):
    return [row.kind for row in found]


def fail(row):
    """(hook, size, message, traceback) of a FAIL."""
    size, length = rows.U32.unpack_from(row.payload, 1)[0], rows.U32.unpack_from(row.payload, 5)[0]
    return row.payload[0], size, row.payload[9:9 + length].decode(), row.payload[9 + length:].decode()


def reply(row):
    """(call, status, kind, {status, headers}, value) of a REPLY."""
    call, status, kind, length = *rows.U32.unpack_from(row.payload), row.payload[4], row.payload[5], \
        rows.U32.unpack_from(row.payload, 6)[0]
    return call, status, kind, json.loads(row.payload[10:10 + length]), row.payload[10 + length:]


def done(size):
    return rows.U32.pack(size)


class Base(unittest.TestCase):
    def app(self, text, hooks=('open', 'on_message', 'on_close', 'on_pong'), environment=STRICT, **more):
        """Start a worker whose endpoint e has the functions that the module bot defines."""
        hooks = {hook: f'bot.{hook}' for hook in hooks if re.search(rf'def {hook}\b', text)}
        worker = Worker({'bot.py': text, **more}, {'e': hooks}, environment=environment)
        worker.__enter__()
        self.addCleanup(worker.__exit__)
        self.assertEqual(worker.loaded['faults'], [])
        return worker
