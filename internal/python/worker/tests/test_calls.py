"""Functions that a whole worker calls outside a connection, for their answer."""

import unittest

from tests.base import Base, STRICT, kinds, reply
from tests.peer import Worker
from parley_worker import rows


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


if __name__ == '__main__':
    unittest.main()
