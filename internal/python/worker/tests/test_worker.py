"""A whole worker, over a real link."""

import json
import os
import re
import signal
import unittest

from tests import peer
from tests.peer import Worker
from parley_worker import rows

STRICT = {'PYTHONWARNINGS': 'error', 'PYTHONDEVMODE': '1'}

# The begin of a module that leaves functions little time after their connection's end.
HASTE = '''
import asyncio
from parley_worker import here
here.worker.patience.grace = 0.05
'''


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


class Start(unittest.TestCase):
    def test_a_config_that_cannot_be_used_ends_the_worker(self):
        with self.assertRaisesRegex(AssertionError, r'(?s)has left.*Traceback.*TypeError'):
            Worker({}, {}, dirs=[5])


class Base(unittest.TestCase):
    def app(self, text, hooks=('open', 'on_message', 'on_close', 'on_pong'), environment=STRICT, **more):
        """Start a worker whose endpoint e has the functions that the module bot defines."""
        hooks = {hook: f'bot.{hook}' for hook in hooks if re.search(rf'def {hook}\b', text)}
        worker = Worker({'bot.py': text, **more}, {'e': hooks}, environment=environment)
        worker.__enter__()
        self.addCleanup(worker.__exit__)
        self.assertEqual(worker.loaded['faults'], [])
        return worker


