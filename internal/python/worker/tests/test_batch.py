"""Messages that come many at a time."""

import unittest

from tests.peer import Worker
from tests.base import Base, done, kinds
from parley_worker import batch, rows


def texts(*messages):
    """Rows of TEXT for (connection, text)."""
    return b''.join(rows.pack(rows.IN_TEXT, number, text.encode()) for number, text in messages)


class Batches(Base):
    def burst(self, worker, *stream):
        """Send all at once, and return what came up to the answer to the beat behind it."""
        worker.socket.sendall(b''.join(stream) + rows.pack(rows.IN_BEAT, 0, b'12345678'))
        return worker.until('BEAT')[:-1]

    def of(self, found, number):
        return [(row.kind, row.payload) for row in found if row.connection == number]

    def test_every_connection_gets_its_answers_in_order(self):
        worker = self.app('def on_message(handler, message): handler.write_message(message * 2)')
        numbers = range(1, 8)
        for number in numbers:
            worker.open('e', number)
        for runs in (1, 3, batch.MOST, batch.MOST + 1, 2 * batch.MOST, 100):
            said = [f'{turn}:{at} é' for turn in range(2) for at in range(runs)]
            found = self.burst(worker, *(texts(*((number, text) for text in said if text.startswith(f'{turn}:')))
                                         for turn in range(2) for number in numbers))
            for number in numbers:
                mine = self.of(found, number)
                self.assertEqual([payload.decode() for kind, payload in mine if kind == 'TEXT'], [2 * text for text in said])
                self.assertEqual([payload for kind, payload in mine if kind == 'DONE'],
                                 [done(len(text.encode())) for text in said])

    def test_no_message_is_done_before_its_answer(self):
        worker = self.app('def on_message(handler, message): handler.write_message(message)')
        worker.open('e', 1)
        found = self.burst(worker, texts(*((1, 'x' * size) for size in range(200))))
        answers = 0
        for row in found:
            if row.kind == 'TEXT':
                answers += 1
            else:
                self.assertLess(rows.U32.unpack(row.payload)[0], answers)

    def test_texts_and_octets_between_each_other(self):
        worker = self.app('def on_message(handler, message): handler.write_message(message, binary=type(message) is bytes)')
        worker.open('e', 1)
        pairs = [(rows.IN_TEXT, 'ü'.encode()), (rows.IN_BINARY, b'\xff'), (rows.IN_BINARY, b''), (rows.IN_TEXT, b''),
                 (rows.IN_TEXT, b'x' * 5000), (rows.IN_BINARY, b'y' * 5000)]
        found = self.burst(worker, *(rows.pack(kind, 1, data) for kind, data in pairs))
        self.assertEqual([(row.kind, row.payload) for row in found if row.kind != 'DONE'],
                         [('TEXT' if kind == rows.IN_TEXT else 'BINARY', data) for kind, data in pairs])
        self.assertEqual([row.payload for row in found if row.kind == 'DONE'], [done(len(data)) for _, data in pairs])

    def test_one_that_raises_or_closes_gets_no_more_and_others_do(self):
        worker = self.app('''
def on_message(handler, message):
    if message == 'raise': 1 / 0
    if message == 'close': handler.close()
    if message == 'exit': raise SystemExit
    handler.write_message(message)
''')
        for word, kind in (('raise', 'FAIL'), ('exit', 'FAIL'), ('close', 'CLOSE')):
            for number in (1, 2):
                worker.open('e', number)
            found = self.burst(worker, texts((1, 'a'), (1, 'b'), (2, 'c'), (1, 'd'), (1, word), (1, 'never'), (2, 'e'), (1, 'never')))
            mine = self.of(found, 1)
            self.assertEqual([payload for kind, payload in mine if kind == 'TEXT'], [b'a', b'b', b'd'])
            self.assertEqual([payload for kind, payload in mine if kind == 'DONE'],
                             [done(1)] * 3 + [done(len(word))] + [done(5)] * 2)
            self.assertEqual(kinds(row for row in found if row.kind in ('FAIL', 'CLOSE'))[0], kind)
            self.assertEqual([payload for kind, payload in self.of(found, 2) if kind == 'TEXT'], [b'c', b'e'])
            for number in (1, 2):
                worker.close(number)
                worker.until('ENDED', number)

    def test_connections_that_are_not_there(self):
        worker = self.app('def on_message(handler, message): handler.write_message(message)')
        found = self.burst(worker, texts((9, 'first')))
        self.assertEqual(found, [])
        worker.open('e', 1)
        found = self.burst(worker, texts((1, 'a'), (9, 'x'), (9, 'x'), (1, 'b'), (9, 'x')))
        self.assertEqual(kinds(found), ['TEXT', 'DONE', 'TEXT', 'DONE'])

    def test_what_a_message_prints_and_changes_goes_out_before_the_next(self):
        worker = self.app('''
def on_message(handler, message):
    if message == 'print': print('no end', end='')
    if message == 'session': handler.session['n'] = handler.session.get('n', 0) + 1
    handler.write_message(message)
''')
        worker.open('e', 1)
        found = self.burst(worker, texts(*((1, word) for word in ('a', 'print', 'b', 'c', 'session', 'd', 'session'))))
        self.assertEqual(kinds(row for row in found if row.kind != 'DONE'),
                         ['TEXT', 'TEXT', 'LOG', 'TEXT', 'TEXT', 'TEXT', 'SESSION', 'TEXT', 'TEXT', 'SESSION'])
        self.assertEqual([row.payload for row in found if row.kind == 'DONE'], [done(len(word)) for word in
                         ('a', 'print', 'b', 'c', 'session', 'd', 'session')])

    def test_messages_behind_one_that_waits_wait(self):
        worker = self.app('''
import asyncio
async def waits(handler, message):
    await asyncio.sleep(0)
    handler.write_message(message)
def on_message(handler, message):
    if message == 'wait': return waits(handler, message)
    handler.write_message(message)
''')
        for number in (1, 2):
            worker.open('e', number)
        found = self.burst(worker, texts((1, 'a'), (1, 'wait'), (1, 'b'), (2, 'c'), (1, 'wait'), (1, 'd')))
        self.assertEqual([payload for kind, payload in self.of(found, 2) if kind == 'TEXT'], [b'c'])
        while kinds(found).count('DONE') < 6:
            found += worker.until('DONE')
        self.assertEqual([payload for kind, payload in self.of(found, 1) if kind == 'TEXT'], [b'a', b'wait', b'b', b'wait', b'd'])

    def test_the_value_of_an_expression_and_generators(self):
        hooks = {'e': {'on_message': 'handler.write_message(message)'}, 'f': {'on_message': 'bot.each'},
                 'g': {'on_message': 'bot.replaces'}}
        text = '''
def each(handler, message): yield message
def replaces(handler, message):
    global replaces
    handler.write_message('old')
    def replaces(handler, message): handler.write_message('new')
'''
        with Worker({'bot.py': text}, hooks) as worker:
            for number, name in enumerate('efg', 1):
                worker.open(name, number)
            found = self.burst(worker, texts((1, 'a'), (1, 'b'), (2, 'x'), (3, 'c'), (3, 'd')))
            self.assertCountEqual([payload for _, payload in self.of(found, 1)], [b'a', b'b', done(1), done(1)])
            self.assertEqual([kind for kind, _ in self.of(found, 2)], ['FAIL', 'DONE'])
            self.assertIn(b'bot.each is a generator function', self.of(found, 2)[0][1])
            self.assertEqual([payload for kind, payload in self.of(found, 3) if kind == 'TEXT'], [b'old', b'new'])


if __name__ == '__main__':
    unittest.main()
