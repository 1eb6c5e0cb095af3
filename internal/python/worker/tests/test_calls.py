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

    def verdict(self, worker, hook='auth.condition', number=9, **more):
        worker.judge('e', number, hook, call=number + 70, **more)
        call, status, kind, head, value = reply(worker.next('REPLY', number))
        self.assertEqual((call, status, kind, head), (number + 70, 0, 3, {}))
        return value

    def test_judges(self):
        worker = self.functions('''
import asyncio
async def later(handler): await asyncio.sleep(0); return handler.session.get('k')
def raises(handler): raise KeyError('k')
class Vague:
    def __bool__(self): raise ValueError('neither')
def vague(handler): return Vague()
def answers(handler): handler.set_status(201)
def generates(handler): yield 1
''', e={'auth.condition': 'handler.current_user.id == "ann"', 'validate.0': 'bot.later', 'validate.1': 'bot.raises',
         'validate.2': 'bot.vague', 'validate.3': 'bot.nothing', 'validate.12': 'handler.path_kwargs["x"]',
         'validate.4': 'bot.answers', 'validate.5': 'bot.generates'})
        self.assertEqual(self.verdict(worker, user={'id': 'ann'}, values={'user': {'id': 'bob'}}), b'true')
        self.assertEqual(self.verdict(worker, values={'user': {'id': 'bob'}}), b'false')
        self.assertEqual(self.verdict(worker, 'validate.0', values={'k': [0]}), b'true')
        self.assertEqual(self.verdict(worker, 'validate.0'), b'false')
        for text, want in (('', b'false'), ('0', b'true'), (None, b'false')):
            self.assertEqual(self.verdict(worker, 'validate.12', path_kwargs={'x': text}), want)
        for hook, message in (('validate.1', "KeyError: 'k'"), ('validate.2', 'ValueError: neither'),
                              ('auth.condition', "AttributeError: 'NoneType' object has no attribute 'id'"),
                              ('validate.4', "AttributeError: 'Handler' object has no attribute 'set_status'"),
                              ('validate.5', 'TypeError: bot.generates is a generator function')):
            worker.judge('e', 8, hook)
            _, status, _, _, value = reply(worker.next('REPLY', 8))
            size = rows.U32.unpack_from(value)[0]
            self.assertEqual(status, 1)
            self.assertTrue(value[4:4 + size].decode().startswith(message), value)
        worker.judge('e', 8, 'validate.3')
        self.assertEqual(reply(worker.next('REPLY', 8))[1:], (2, 0, {}, b'module bot (bot.py) has no nothing'))

    def test_nothing_is_left_of_what_was_judged(self):
        worker = self.functions('''
import gc, weakref
from parley_worker import here
judged = weakref.WeakSet()
async def judge(handler):
    judged.add(handler)
    handler.mine = handler.session['n'] = 1
    if handler.args['a'][0] == '2':
        raise ValueError('no')
def left(handler):
    gc.collect()
    return f'{len(judged)} {len(here.worker.connections)} {len(here.worker._sessions)}'
''', e={'auth.condition': 'bot.judge'}, f='bot.left')
        for number in range(1, 21):
            worker.judge('e', number, 'auth.condition', session=f's{number}', query=f'a={number % 3}')
            self.assertEqual(worker.next('SESSION').connection, number)
            self.assertEqual(reply(worker.next('REPLY', number))[1], 1 if number % 3 == 2 else 0)
        worker.call('f', 99, session='mine')
        self.assertEqual(reply(worker.next('REPLY', 99))[4], b'0 0 1')

    def test_a_judge_may_be_the_first_of_a_connection(self):
        worker = self.functions('''
def judge(handler): handler.mine = 1; return True
def open(handler): print(hasattr(handler, 'mine'), handler.current_user.id)
''', e={'auth.condition': 'bot.judge', 'open': 'bot.open'})
        self.assertEqual(self.verdict(worker, number=4, user={'id': 'ann'}), b'true')
        worker.open('e', 5, user={'id': 'ann'})
        self.assertEqual(worker.next('LOG', 5).payload, b'False ann')


if __name__ == '__main__':
    unittest.main()
