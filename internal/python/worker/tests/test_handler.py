"""The handler's attributes, and what can be sent."""

import asyncio
import base64
import json
import sys
import unittest

from tests import peer
from parley_worker import connection, endpoint, handler, messages, rooms, rows, session, timers

before = sys.meta_path[:], set(sys.modules)


def setUpModule():
    rooms.install()
    timers.install()


def tearDownModule():
    sys.meta_path[:] = before[0]
    for name in set(sys.modules) - before[1]:
        if name.partition('.')[0] in ('blinker', 'tornado'):
            del sys.modules[name]


class Worker:
    def __init__(self):
        self.begun = {}
        self.link = self
        self.out, self.unsent, self.will_flush = [], 0, True

    def send(self, kind, number, payload=b''):
        self.put(rows.pack(kind, number, payload))

    def put(self, *parts):
        self.out.extend(parts)

    def sent(self):
        """The rows that were sent since the last call."""
        found = peer.cut(rows.Reader(), b''.join(self.out))
        self.out.clear()
        return found


class Base(unittest.TestCase):
    kind = handler.SocketHandler

    def setUp(self):
        self.worker = Worker()
        ends = endpoint.Endpoint({'name': 'chat', 'kwargs': {'limit': 3, 'deep': [{'a': 1}]}, 'hooks': {}})
        self.connection = connection.Connection(self.worker, 7, ends, session.Session('s1', {'a': 1}))
        request = {'method': 'POST', 'uri': '/x?a=1&a= 2 &b=', 'path': '/x', 'query': 'a=1&a= 2 &b=', 'host': 'h:1',
                   'protocol': 'https', 'remote_ip': '10.0.0.7',
                   'headers': [['Cookie', 'c="d e"'], ['Content-Type', 'application/x-www-form-urlencoded']],
                   'body': base64.b64encode(b'f=g').decode()}
        self.about = json.dumps(request).encode()
        self.head = {'id': '17', 'path_args': ['p', None], 'path_kwargs': {'k': 'v'}}
        self.handler = self.connection.handler = self.kind(self.connection, self.head, self.about)
        self.connection.live = True

    def sent(self):
        return [(kind, payload) for kind, _, payload in self.worker.sent()]


class Attributes(Base):
    def test_all(self):
        this = self.handler
        self.assertEqual((this.id, this.name, this.path_args, this.path_kwargs, this.current_user),
                         ('17', 'chat', ['p', None], {'k': 'v'}, None))
        self.assertEqual((this.close_code, this.close_reason, this.selected_subprotocol), (None, None, None))
        self.assertIs(this.session, self.connection.session)
        self.assertEqual(repr(this), '<SocketHandler chat 17>')

    def test_settings(self):
        this = self.handler
        self.assertEqual((this.kwargs['limit'], this.kwargs.limit, this.kwargs.deep[0].a, this.conf.kwargs.limit,
                          this.conf.name), (3, 3, 1, 3, 'chat'))
        with self.assertRaisesRegex(AttributeError, "no setting 'nothing'"):
            this.kwargs.nothing

    def test_the_request(self):
        this = self.handler
        request = this.request
        self.assertIs(this.request, request)
        self.assertEqual([getattr(request, name) for name in 'method uri path query protocol host remote_ip body'.split()],
                         ['POST', '/x?a=1&a= 2 &b=', '/x', 'a=1&a= 2 &b=', 'https', 'h:1', '10.0.0.7', b'f=g'])
        self.assertEqual(request.headers['cookie'], 'c="d e"')
        self.assertEqual(request.cookies['c'].value, 'd e')
        self.assertEqual(request.arguments, {'a': [b'1', b' 2 '], 'b': [b''], 'f': [b'g']})
        self.assertEqual((this.get_cookie('c'), this.get_cookie('z'), this.get_cookie('z', 1)), ('d e', None, 1))

    def test_arguments(self):
        this = self.handler
        self.assertEqual(this.args, {'a': ['1', ' 2 '], 'b': [''], 'f': ['g']})
        self.assertEqual((this.get_arg('a'), this.get_arg('a', first=True), this.get_arg('b'), this.get_arg('z', None)),
                         (' 2 ', '1', '', None))
        self.assertEqual((this.get_argument('a'), this.get_argument('a', strip=False), this.get_argument('z', 5)),
                         ('2', ' 2 ', 5))
        self.assertEqual((this.get_arguments('a'), this.get_arguments('a', strip=False), this.get_arguments('z')),
                         (['1', '2'], ['1', ' 2 '], []))
        from tornado.web import MissingArgumentError
        for get in (this.get_arg, this.get_argument):
            with self.assertRaises(MissingArgumentError) as caught:
                get('z')
            self.assertIn('z', str(caught.exception))

    def test_any_attribute_may_be_set(self):
        for name in ('mine', 'name', 'args', 'current_user', 'kwargs', 'request'):
            setattr(self.handler, name, 5)
            self.assertEqual(getattr(self.handler, name), 5)

    def test_what_only_pages_have(self):
        for name in ('set_status', 'set_header', 'add_header', 'redirect', 'set_cookie', 'write', 'finish'):
            with self.assertRaisesRegex(RuntimeError, 'no HTTP response'):
                getattr(self.handler, name)(1)