class Life(Base):
    def test_a_connections_functions_run_in_order(self):
        worker = self.app('''
def open(handler): handler.seen = ['open']; handler.write_message(handler.session['id'])
def on_message(handler, message): handler.seen.append(message)
def on_pong(handler, data): handler.seen.append(data)
def on_close(handler): print(handler.seen, handler.close_code, handler.close_reason)
''')
        worker.open('e', 1)
        worker.text(1, 'é')
        worker.send(rows.IN_BINARY, 1, b'\xff')
        worker.send(rows.PONG, 1, b'p')
        worker.close(1, 4001, 'bye')
        found = worker.until('ENDED', 1)
        self.assertEqual(kinds(found), ['TEXT', 'DONE', 'DONE', 'LOG', 'ENDED'])
        self.assertEqual([row.payload for row in found],
                         [b's1', done(2), done(1), r"['open', 'é', b'\xff', b'p'] 4001 bye".encode(), b''])

    def test_without_functions(self):
        worker = self.app('')
        worker.open('e', 1)
        worker.text(1, 'abc')
        worker.send(rows.PONG, 1)
        worker.close(1, 1005)
        self.assertEqual(kinds(worker.until('ENDED', 1)), ['DONE', 'ENDED'])

    def test_codes_that_stand_for_none(self):
        worker = self.app('def on_close(handler): print(handler.close_code, handler.close_reason)')
        for number, code, want in ((1, 1005, b'None None'), (2, 1006, b'1006 None'), (3, 1001, b'1001 None')):
            worker.open('e', number)
            worker.close(number, code)
            self.assertEqual(worker.next('LOG', number).payload, want)

    def test_rows_of_what_has_ended_or_never_was_are_ignored(self):
        worker = self.app('def on_message(handler, message): pass')
        worker.open('e', 1)
        worker.close(1)
        for number in (1, 99):
            worker.text(number, 'x')
            worker.close(number)
            worker.send(rows.DRAINED, number)
            worker.send(rows.FORGET, number)
        worker.send(rows.IN_BEAT, 0, b'12345678')
        self.assertEqual(kinds(worker.until('BEAT')), ['ENDED', 'BEAT'])

    def test_a_plain_value_neither_hangs_nor_kills(self):
        worker = self.app('def on_message(handler, message): return eval(message)')
        worker.open('e', 1)
        for text in ('5', '"x"', '[1]', 'object', 'lambda: 1', 'handler', 'Ellipsis', 'int'):
            worker.text(1, text)
            self.assertEqual(kinds(worker.until('DONE')), ['DONE'])

    def test_a_generator_is_an_error_that_names_the_function(self):
        worker = self.app('def on_message(handler, message): yield 1')
        worker.open('e', 1)
        worker.text(1, 'abc')
        self.assertIn('bot.on_message is a generator function', fail(worker.next('FAIL', 1))[2])

    def test_async_functions_are_serial_while_others_go_on(self):
        worker = self.app('''
import asyncio
gates = {}
async def on_message(handler, message):
    print('begin', message)
    if message != 'go':
        gate = gates[message] = asyncio.Event()
        await gate.wait()
    else:
        gates['wait'].set()
    print('end', message)
''')
        worker.open('e', 1)
        worker.open('e', 2)
        worker.text(1, 'wait')
        worker.text(1, 'go')  # comes only after the one before it
        worker.close(1)
        worker.text(2, 'go')
        found = worker.until('ENDED', 1)
        log = [(row.connection, row.payload.decode()) for row in found if row.kind == 'LOG']
        self.assertEqual(log, [(1, 'begin wait'), (2, 'begin go'), (2, 'end go'), (1, 'end wait'), (1, 'begin go'),
                               (1, 'end go')])
        self.assertEqual(kinds(row for row in found if row.connection == 1 and row.kind != 'LOG'), ['DONE', 'DONE', 'ENDED'])

    def test_async_open_ends_before_the_first_message_and_on_close_is_awaited(self):
        worker = self.app('''
import asyncio
async def open(handler): await asyncio.sleep(0.01); print('open')
async def on_message(handler, message): await asyncio.sleep(0); print(message)
async def on_close(handler): await asyncio.sleep(0.01); print('close')
''')
        worker.open('e', 1)
        worker.text(1, 'm')
        worker.close(1)
        found = worker.until('ENDED')
        self.assertEqual([row.payload for row in found if row.kind == 'LOG'], [b'open', b'm', b'close'])

    def test_a_function_that_waits_for_ever_does_not_keep_on_close(self):
        worker = self.app(HASTE + '''
async def open(handler):
    print('waiting')
    try:
        await asyncio.get_running_loop().create_future()
    finally:
        print('tidied up')
def on_message(handler, message): print('unreachable')
def on_close(handler): print('closed', handler.close_code)
''')
        worker.open('e', 1)
        worker.next('LOG')
        worker.text(1, 'two')
        worker.close(1)
        found = worker.until('ENDED')
        self.assertEqual([(row.kind, row.payload) for row in found if row.kind != 'WARN'],
                         [('LOG', b'tidied up'), ('DONE', done(3)), ('LOG', b'closed 1000'), ('ENDED', b'')])
        self.assertRegex(found[1].payload, b'open of e still waited 0.05 s .* was cancelled')

    def test_messages_that_make_headway_are_not_hurried_after_the_close(self):
        worker = self.app(HASTE + '''
here.worker.patience.grace = 0.4
async def on_message(handler, message):
    await asyncio.sleep(0.1)
    print(message)
''')
        worker.open('e', 1)
        for number in range(5):  # together longer than the grace
            worker.text(1, str(number))
        worker.close(1)
        found = worker.until('ENDED')
        self.assertEqual([row.payload for row in found if row.kind == 'LOG'], [b'0', b'1', b'2', b'3', b'4'])
        self.assertNotIn('WARN', kinds(found))

    def test_a_function_that_cannot_be_cancelled_is_left_behind(self):
        worker = self.app(HASTE + '''
gate = asyncio.Event()
async def on_message(handler, message):
    if message == 'free':
        gate.set()
    while not gate.is_set():
        try:
            await gate.wait()
        except asyncio.CancelledError:
            print('no')
    print('the end of', message)
    1 / (message != 'stuck')
def on_close(handler): print('closed', handler.close_code)
''')
        worker.open('e', 1)
        worker.text(1, 'stuck')
        worker.text(1, 'never')
        worker.close(1)
        found = worker.until('ENDED')
        self.assertEqual(kinds(found), ['LOG', 'WARN', 'DONE', 'DONE', 'LOG', 'ENDED'])
        self.assertEqual([row.payload for row in found if row.kind in ('LOG', 'DONE')],
                         [b'no', done(5), done(5), b'closed 1000'])
        self.assertRegex(found[1].payload, b'on_message of e still waited .* on_close runs without its end')
        worker.open('e', 2)
        worker.text(2, 'free')
        self.assertEqual([worker.next('LOG').payload for _ in range(2)], [b'the end of free', b'the end of stuck'])
        self.assertEqual(fail(worker.next('FAIL'))[:3], (0, 0, 'on_message: ZeroDivisionError: division by zero'))

    def test_on_close_may_wait_as_long_as_it_likes(self):
        worker = self.app(HASTE + '''
async def on_message(handler, message): await asyncio.sleep(0.001)
async def on_close(handler): await asyncio.sleep(0.2); print('closed')
''')
        worker.open('e', 1)
        worker.text(1, 'one')
        worker.close(1)
        self.assertEqual(kinds(worker.until('ENDED')), ['DONE', 'LOG', 'ENDED'])

    def test_an_app_that_closes_gets_no_more_messages(self):
        worker = self.app('''
def on_message(handler, message):
    handler.close(4001, 'enough')
    print(message)
def on_pong(handler, data): print('pong')
def on_close(handler): print('closed')
''')
        worker.open('e', 1)
        worker.text(1, 'one')
        worker.text(1, 'two!')
        worker.send(rows.PONG, 1)
        worker.close(1, 4001)
        found = worker.until('ENDED')
        self.assertEqual([(row.kind, row.payload) for row in found],
                         [('CLOSE', rows.U16.pack(4001) + b'enough'), ('LOG', b'one'), ('DONE', done(3)),
                          ('DONE', done(4)), ('LOG', b'closed'), ('ENDED', b'')])

    def test_context_variables_of_the_app_belong_to_a_connection(self):
        worker = self.app('''
import contextvars
name = contextvars.ContextVar('name', default='nobody')
def on_message(handler, message):
    print(name.get())
    name.set(message)
''')
        for number in (1, 2):
            worker.open('e', number)
        for number in (1, 2, 1):
            worker.text(number, f'm{number}')
        self.assertEqual([worker.next('LOG').payload for _ in range(3)], [b'nobody', b'nobody', b'm1'])

    def test_nothing_of_a_connection_stays(self):
        text = '''
import gc, weakref
gc.disable()
handlers = weakref.WeakSet()
def open(handler): handlers.add(handler); handler.session['n'] = []; handler.request
async def on_message(handler, message):
    handler.write_message(message)
    1 / (message != 'raise')
def select_subprotocol(handler, offered): handlers.add(handler)
def count(handler):
    from parley_worker import here
    return [len(handlers), len(here.worker.connections), len(here.worker._sessions), len(here.worker._members)]
'''
        hooks = {'e': {hook: f'bot.{hook}' for hook in ('open', 'on_message', 'select_subprotocol')},
                 'f': {'function': 'bot.count'}}
        with Worker({'bot.py': text}, hooks) as worker:
            worker.call('e', 500, 1)
            worker.next('REPLY')
            worker.send(rows.FORGET, 500)
            for number in range(1, 20):
                worker.open('e', number, f's{number}')
                worker.text(number, 'raise' if number % 2 else 'x')
                if number % 3:
                    worker.next('DONE')
                worker.close(number)
                worker.until('ENDED', number)
            worker.call('f', 1000, session='s1000')
            self.assertEqual(reply(worker.next('REPLY'))[4], b'[0, 0, 1, 0]')


