"""What is printed."""

import contextvars
import io
import sys
import threading
import unittest

from tests import fakes  # noqa: F401
from parley_worker import capture, here, rows


class Owner:
    def __init__(self, id):
        self.id = id


class Base(unittest.TestCase):
    def setUp(self):
        self.sent, self.begun = [], {}
        self.out = capture.Capture(self.send, lambda: None, sys.__stdout__, self.begun)
        self.err = capture.Capture(self.send, lambda: None, sys.__stderr__, self.begun)

    def send(self, kind, connection, payload):
        self.assertEqual(kind, rows.LOG)
        self.sent.append((connection, payload.decode()))

    def as_(self, owner, function, *args, **kwargs):
        context = contextvars.copy_context()
        context.run(here.connection.set, owner)
        return context.run(function, *args, **kwargs)

    def expect(self, *lines):
        self.assertEqual(self.sent, list(lines))
        self.sent.clear()


class Lines(Base):
    def test_a_line_goes_out_when_it_is_whole(self):
        print('a', 1, None, file=self.out)
        self.expect((0, 'a 1 None'))
        print('a', end='', file=self.out)
        self.expect()
        print('b', file=self.out)
        self.expect((0, 'ab'))
        self.assertEqual(self.begun, {})

    def test_several_lines(self):
        self.out.write('a\n\nb\r\nc')
        self.expect((0, 'a'), (0, ''), (0, 'b'))
        self.out.finish(None)
        self.expect((0, 'c'))
        self.out.finish(None)
        self.expect()

    def test_a_half_line_belongs_to_who_began_it(self):
        one, two = Owner(1), Owner(2)
        self.as_(one, print, 'a', end='', file=self.out)
        self.as_(two, print, 'b', end='', file=self.out)
        self.as_(one, print, 'c', file=self.out)
        self.expect((1, 'ac'))
        self.out.finish(one)
        self.expect()
        self.out.finish(two)
        self.expect((2, 'b'))
        self.assertEqual(self.begun, {})

    def test_both_streams_have_lines_of_their_own(self):
        one = Owner(1)
        self.as_(one, print, 'o', end='', file=self.out)
        self.as_(one, print, 'e', end='', file=self.err)
        self.err.finish(one)
        self.expect((1, 'e'))
        self.out.finish(one)
        self.expect((1, 'o'))

    def test_threads_have_lines_of_their_own(self):
        one = Owner(1)
        both = threading.Barrier(2)

        def tell(text):
            print(text, end=' ', file=self.out)
            both.wait(30)
            print(text, file=self.out)
            print('rest', end='', file=self.out)
        threads = [threading.Thread(target=self.as_, args=(one, tell, text)) for text in 'ab']
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(self.sent), [(1, 'a a'), (1, 'b b')])
        self.sent.clear()
        self.out.finish(None)  # whoever it is: they are over
        self.expect((1, 'rest'), (1, 'rest'))

    def test_a_line_without_end_is_cut(self):
        self.out.write('x' * (capture.LONG + 1))
        self.expect((0, 'x' * (capture.LONG + 1)))
        for _ in range(capture.LONG):
            self.out.write('yy')
        self.assertTrue(self.sent)
        self.assertLess(sum(len(pieces) for pieces in self.begun.values()), 2 * capture.MANY)

    def test_a_progress_bar_shows_its_last(self):
        self.out.write('\r10%\r20%\r30%\n')
        self.expect((0, '30%'))

    def test_what_is_no_utf8(self):
        self.out.write('a\ud800b\n')
        self.expect((0, 'a?b'))


class Stream(Base):
    def test_it_is_a_text_stream(self):
        self.assertIsInstance(self.out, io.TextIOBase)
        self.assertTrue(self.out.writable())
        self.assertFalse(self.out.readable() or self.out.isatty())
        self.assertEqual((self.out.encoding, self.out.errors, self.out.name, self.out.mode),
                         ('utf-8', 'replace', '<stdout>', 'w'))
        self.assertEqual(self.out.write('abc\n'), 4)
        self.out.flush()
        self.out.reconfigure(line_buffering=True)
        self.assertEqual(self.out.fileno(), sys.__stdout__.fileno())
        for wrong in (b'a', 5, None):
            with self.assertRaises(TypeError):
                self.out.write(wrong)

    def test_octets(self):
        self.out.buffer.write('é\n'.encode()[:1])
        self.out.buffer.write(memoryview('é\n'.encode()[1:]))
        self.expect((0, 'é'))
        self.out.buffer.write(b'\xff\n')
        self.out.buffer.flush()
        self.expect((0, '\ufffd'))


if __name__ == '__main__':
    unittest.main()
