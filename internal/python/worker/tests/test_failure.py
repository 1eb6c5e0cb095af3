"""What a whole worker tells of functions that fail."""

import os
import re
import unittest

from tests.base import Base, STRICT, fail, kinds, reply
from tests.peer import Worker
from parley_worker import rows


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


if __name__ == '__main__':
    unittest.main()