class Failure(Base):
    def test_a_function_that_raises(self):
        worker = self.app('''
def on_message(handler, message):
    print('first')
    raise ValueError('a\\nb')
def on_close(handler): print('closed')
''')
        worker.open('e', 1)
        worker.text(1, 'abc')
        worker.text(1, 'four')
        worker.close(1)
        found = worker.until('ENDED')
        self.assertEqual(kinds(found), ['LOG', 'FAIL', 'DONE', 'DONE', 'LOG', 'ENDED'])
        hook, size, message, trace = fail(found[1])
        self.assertEqual((hook, size, message), (2, 3, 'ValueError: a'))
        self.assertEqual(trace.splitlines()[0], 'Traceback (most recent call last):')
        self.assertEqual(re.findall('File "(.*)", line (.*), in (.*)', trace),
                         [(os.path.join(worker.folder.name, 'bot.py'), '4', 'on_message')])

    def test_each_hook_has_its_number(self):
        text = '''
def {0}(handler, *args): 1 / 0
'''
        for hook, number in (('open', 1), ('on_message', 2), ('on_close', 3), ('on_pong', 4)):
            for kind in ('', 'async '):
                with self.subTest(kind + hook):
                    worker = self.app(kind + text.format(hook).strip(), (hook,))
                    worker.open('e', 1)
                    worker.text(1, 'abc')
                    worker.send(rows.PONG, 1, b'')
                    worker.close(1)
                    found = worker.until('ENDED')
                    self.assertEqual([fail(row)[:3] for row in found if row.kind == 'FAIL'],
                                     [(number, 3 if number == 2 else 0, 'ZeroDivisionError: division by zero')])
                    self.assertEqual(kinds(found).count('DONE'), 1)

    def test_open_that_raises(self):
        worker = self.app('''
def open(handler): handler.write_message('hi'); 1 / 0
def on_message(handler, message): print('never')
def on_close(handler): print('closed')
''')
        worker.open('e', 1)
        worker.text(1, 'abc')
        worker.close(1)
        self.assertEqual(kinds(worker.until('ENDED')), ['TEXT', 'FAIL', 'DONE', 'LOG', 'ENDED'])

    def test_what_would_end_a_process_does_not(self):
        worker = self.app('''
import asyncio, sys
def on_message(handler, message): eval(message)
class Own(BaseException): pass
def do(error): raise error
async def later(error):
    await asyncio.sleep(0)
    raise error
def start(error): asyncio.create_task(later(error))
def soon(error): asyncio.get_running_loop().call_soon(do, error)
async def on_pong(handler, data): await later(eval(data))
def function(handler): sys.exit(3)
''')
        for error in ('SystemExit(3)', 'KeyboardInterrupt()', 'Own()', 'asyncio.CancelledError()', 'GeneratorExit()'):
            with self.subTest(error):
                name = error.partition('(')[0].rpartition('.')[2]
                worker.open('e', 1)
                worker.text(1, f'do({error})')
                self.assertIn(name, fail(worker.next('FAIL', 1))[2])
                worker.close(1)
                worker.until('ENDED')
                worker.open('e', 1)
                worker.send(rows.PONG, 1, error.encode())
                self.assertIn(name, fail(worker.next('FAIL', 1))[2])
                worker.close(1)
                worker.until('ENDED')
        for error in ('SystemExit(3)', 'KeyboardInterrupt()', 'ValueError(3)'):
            for start in ('soon({})', 'start({})'):
                with self.subTest(start=start, error=error):
                    worker.open('e', 1)
                    worker.text(1, start.format(error))
                    row = worker.next('FAIL')
                    hook, _, message, trace = fail(row)
                    if start.startswith('start') or 'Value' in error:
                        self.assertEqual(row.connection, 1)
                    self.assertEqual((hook, message.split(': ')[:2]), (0, ['a task or callback', error.partition('(')[0]]))
                    self.assertIn('in later' if start.startswith('start') else 'in do', trace)
                    worker.close(1)
                    self.assertNotIn('FAIL', kinds(worker.until('ENDED')))
        self.assertIsNone(worker.process.poll())

    def test_an_endpoint_with_a_fault_refuses_and_does_not_hang(self):
        hooks = {'e': {'open': 'bot.open', 'on_message': 'bot.on_message', 'on_close': 'bot.('},
                 'f': {'function': 'bot.nothing', 'select_subprotocol': 'a b'}}
        with Worker({'bot.py': 'def open(handler): pass'}, hooks, environment=STRICT) as worker:
            faults = {fault['hook']: fault for fault in worker.loaded['faults']}
            self.assertEqual(set(faults), {'on_message', 'on_close', 'function', 'select_subprotocol'})
            self.assertEqual(faults['on_message'], {
                'endpoint': 'e', 'hook': 'on_message', 'where': 'gramex.yaml:9:19', 'traceback': '',
                'message': 'module bot (bot.py) has no on_message'})
            worker.open('e', 1)
            worker.text(1, 'abc')
            worker.close(1)
            found = worker.until('ENDED')
            self.assertEqual(kinds(found), ['FAIL', 'DONE', 'FAIL', 'ENDED'])
            self.assertIn('module bot (bot.py) has no on_message', fail(found[0])[2])
            worker.call('f', 2)
            self.assertEqual(reply(worker.next('REPLY'))[1:], (2, 0, {}, b'module bot (bot.py) has no nothing'))
            worker.call('f', 3, 1)
            self.assertEqual(reply(worker.next('REPLY'))[1], 2)

    def test_a_mistake_in_a_row_concerns_that_row(self):
        worker = self.app('def on_message(handler, message): handler.write_message(message)')
        worker.send(99, 1, b'')
        worker.open('nothing', 1)
        for _ in range(2):
            self.assertIn('the worker, at row', fail(worker.next('FAIL', 0))[2])
        worker.open('e', 2)
        worker.text(2, 'x')
        self.assertEqual(kinds(worker.until('DONE')), ['TEXT', 'DONE'])

    def test_a_text_of_an_error_that_raises(self):
        worker = self.app('''
class Odd(Exception):
    def __str__(self): raise ValueError
def on_message(handler, message): raise Odd
''')
        worker.open('e', 1)
        worker.text(1, 'abc')
        self.assertEqual(fail(worker.next('FAIL'))[2], 'bot.Odd: (its text cannot be made: ValueError)')

    def test_a_huge_error_is_cut(self):
        worker = self.app('def on_message(handler, message): raise ValueError("x" * (64 << 20))')
        worker.open('e', 1)
        worker.text(1, 'abc')
        self.assertLess(len(worker.next('FAIL').payload), 100_000)

    def test_too_deep(self):
        worker = self.app('def on_message(handler, message): on_message(handler, message)')
        worker.open('e', 1)
        worker.text(1, 'abc')
        self.assertIn('RecursionError', fail(worker.next('FAIL'))[2])


