"""What functions of a whole worker write and print."""

import os
import re
import unittest

from tests.base import Base, done, fail, kinds
from parley_worker import rows


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


if __name__ == '__main__':
    unittest.main()
