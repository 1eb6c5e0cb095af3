"""The event loop: nothing else suffers from the short way to the link."""

import unittest

from tests.base import Base
from parley_worker import rows


class Loop(Base):
    def test_others_get_their_turn_while_messages_come(self):
        worker = self.app('''
import asyncio, os, threading
loop, reading, writing = asyncio.get_event_loop(), *os.pipe()
loop.add_reader(reading, lambda: print('pipe', os.read(reading, 9).decode()))
def on_message(handler, message):
    if message == 'soon': loop.call_soon(print, 'soon')
    if message == 'later': loop.call_later(0.001, print, 'later')
    if message == 'thread': threading.Thread(target=loop.call_soon_threadsafe, args=(print, 'thread')).start()
    if message == 'pipe': os.write(writing, b'came')
    if message == 'child': asyncio.ensure_future(child())
    if message == 'stop': loop.stop()
async def child():
    process = await asyncio.create_subprocess_exec('true')
    print('child', await process.wait())
''', environment=None)
        worker.open('e', 1)
        for word, want in (('soon', 'soon'), ('later', 'later'), ('thread', 'thread'), ('pipe', 'pipe came'), ('child', 'child 0')):
            for message in (word, 'x', 'x'):
                worker.text(1, message)
            self.assertEqual(worker.next('LOG').payload.decode(), want)
        worker.text(1, 'stop')
        worker.text(1, 'soon')
        self.assertEqual(worker.next('LOG').payload, b'soon')

    def test_timers_tick_while_nothing_and_while_much_happens(self):
        worker = self.app('''
import asyncio
async def open(handler):
    asyncio.ensure_future(tick(handler))
async def tick(handler):
    for at in range(6):
        await asyncio.sleep(0.01)
        handler.write_message(str(at))
def on_message(handler, message): pass
''')
        worker.open('e', 1)
        for _ in range(3):
            worker.next('TEXT')
        for _ in range(300):
            worker.text(1, 'x')
        for _ in range(3):
            worker.next('TEXT')
        worker.send(rows.IN_BEAT, 0, b'12345678')
        worker.next('BEAT')


if __name__ == '__main__':
    unittest.main()