class Writing(Base):
    def test_after_close_it_raises_for_the_app_that_closed(self):
        worker = self.app('''
def on_message(handler, message):
    handler.close()
    handler.write_message('late')
''')
        worker.open('e', 1)
        worker.text(1, 'abc')
        self.assertRegex(fail(worker.next('FAIL'))[2], r'^tornado.websocket.WebSocketClosedError: connection 1 is closed')

    def test_the_peers_leaving_is_quiet(self):
        worker = self.app('''
import asyncio
waits = []
async def on_message(handler, message):
    if message == 'go':
        waits.pop().set()
        return
    gate = asyncio.Event()
    waits.append(gate)
    asyncio.create_task(tells(handler, gate))
    await gate.wait()
    handler.write_message('late')
async def tells(handler, gate):
    await gate.wait()
    handler.write_message('late')
def on_close(handler):
    from tornado.websocket import WebSocketClosedError
    try: handler.write_message('x')
    except WebSocketClosedError: print('closed')
    handler.write_message('x')
''')
        worker.open('e', 1)
        worker.open('e', 2)
        worker.text(1, 'wait')
        worker.close(1)
        worker.text(2, 'go')
        found = worker.until('ENDED', 1)
        self.assertEqual([row.kind for row in found if row.connection == 1], ['DONE', 'LOG', 'ENDED'])
        worker.send(rows.IN_BEAT, 0, b'12345678')
        self.assertNotIn('FAIL', kinds(worker.until('BEAT')))

    def test_awaited_writes_wait_for_room(self):
        worker = self.app('''
async def on_message(handler, message):
    for at in range(6):
        await handler.write_message(str(at) * 40_000)
''')
        worker.open('e', 1)
        worker.text(1, 'go')
        for want in (['TEXT', 'TEXT', 'WAIT'], ['TEXT', 'TEXT', 'WAIT'], ['TEXT', 'TEXT', 'WAIT']):
            self.assertEqual(kinds(worker.until('WAIT')), want)
            worker.send(rows.IN_BEAT, 0, b'12345678')
            self.assertEqual(kinds(worker.until('BEAT')), ['BEAT'])
            worker.send(rows.DRAINED, 1)
        self.assertEqual(kinds(worker.until('DONE')), ['DONE'])

    def test_nothing_is_said_of_what_is_not_awaited(self):
        worker = self.app('''
import gc
def on_message(handler, message):
    handler.write_message(message)
    handler.write_message({'a': 1})
    gc.collect()
async def on_pong(handler, data):
    handler.write_message('p')
    gc.collect()
''')
        worker.open('e', 1)
        worker.text(1, 'x')
        worker.send(rows.PONG, 1)
        for _ in range(3):
            worker.next('TEXT')
        worker.close(1)
        self.assertEqual(kinds(worker.until('ENDED')), ['DONE', 'ENDED'])
        self.assertEqual(worker.printed(), '')

    def much(self, text):
        """Let a function write 64 MiB to a server that reads slowly; return how much the worker has grown."""
        worker = self.app(text, environment=None)

        def peak():
            with open(f'/proc/{worker.process.pid}/status') as status:
                return int(re.search(r'VmHWM:\s+(\d+) kB', status.read())[1]) << 10
        worker.open('e', 1)
        worker.text(1, 'once')
        worker.until('DONE')
        before, got = peak(), 0
        worker.text(1, 'go')
        for row in worker.rows():
            if row.kind == 'DONE':
                break
            got += len(row.payload)
        self.assertEqual(got, 64 << 20)
        return peak() - before

    def test_a_function_that_writes_much_waits_for_the_server(self):
        self.assertLess(self.much('''
def on_message(handler, message):
    if message == 'go':
        for _ in range(1024): handler.write_message('x' * 65536)
'''), 16 << 20)

    def test_a_thread_that_writes_much_waits_for_the_server(self):
        self.assertLess(self.much('''
import asyncio
def much(handler):
    for _ in range(1024): handler.write_message('x' * 65536)
async def on_message(handler, message):
    if message == 'go':
        await asyncio.to_thread(much, handler)
'''), 16 << 20)

    def test_rows_of_many_threads_stay_whole(self):
        worker = self.app('''
import threading
def on_message(handler, message):
    def write(n):
        for at in range(500): handler.write_message(f'{n} {at} ' + 'x' * 3000)
    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
''')
        worker.open('e', 1)
        worker.text(1, 'go')
        found = worker.until('DONE')
        for n in range(4):
            mine = [row.payload for row in found if row.payload.startswith(b'%d ' % n) and row.kind == 'TEXT']
            self.assertEqual(mine, [f'{n} {at} '.encode() + b'x' * 3000 for at in range(500)])