class CurrentUser(Base):
    ann = {'id': 'ann', 'deep': {'er': [{'est': 1}]}, 'get': 'g'}

    def sign_in(self, user):
        self.connection.session.changed_elsewhere(False, {'user': user}, [])

    def test_the_sessions(self):
        for user in ('ann', ['id'], 5, None, {}, True):
            self.sign_in(user)
            self.assertIsNone(self.handler.current_user)
        self.sign_in(self.ann)
        self.assertEqual(self.handler.current_user, self.ann)
        self.connection.session.changed_elsewhere(False, {}, ['user'])
        self.assertIsNone(self.handler.current_user)

    def test_what_a_function_sets_counts_at_once(self):
        self.handler.session['user'] = {'id': 'bob'}
        self.assertEqual(self.handler.current_user.id, 'bob')
        self.handler.session['user']['id'] = 'eve'
        self.assertEqual(self.handler.current_user.id, 'eve')
        del self.handler.session['user']
        self.assertIsNone(self.handler.current_user)

    def test_a_tokens_comes_first(self):
        self.sign_in({'id': 'bob'})
        for user in (self.ann, {}):
            self.assertEqual(self.kind(self.connection, {**self.head, 'user': user}, self.about).current_user, user)

    def test_attributes(self):
        self.sign_in(self.ann)
        for this in (self.handler, self.kind(self.connection, {**self.head, 'user': self.ann}, self.about)):
            user = this.current_user
            self.assertEqual((user.id, user['id'], user.get('id'), user.get('role'), user.get('role', 'x'), 'role' in user),
                             ('ann', 'ann', 'ann', None, 'x', False))
            self.assertEqual((user.deep.er[0].est, user['deep']['er'][0]['est'], user['get']), (1, 1, 'g'))
            for lacks in (lambda: user.role, lambda: user.deep.role):
                with self.assertRaisesRegex(AttributeError, "the user has no attribute 'role'"):
                    lacks()
            with self.assertRaises(KeyError):
                user['role']

    def test_it_is_a_copy(self):
        self.sign_in(self.ann)
        for this in (self.handler, self.kind(self.connection, {**self.head, 'user': self.ann}, self.about)):
            user = this.current_user
            user['id'] = user.deep['x'] = 'changed'
            user.deep.er[0].clear()
            self.assertEqual(this.current_user, self.ann)
        self.assertEqual(self.connection.session.take_changes(), ({}, None))

    def test_it_costs_a_session_no_comparing(self):
        self.sign_in(self.ann)
        self.assertEqual(self.handler.current_user.id, 'ann')
        self.assertIsNone(self.connection.session.notes)

    def test_who_has_none_by_token_keeps_nothing(self):
        before = set(vars(self.handler))
        self.sign_in(self.ann)
        self.assertEqual(self.handler.current_user.id, 'ann')
        self.assertEqual(set(vars(self.handler)), before)
        self.assertNotIn('_user', before)


