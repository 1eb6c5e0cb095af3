"""handler.request."""

import base64
import json
import unittest

from tests import fakes  # noqa: F401
from parley_worker.request import Headers, Request, parse_arguments, parse_cookies


def request(**fields):
    return Request(json.dumps({
        'method': 'GET', 'uri': '/x?a=1', 'path': '/x', 'query': 'a=1', 'host': 'example.com:8080', 'protocol': 'http',
        'remote_ip': '10.0.0.7', 'headers': [], 'body': '', **fields}))


class Attributes(unittest.TestCase):
    def test_all(self):
        this = request(headers=[['Cookie', 'a=b']], body=base64.b64encode(b'\xff').decode())
        self.assertEqual([getattr(this, name) for name in
                          'method uri path query host protocol remote_ip body version host_name'.split()],
                         ['GET', '/x?a=1', '/x', 'a=1', 'example.com:8080', 'http', '10.0.0.7', b'\xff', 'HTTP/1.1',
                          'example.com'])
        self.assertEqual(this.full_url(), 'http://example.com:8080/x?a=1')
        self.assertEqual(this.cookies['a'].value, 'b')
        self.assertEqual(this.arguments, {'a': [b'1']})
        self.assertEqual(repr(this), '<Request GET /x?a=1>')
        with self.assertRaises(AttributeError):
            this.nonsense

    def test_arguments_of_a_form_follow_those_of_the_url(self):
        for kind in ('application/x-www-form-urlencoded', 'Application/X-WWW-Form-Urlencoded; charset=utf-8'):
            this = request(query='a=1&b=2', headers=[['content-type', kind]],
                           body=base64.b64encode(b'a=3&c=%C3%A9').decode())
            self.assertEqual(this.arguments, {'a': [b'1', b'3'], 'b': [b'2'], 'c': ['é'.encode()]})
            self.assertEqual(this.text_arguments, {'a': ['1', '3'], 'b': ['2'], 'c': ['é']})
            self.assertEqual(this.query_arguments, {'a': [b'1'], 'b': [b'2']})
            self.assertEqual(this.body_arguments, {'a': [b'3'], 'c': ['é'.encode()]})

    def test_another_body_has_no_arguments(self):
        this = request(headers=[['Content-Type', 'application/json']], body=base64.b64encode(b'a=3').decode())
        self.assertEqual((this.arguments, this.body), ({'a': [b'1']}, b'a=3'))


class Arguments(unittest.TestCase):
    def test_they(self):
        for text, want in {
            '': {},
            'a=1&a=2': {'a': [b'1', b'2']},
            'a=': {'a': [b'']},
            'a+b=c+d%26': {'a b': [b'c d&']},
            'a=%ff%00': {'a': [b'\xff\0']},
            'a=é': {'a': ['é'.encode()]},
        }.items():
            with self.subTest(text):
                self.assertEqual(parse_arguments(text), want)

    def test_what_is_no_utf8_is_replaced_in_text(self):
        self.assertEqual(request(query='a=%ff').text_arguments, {'a': ['\ufffd']})


class HeaderTest(unittest.TestCase):
    def test_they(self):
        headers = Headers([['Accept', 'a'], ['accept', 'b'], ['X-One', '1']])
        self.assertEqual(headers['ACCEPT'], 'a,b')
        self.assertEqual(headers.get('x-one'), '1')
        self.assertEqual(headers.get('X-Two', 'none'), 'none')
        self.assertIn('x-ONE', headers)
        self.assertNotIn(5, headers)
        self.assertEqual(headers.get_list('Accept'), ['a', 'b'])
        self.assertEqual(headers.get_list('none'), [])
        self.assertEqual(headers.get_all(), [('Accept', 'a'), ('Accept', 'b'), ('X-One', '1')])
        self.assertEqual(list(headers), ['Accept', 'X-One'])
        self.assertEqual(dict(headers), {'Accept': 'a,b', 'X-One': '1'})
        with self.assertRaises(KeyError):
            headers['none']


class Cookies(unittest.TestCase):
    def values(self, header):
        return {name: morsel.value for name, morsel in parse_cookies(header).items()}

    def test_they(self):
        for header, want in {
            '': {},
            'a=b': {'a': 'b'},
            'a=b; c=d;e=f': {'a': 'b', 'c': 'd', 'e': 'f'},
            'a=b=c': {'a': 'b=c'},
            'a="b c"': {'a': 'b c'},
            'a="': {'a': '"'},
            'a=': {'a': ''},
            'a=1; a=2': {'a': '2'},
        }.items():
            with self.subTest(header):
                self.assertEqual(self.values(header), want)

    def test_octal(self):
        self.assertEqual(self.values(r'a="\"x\" \\ \101"'), {'a': r'"x" \ A'})

    def test_garbage_is_left_out(self):
        self.assertEqual(self.values('; ;=; =x; novalue; a b=c; \x00=1; path=/; ok=1; {=}; ☃=1'), {'ok': '1'})

    def test_garbage_takes_linear_time(self):
        for piece in ('"\\', '\\073', ';;', '="', 'a=b;', '\\"'):
            with self.subTest(piece):  # more than linear would not end
                parse_cookies('a="' + piece * (2_000_000 // len(piece)) + '"')


if __name__ == '__main__':
    unittest.main()