class Printing(Base):
    def test_it_belongs_to_the_connection_whose_code_prints(self):
        worker = self.app('''
import asyncio, sys, threading
print('at import')
async def task(handler):
    await asyncio.sleep(0)
    print('task', end=' ')
    await asyncio.sleep(0)
    print('goes on', end='')
async def on_message(handler, message):
    print('sync', end=' '); print('end', end='')
    sys.stdout.buffer.write(b' octets\\n')
    print('err', file=sys.stderr)
    await asyncio.to_thread(print, 'thread')
    await asyncio.create_task(task(handler))
    print('rest', end='')
def on_pong(handler, data):
    thread = threading.Thread(target=print, args=('nobody',))
    thread.start(); thread.join()
''')
        self.assertEqual([(row.connection, row.payload) for row in worker.waiting], [(0, b'at import')])
        worker.waiting.clear()
        worker.open('e', 7)
        worker.text(7, 'x')
        found = worker.until('DONE')
        self.assertEqual([(row.connection, row.payload) for row in found],
                         [(7, b'sync end octets'), (7, b'err'), (7, b'thread'), (7, b'task goes on'), (7, b'rest'),
                          (7, done(1))])
        worker.send(rows.PONG, 7)
        self.assertEqual(worker.next('LOG').connection, 0)
        self.assertEqual(worker.printed(), '')

    def test_flush_sends_what_is_printed_at_once(self):
        worker = self.app('''
import os, time
def on_message(handler, message):
    print('works', flush=True)
    while not os.path.exists(message): time.sleep(0.01)
''')
        worker.open('e', 1)
        worker.text(1, os.path.join(worker.folder.name, 'mark'))
        self.assertEqual(kinds(worker.until('LOG')), ['LOG'])
        worker.save('mark', '')
        self.assertEqual(kinds(worker.until('DONE')), ['DONE'])

    def test_the_real_streams_and_subprocesses_reach_the_pipe(self):
        worker = self.app('''
import subprocess, sys
def on_message(handler, message):
    print('real', file=sys.__stdout__)
    subprocess.run(['echo', 'child'], stdout=sys.stdout)
''')
        worker.open('e', 1)
        worker.text(1, 'x')
        worker.until('DONE')
        self.assertEqual(worker.printed().split(), ['real', 'child'])

    def test_logging(self):
        worker = self.app('''
import logging
logging.basicConfig(format='%(levelname)s %(message)s')
def on_message(handler, message): logging.warning(message)
''')
        worker.open('e', 1)
        worker.text(1, 'hear')
        self.assertEqual(worker.next('LOG', 1).payload, b'WARNING hear')


