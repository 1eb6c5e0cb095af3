"""Rows: packing, and cutting a stream into rows."""

import random
import unittest

from tests import peer
from parley_worker import rows


class Pack(unittest.TestCase):
    def test_layout(self):
        self.assertEqual(rows.pack(rows.TEXT, 7, b'hi'), b'\x07\0\0\0' + bytes([67]) + b'\x07\0\0\0hi')
        self.assertEqual(rows.pack(rows.ENDED, 1), b'\x05\0\0\0' + bytes([79]) + b'\x01\0\0\0')

    def test_numbers_of_the_document(self):
        self.assertEqual([rows.CONFIG, rows.OPEN, rows.IN_TEXT, rows.IN_BINARY, rows.PONG, rows.IN_CLOSE, rows.CALL,
                          rows.FORGET, rows.DRAINED, rows.IN_SESSION, rows.IN_BEAT, rows.RELOAD], list(range(1, 13)))
        self.assertEqual([rows.LOADED, rows.RELOADED, rows.TEXT, rows.BINARY, rows.CLOSE, rows.PING, rows.SUBSCRIBE,
                          rows.UNSUBSCRIBE, rows.PUBLISH, rows.SESSION, rows.LOG, rows.WARN, rows.DONE, rows.FAIL,
                          rows.ENDED, rows.REPLY, rows.WAIT, rows.BEAT], list(range(65, 83)))

    def test_a_row_that_is_too_long_raises(self):
        class Huge(bytes):
            def __len__(self):
                return rows.MAX_ROW
        with self.assertRaisesRegex(ValueError, 'too many'):
            rows.pack(rows.TEXT, 1, Huge())

    def test_strings(self):
        self.assertEqual(rows.str16('é'), b'\x02\0\xc3\xa9')
        self.assertEqual(rows.str32('é'), b'\x02\0\0\0\xc3\xa9')
        self.assertEqual(rows.str32('\ud800'), b'\x01\0\0\0?')
        with self.assertRaises(ValueError):
            rows.str16('x' * 65536)


class Reader(unittest.TestCase):
    def setUp(self):
        self.rows = [(rows.IN_TEXT, 1, b'a'), (rows.IN_CLOSE, 2, b''), (rows.IN_BINARY, 3, bytes(range(256)) * 40),
                     (rows.PONG, 1 << 31, b'x' * 13)]
        self.stream = b''.join(rows.pack(*row) for row in self.rows)

    def test_all_at_once(self):
        self.assertEqual(peer.cut(rows.Reader(), self.stream), self.rows)

    def test_octet_by_octet(self):
        reader, found = rows.Reader(), []
        for at in range(len(self.stream)):
            found += peer.cut(reader, self.stream[at:at + 1])
        self.assertEqual(found, self.rows)

    def test_any_pieces(self):
        dice = random.Random(1)
        for _ in range(50):
            reader, found, at = rows.Reader(), [], 0
            while at < len(self.stream):
                size = dice.choice((1, 2, 5, 9, 10, 400, 9000))
                found += peer.cut(reader, self.stream[at:at + size])
                at += size
            self.assertEqual(found, self.rows)

    def test_a_long_row_in_pieces_is_joined_once(self):
        row = rows.pack(rows.IN_BINARY, 1, b'x' * (8 << 20))
        reader, found = rows.Reader(), []
        for at in range(0, len(row), 4096):
            self.assertEqual(found, [])
            found += peer.cut(reader, row[at:at + 4096])
        self.assertEqual(len(found[0][2]), 8 << 20)

    def test_lengths_that_no_row_has(self):
        for length in (0, 4, rows.MAX_ROW + 1, 0xFFFFFFFF):
            with self.subTest(length), self.assertRaisesRegex(ValueError, f'a row of {length} octets'):
                rows.whole(rows.U32.pack(length) + b'\0' * 5, 0)


if __name__ == '__main__':
    unittest.main()
