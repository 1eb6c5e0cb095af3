"""The process: how a whole worker starts, reloads, answers its server and ends."""

import json
import os
import signal
import unittest

from tests import peer
from tests.base import Base, STRICT, fail, kinds
from tests.peer import Worker
from parley_worker import rows


class Start(unittest.TestCase):
    def test_a_config_that_cannot_be_used_ends_the_worker(self):
        with self.assertRaisesRegex(AssertionError, r'(?s)has left.*Traceback.*TypeError'):
            Worker({}, {}, dirs=[5])


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