class Calls(Base):
    def functions(self, code, **hooks):
        worker = Worker({'bot.py': code}, {name: group if isinstance(group, dict) else {'function': group}
                                           for name, group in hooks.items()}, environment=STRICT)
        self.addCleanup(worker.__exit__)
        return worker

    def test_values(self):
        worker = self.functions('''
async def later(handler): return 'later'
def page(handler):
    handler.set_status(201)
    handler.set_header('X-A', 'b')
    return handler.request.method + handler.args['a'][0]
def shows(handler): print('shown', end=''); handler.session['n'] = 1; return {1, 2}
def broken(handler): raise KeyError('k')
def generates(handler): yield 1
''', none='None', text='"é"', octets='b"\\xff"', json='{"a": [1]}', later='bot.later', page='bot.page', shows='bot.shows',
            broken='bot.broken', generates='bot.generates', nothing='bot.nothing')
        usual = {'status': 0, 'headers': []}
        for at, (name, want) in enumerate({
            'none': (0, 0, usual, b''), 'text': (0, 1, usual, 'é'.encode()), 'octets': (0, 2, usual, b'\xff'),
            'json': (0, 3, usual, b'{"a": [1]}'), 'later': (0, 1, usual, b'later'),
            'page': (0, 1, {'status': 201, 'headers': [['X-A', 'b']]}, b'GET1'),
            'nothing': (2, 0, {}, b'module bot (bot.py) has no nothing'),
        }.items()):
            with self.subTest(name):
                worker.call(name, 50 + at, call=70 + at)
                found = worker.next('REPLY', 50 + at)
                self.assertEqual(reply(found), (70 + at, *want))
        for name, message in (('broken', "KeyError: 'k'"), ('shows', 'TypeError: Object of type set is not'),
                              ('generates', 'TypeError: bot.generates is a generator function')):
            with self.subTest(name):
                worker.call(name, 90)
                _, status, kind, _, value = reply(worker.next('REPLY', 90))
                size = rows.U32.unpack_from(value)[0]
                self.assertEqual((status, kind), (1, 0))
                self.assertTrue(value[4:4 + size].decode().startswith(message))
                self.assertIn('Error', value[4 + size:].decode())
        self.assertEqual((worker.next('LOG').payload, worker.next('SESSION').connection), (b'shown', 90))

    def test_calls_wait_beside_each_other(self):
        worker = self.functions('''
import asyncio
gate = None
async def waits(handler):
    global gate
    gate = asyncio.Event()
    await gate.wait()
    return 'waited'
def opens(handler): gate.set()
''', waits='bot.waits', opens='bot.opens')
        worker.call('waits', 1, call=1)
        worker.call('opens', 2, call=2)
        self.assertEqual([reply(worker.next('REPLY'))[0] for _ in range(2)], [2, 1])

    def test_select_subprotocol_and_open_share_the_handler(self):
        worker = self.functions('''
import asyncio
async def select_subprotocol(handler, offered):
    await asyncio.sleep(0)
    handler.mine = offered
    return offered[-1]
def open(handler): print(handler.mine, handler.selected_subprotocol, handler.session['id'])
''', e={'select_subprotocol': 'bot.select_subprotocol', 'open': 'bot.open'})
        worker.call('e', 4, 1, call=9, subprotocols=['a', 'b'])
        self.assertEqual(reply(worker.next('REPLY')), (9, 0, 1, {}, b'b'))
        worker.open('e', 4, subprotocol='b')
        self.assertEqual(worker.next('LOG', 4).payload, b"['a', 'b'] b s1")
        worker.close(4)
        worker.until('ENDED', 4)

    def test_a_handshake_that_is_forgotten_while_it_runs(self):
        worker = self.functions('''
import asyncio
gate = None
async def select_subprotocol(handler, offered):
    global gate
    gate = asyncio.Event()
    await gate.wait()
    handler.session['late'] = 1
    return 'x'
def free(handler): gate.set()
''', e={'select_subprotocol': 'bot.select_subprotocol'}, f='bot.free')
        worker.call('e', 1, 1, call=1)
        worker.send(rows.FORGET, 1)
        worker.call('f', 2, call=2, session='s2')
        found = worker.until('REPLY', 1)
        self.assertEqual(kinds(found), ['REPLY', 'REPLY'])


