"""Sessions in a whole worker: what it and the server tell each other."""

import json
import unittest

from tests.base import Base, fail, kinds
from parley_worker import rows


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


if __name__ == '__main__':
    unittest.main()