class Write(Base):
    def test_what_can_be_sent(self):
        for message, binary, want in (
            ('hé', False, (rows.TEXT, 'hé'.encode())), ('hi', False, (rows.TEXT, b'hi')), ('', False, (rows.TEXT, b'')),
            ('hi', True, (rows.BINARY, b'hi')), (b'hi', False, (rows.TEXT, b'hi')), (b'\xff', True, (rows.BINARY, b'\xff')),
            (bytearray(b'a'), True, (rows.BINARY, b'a')), (memoryview(b'a'), False, (rows.TEXT, b'a')),
            ({'a': '</script>', 'é': None}, False, (rows.TEXT, b'{"a": "<\\/script>", "\\u00e9": null}')),
            ({}, True, (rows.BINARY, b'{}')),
        ):
            with self.subTest(message=message, binary=binary):
                self.handler.write_message(message, binary)
                self.assertEqual(self.sent(), [want])

    def test_what_cannot(self):
        for message, error, text in (
            (b'\xff', ValueError, 'no UTF-8 text'), ('\ud800', ValueError, 'cannot be sent as UTF-8'),
            (5, TypeError, 'must be str, bytes or dict, not int'), (None, TypeError, 'not NoneType'),
            ([1], TypeError, 'not list'), ({'a': object()}, TypeError, 'not JSON serializable'),
        ):
            with self.subTest(message=message), self.assertRaisesRegex(error, text):
                self.handler.write_message(message)
        self.assertEqual(self.sent(), [])

    def test_a_message_that_no_row_can_carry(self):
        class Huge(bytes):
            def __len__(self):
                return messages.MAX_SIZE + 1
        with self.assertRaisesRegex(ValueError, 'octets are too many'):
            self.connection.write(messages.BINARY, Huge())

    def test_after_close(self):
        self.handler.close()
        for use in (self.handler.write_message, self.handler.ping):
            with self.assertRaises(messages.closed_error()):
                use('hi')
        self.handler.close(4001, 'again')
        self.assertEqual(self.sent(), [(rows.CLOSE, b'\0\0')])

    def test_it_may_be_awaited(self):
        async def wait():
            await self.handler.write_message('a')
            self.assertEqual([kind for kind, _ in self.sent()], [rows.TEXT])
            waiting = asyncio.ensure_future(self.write_much())
            await asyncio.sleep(0)
            self.assertEqual([kind for kind, _ in self.sent()], [rows.TEXT, rows.WAIT])
            self.assertFalse(waiting.done())
            self.connection.has_drained()
            await waiting
            self.assertEqual(self.connection.unanswered, 0)
        asyncio.run(wait())

    async def write_much(self):
        await self.handler.write_message('x' * connection.UNANSWERED)

    def test_who_waits_goes_on_when_the_peer_leaves(self):
        async def wait():
            waiting = [asyncio.ensure_future(self.write_much()) for _ in range(2)]
            await asyncio.sleep(0)
            self.assertEqual([kind for kind, _ in self.sent()], [rows.TEXT, rows.WAIT, rows.TEXT])
            waiting[0].cancel()
            self.connection.row(rows.IN_CLOSE, rows.U16.pack(1006))
            await asyncio.wait_for(waiting[1], 30)
        self.worker.ended = lambda _: None
        asyncio.run(wait())


class CloseAndPing(Base):
    def test_close(self):
        for args, want in (((), (0, b'')), ((1000,), (1000, b'')), ((4001, 'bye é'), (4001, 'bye é'.encode())),
                           ((None, 'bye'), (1000, b'bye')), ((3000, ''), (3000, b'')), ((1014,), (1014, b''))):
            with self.subTest(args):
                self.connection.live = True
                self.handler.close(*args)
                (kind, payload), = self.sent()
                self.assertEqual((kind, rows.U16.unpack_from(payload)[0], payload[2:]), (rows.CLOSE, *want))

    def test_codes_and_reasons_that_no_frame_can_carry(self):
        for args in ((0,), (999,), (1004,), (1005,), (1006,), (1015,), (2999,), (5000,), (1000, 'x' * 124), (1000, 'é' * 62),
                     (1000, '\ud800')):
            with self.subTest(args), self.assertRaises(ValueError):
                self.handler.close(*args)
        self.assertTrue(self.connection.live)

    def test_ping(self):
        for data, want in ((b'', b''), ('é', 'é'.encode()), (b'x' * 125, b'x' * 125)):
            self.handler.ping(data)
            self.assertEqual(self.sent(), [(rows.PING, want)])
        for data, error in ((b'x' * 126, ValueError), (5, TypeError)):
            with self.assertRaises(error):
                self.handler.ping(data)
        self.handler.set_nodelay(True)


class Page(Base):
    kind = handler.PageHandler

    def test_status_and_headers(self):
        this = self.handler
        this.set_status(201)
        this.add_header('X-A', 1)
        this.add_header('x-a', 2)
        this.set_header('X-B', 'b')
        self.assertEqual((this._status, this._headers), (201, [['X-A', '1'], ['x-a', '2'], ['X-B', 'b']]))
        this.set_header('X-a', 3)
        self.assertEqual(this._headers, [['X-B', 'b'], ['X-a', '3']])
        this.redirect('/there')
        self.assertEqual((this._status, this._headers[-1]), (302, ['Location', '/there']))
        this.redirect('/for/ever', permanent=True)
        self.assertEqual(this._status, 301)

    def test_what_cannot_be_sent(self):
        for how in (lambda: self.handler.set_status(100), lambda: self.handler.set_status(600),
                    lambda: self.handler.set_header('a', 'b\r\nc: d'), lambda: self.handler.add_header('a\0', 'b')):
            with self.assertRaises(ValueError):
                how()
        self.assertEqual(self.handler._headers, [])

    def test_it_cannot_write_messages(self):
        self.assertFalse(hasattr(self.handler, 'write_message'))


class ThatCanBeLookedAt(Base):
    kind = handler.Handler

    def test_it_can_do_nothing(self):
        for name in ('write_message', 'close', 'ping', 'set_status', 'set_header', 'redirect'):
            self.assertFalse(hasattr(self.handler, name))
        self.assertEqual((self.handler.path_kwargs, self.handler.get_arg('a'), repr(self.handler)),
                         ({'k': 'v'}, ' 2 ', '<Handler chat 17>'))


if __name__ == '__main__':
    unittest.main()