class SessionRows(Base):
    def changes(self, found):
        result = []
        for row in found:
            if row.kind == 'SESSION':
                size = rows.U16.unpack_from(row.payload)[0]
                result.append((row.connection, row.payload[2:2 + size].decode(), json.loads(row.payload[2 + size:])))
        return result

    def said(self, worker, own, session='s1', **sets):
        worker.send(rows.IN_SESSION, 0, bytes([own]) + rows.str16(session) + json.dumps({'set': sets, 'delete': []}).encode())

    text = '''
import asyncio
def on_message(handler, message):
    result = eval(message)
    if result is not None: print(result)
async def later(handler):
    await asyncio.sleep(0)
    handler.session['cart'].append('later')
def start(handler): handler.task = asyncio.create_task(later(handler))
def on_close(handler): handler.session['closed'] = True
'''

    def test_changes_come_after_the_function_and_before_done(self):
        worker = self.app(self.text)
        worker.open('e', 1, values={'cart': [1], 'gone': 1})
        worker.text(1, "handler.session.update(a='é', b=None); handler.session['cart'].append(2); del handler.session['gone']"
                    .replace('; ', ', ').replace("del handler.session['gone']", "handler.session.pop('gone')").join('()')
                    + ' and None')
        found = worker.until('DONE')
        self.assertEqual(kinds(found), ['SESSION', 'DONE'])
        self.assertEqual(self.changes(found),
                         [(1, 's1', {'set': {'a': 'é', 'b': None, 'cart': [1, 2]}, 'delete': ['gone']})])

    def test_it_is_shared_by_the_sessions_connections(self):
        worker = self.app(self.text)
        for number, session in ((1, 's1'), (2, 's1'), (3, 's2')):
            worker.open('e', number, session)
        worker.text(1, "handler.session.update(a=5)")
        worker.text(2, "handler.session['a']")
        worker.text(3, "'a' in handler.session")
        self.assertEqual([worker.next('LOG').payload for _ in range(2)], [b'5', b'False'])

    def test_the_servers_changes(self):
        worker = self.app(self.text)
        worker.open('e', 1)
        self.said(worker, 0, a=[7])
        worker.text(1, "handler.session['a']")
        self.assertEqual(worker.next('LOG').payload, b'[7]')
        worker.text(1, "handler.session.update(a=8)")
        worker.until('SESSION')
        self.said(worker, 0, a=9)
        worker.text(1, "handler.session['a']")
        self.assertEqual(worker.next('LOG').payload, b'8')
        self.said(worker, 1, a=8)
        self.said(worker, 0, a=10)
        self.said(worker, 0, 'other', a=11)
        worker.text(1, "handler.session['a']")
        self.assertEqual(worker.next('LOG').payload, b'10')

    def test_what_json_cannot_carry(self):
        worker = self.app(self.text)
        worker.open('e', 1, values={'cart': []})
        worker.text(1, "handler.session.update(x=object())")
        self.assertIn("session key 'x'", fail(worker.next('FAIL'))[2])
        worker.open('e', 2, values={'cart': []})
        worker.text(2, "handler.session['cart'].append(object())")
        self.assertIn("SessionError: session key 'cart'", fail(worker.next('FAIL'))[2])

    def test_changes_by_a_task_and_by_on_close(self):
        worker = self.app(self.text)
        worker.open('e', 1, values={'cart': []})
        worker.text(1, 'start(handler)')
        self.assertEqual(self.changes(worker.until('SESSION')), [(1, 's1', {'set': {'cart': ['later']}, 'delete': []})])
        worker.close(1)
        found = worker.until('ENDED')
        self.assertEqual(self.changes(found), [(1, 's1', {'set': {'closed': True}, 'delete': []})])

    def test_a_task_that_outlives_its_connection_changes_it_for_another(self):
        worker = self.app('''
import asyncio
def on_close(handler): asyncio.create_task(later(handler))
async def later(handler):
    handler.session['late'] = 1
''')
        worker.open('e', 1)
        worker.open('e', 2)
        worker.open('e', 3, 's3')
        worker.close(3)
        worker.close(1)
        self.assertEqual([(number, id) for number, id, _ in self.changes(worker.until('SESSION'))], [(2, 's1')])


