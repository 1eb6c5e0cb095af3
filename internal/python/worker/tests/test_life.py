"""A connection in a whole worker, from its opening to its end."""

import unittest

from tests.base import Base, done, fail, kinds, reply
from tests.peer import Worker
from parley_worker import rows

# The begin of a module that leaves functions little time after their connection's end.
HASTE = '''
import asyncio
from parley_worker import here
here.worker.patience.grace = 0.05
'''


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


if __name__ == '__main__':
    unittest.main()