class Control(Base):
    def test_beat(self):
        worker = self.app('')
        worker.send(rows.IN_BEAT, 0, b'\1\2\3\4\5\6\7\x08')
        self.assertEqual(worker.next('BEAT', 0).payload, b'\1\2\3\4\5\6\7\x08')

    def test_loaded(self):
        worker = self.app('def open(handler): pass')
        self.assertEqual({key: worker.loaded[key] for key in ('version', 'pid', 'modules', 'faults')}, {
            'version': rows.VERSION, 'pid': worker.process.pid, 'faults': [],
            'modules': {'bot': os.path.realpath(os.path.join(worker.folder.name, 'bot.py'))}})
        self.assertRegex(worker.loaded['python'], r'^3\.\d+\.\d+')

    def test_reload_is_seen_by_open_connections_and_repairs(self):
        hooks = {'e': {'on_message': 'bot.on_message'}, 'f': {'on_message': 'other.on_message'}}
        files = {'bot.py': 'def on_message(handler, message): handler.write_message("old")', 'other.py': 'def on_message(:'}
        with Worker(files, hooks, environment=STRICT) as worker:
            self.assertEqual([fault['endpoint'] for fault in worker.loaded['faults']], ['f'])
            worker.open('e', 1)
            worker.save('bot.py', files['bot.py'].replace('old', 'new'))
            told = worker.reload('bot.py')
            self.assertEqual((told['reloaded'], told['failed'], [fault['endpoint'] for fault in told['faults']]),
                             (['bot'], {}, ['f']))
            worker.text(1, 'x')
            self.assertEqual(worker.next('TEXT').payload, b'new')
            worker.save('bot.py', '1 / 0')
            worker.save('other.py', files['bot.py'])
            told = worker.reload('bot.py', 'other.py')
            self.assertEqual((told['reloaded'], list(told['failed']), told['faults']), (['other'], ['bot'], []))
            worker.text(1, 'x')
            self.assertEqual(worker.next('TEXT').payload, b'new')
            worker.save('bot.py', 'x = 1')
            self.assertEqual([fault['message'] for fault in worker.reload('bot.py')['faults']],
                             ['module bot (bot.py) has no on_message'])
            worker.text(1, 'x')
            self.assertIn('has no on_message', fail(worker.next('FAIL', 1))[2])

    def test_modules_may_have_the_names_of_the_workers(self):
        # Not handler: that is a variable.
        names = ('session', 'link', 'rows', 'connection', 'worker', 'messages', 'request', 'capture', 'expr',
                 'modules', 'runs', 'here', 'rooms', 'timers', 'tasks', 'calls', 'endpoint', 'texts', 'tests', 'peer')
        files = {f'{name}.py': f'def open(handler): print("mine {name}")' for name in names}
        with Worker(files, {name: {'open': f'{name}.open'} for name in names}, environment=STRICT) as worker:
            self.assertEqual(worker.loaded['faults'], [])
            for number, name in enumerate(names, 1):
                worker.open(name, number)
                self.assertEqual(worker.next('LOG', number).payload.decode(), f'mine {name}')

    def test_modules_with_names_of_the_standard_library(self):
        files = {'json.py': 'def open(handler): pass', 'colorsys.py': 'def open(handler): print("mine")'}
        with Worker(files, {'e': {'open': 'json.open'}, 'f': {'open': 'colorsys.open'}}, environment=STRICT) as worker:
            fault, = worker.loaded['faults']
            self.assertIn('which hides json.py', fault['message'])
            worker.open('f', 1)
            self.assertEqual(worker.next('LOG').payload, b'mine')

    def test_the_end_of_the_link_ends_it_at_once(self):
        worker = self.app('''
import threading, time, atexit
atexit.register(print, 'never')
def on_message(handler, message): threading.Thread(target=time.sleep, args=(600,)).start()
def on_close(handler): print('never')
''')
        worker.open('e', 1)
        worker.text(1, 'x')
        worker.until('DONE')
        worker.socket.close()
        self.assertEqual(worker.process.wait(peer.PATIENCE), 0)
        self.assertEqual(worker.printed(), '')

    def test_nonsense_ends_it(self):
        worker = self.app('')
        worker.socket.sendall(b'\xff' * 9)
        self.assertEqual(worker.process.wait(peer.PATIENCE), 1)
        self.assertIn('worker: a row of 4294967295 octets', worker.printed())

    def test_another_version_ends_it(self):
        worker = self.app('')
        worker.send(rows.CONFIG, 0, b'{"version": 1}')
        self.assertEqual(worker.process.wait(peer.PATIENCE), 1)
        self.assertIn('version 1', worker.printed())

    def test_signals(self):
        worker = self.app('def on_message(handler, message): stuck(message)\n'
                          'def stuck(message):\n    import time, os\n    os.write(1, b"stuck\\n")\n'
                          '    while not os.path.exists(message): time.sleep(0.01)\n')
        worker.open('e', 1)
        mark = os.path.join(worker.folder.name, 'mark')
        worker.text(1, mark)
        for number in (signal.SIGINT, signal.SIGTERM):
            worker.process.send_signal(number)
        worker.wait_printed('stuck\n')
        worker.process.send_signal(signal.SIGUSR1)
        worker.wait_printed('in on_message')
        self.assertIn('in stuck', worker.printed())
        worker.save('mark', '')
        self.assertEqual(kinds(worker.until('DONE')), ['DONE'])

    def test_long_batches_do_not_hold_answers_back(self):
        worker = self.app('''
import os, time
def on_message(handler, message):
    if message == 'last':
        while not os.path.exists(handler.mark): time.sleep(0.01)
    else:
        handler.mark = message
        handler.write_message('first')
        time.sleep(0.02)
''')
        mark = os.path.join(worker.folder.name, 'mark')
        worker.open('e', 1)
        worker.socket.sendall(rows.pack(rows.IN_TEXT, 1, mark.encode()) + rows.pack(rows.IN_TEXT, 1, b'last'))
        self.assertEqual(kinds(worker.until('DONE')), ['TEXT', 'DONE'])
        worker.save('mark', '')
        self.assertEqual(kinds(worker.until('DONE')), ['DONE'])


if __name__ == '__main__':
    unittest.main()
