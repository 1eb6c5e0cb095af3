"""The rules of rooms; test_rooms runs this over blinker and over its stand-in."""

import asyncio
import gc
import os
import sys
import types
import unittest

from tests import fakes
from parley_worker import here, messages, rooms, runs

rooms.install()
IMPORTED_EARLY = 'blinker' in sys.modules
import blinker  # noqa: E402
from blinker import signal  # noqa: E402

NEW = hasattr(blinker.Signal, 'send_async')  # 1.7 or later
TEXT, BINARY = messages.TEXT, messages.BINARY


class Case(unittest.TestCase):
    def setUp(self):
        self.worker = here.worker = fakes.Worker()
        self.signal = signal(self.id())

    def receiver(self, result=None):
        """A receiver that notes what it gets."""
        def receiver(value, **kwargs):
            receiver.got.append((value, kwargs) if kwargs else value)
            return result
        receiver.got = []
        return receiver


class Library(Case):
    def test_is_the_one_to_test(self):
        ours = 'parley_worker' in blinker.__file__
        self.assertEqual(ours, os.environ[fakes.LIBRARY] == 'stand-in')

    def test_install_does_not_import_it(self):
        self.assertFalse(IMPORTED_EARLY)

    def test_its_loader_is_its_own(self):
        self.assertNotIn('parley_worker', type(blinker.__spec__.loader).__module__)
        self.assertIs(blinker.__spec__.loader, blinker.__loader__)
        self.assertIn('class', blinker.__loader__.get_source('blinker') + 'class')

    def test_a_signal_is_made_once_per_name(self):
        self.assertIs(signal('a'), signal('a'))
        self.assertIsNot(signal('a'), signal('b'))
        self.assertIn("; 'a'>", repr(signal('a')))
        self.assertIsInstance(signal('a'), blinker.NamedSignal)
        self.assertIsInstance(signal('a'), blinker.Signal)


class Membership(Case):
    def setUp(self):
        super().setUp()
        self.connection = fakes.Connection()
        self.write = self.connection.handler.write_message
        self.channel = self.signal.name

    def member(self):
        return self.connection in self.worker.members.get(self.channel, ())

    def test_connecting_write_message_subscribes_once(self):
        self.assertEqual(self.signal.connect(self.write), self.write)
        self.signal.connect(self.connection.handler.write_message, weak=False)
        self.signal.connect(self.write, blinker.ANY)
        self.signal.connect(self.write, sender=blinker.ANY)
        self.assertEqual(self.worker.calls, [('subscribe', self.connection, self.channel)])
        self.assertFalse(self.signal.receivers)

    def test_connect_via_any_sender_subscribes(self):
        self.signal.connect_via(blinker.ANY)(self.write)
        self.assertTrue(self.member())

    def test_disconnect_unsubscribes(self):
        self.signal.connect(self.write)
        self.signal.disconnect(self.connection.handler.write_message)
        self.assertFalse(self.member())
        self.signal.disconnect(self.write)  # nothing to undo

    def test_connected_to_subscribes_for_a_while(self):
        with self.signal.connected_to(self.write):
            self.assertTrue(self.member())
        self.assertFalse(self.member())

    def test_a_closed_connection_becomes_no_member(self):
        self.connection.live = False
        self.assertEqual(self.signal.connect(self.write), self.write)
        self.assertEqual(self.signal.send('x'), [])
        self.assertEqual(self.worker.named('subscribe', 'raised'), [])

    def test_a_member_gets_one_publication_and_no_call(self):
        self.signal.connect(self.write)
        self.assertEqual(self.signal.send('hi'), [])
        self.assertEqual(self.worker.named('publish'), [('publish', self.channel, TEXT, b'hi')])
        self.assertEqual(self.connection.written, [])

    def test_has_receivers_for_counts_members(self):
        self.assertFalse(self.signal.has_receivers_for('x'))
        self.signal.connect(self.write)
        self.assertTrue(self.signal.has_receivers_for('x'))
        self.assertTrue(self.signal.has_receivers_for(sender=blinker.ANY))
        self.assertEqual(list(self.signal.receivers_for('x')), [])

    def test_with_a_sender_it_is_a_receiver_like_others(self):
        self.signal.connect(self.write, sender='alice')
        self.assertFalse(self.member())
        self.signal.send('bob')
        self.assertEqual(self.connection.written, [])
        results = self.signal.send('alice')
        self.assertEqual([receiver for receiver, _ in results], [self.write])
        self.assertEqual(self.connection.written, [(TEXT, b'alice')])

    def test_disconnect_ends_membership_and_senders(self):
        self.signal.connect(self.write)
        self.signal.connect(self.write, sender='alice')
        self.signal.disconnect(self.write)
        self.assertFalse(self.member())
        self.assertFalse(self.signal.has_receivers_for('alice') and list(self.signal.receivers_for('alice')))

    def test_disconnect_from_a_sender_keeps_the_membership(self):
        self.signal.connect(self.write)
        self.signal.disconnect(self.write, sender='alice')
        self.assertTrue(self.member())

    def test_in_another_namespace_it_is_a_receiver_like_others(self):
        other = blinker.Namespace().signal(self.channel)
        other.connect(self.write)
        other.send('x')
        self.assertEqual(self.connection.written, [(TEXT, b'x')])
        self.assertEqual(self.worker.named('subscribe', 'publish'), [])
        nameless = blinker.Signal()
        nameless.connect(self.write)
        nameless.send('y')
        self.assertEqual(self.connection.written[1:], [(TEXT, b'y')])

    def test_closures_and_lambdas_are_receivers_like_others(self):
        receiver = self.signal.connect(lambda value: self.write(value))
        self.signal.send('x')
        self.assertEqual(self.connection.written, [(TEXT, b'x')])
        self.assertEqual(self.worker.named('subscribe'), [])
        del receiver

    def test_an_object_that_only_looks_like_a_handler_is_a_receiver(self):
        class Handler:
            def write_message(self, message, binary=False):
                self.got = message
        handler = Handler()
        self.signal.connect(handler.write_message)
        self.signal.send('x')
        self.assertEqual(handler.got, 'x')

    def test_receiver_connected_tells_of_members(self):
        seen = []

        def listener(source, receiver, **kwargs):
            seen.append((source, receiver))
        self.signal.receiver_connected.connect(listener)
        self.signal.connect(self.write)
        self.assertEqual(seen, [(self.signal, self.write)])


class Sending(Case):
    def published(self):
        return [call[2:] for call in self.worker.named('publish')]

    def test_what_is_published(self):
        class Name(str):
            pass
        for value, want in [
            ('grüße', (TEXT, 'grüße'.encode())),
            ('', (TEXT, b'')),
            (Name('n'), (TEXT, b'n')),
            (b'text', (TEXT, b'text')),
            (b'\xff\x00', (BINARY, b'\xff\x00')),
            ({'a': '</b>'}, (TEXT, b'{"a": "<\\/b>"}')),
        ]:
            with self.subTest(value=value):
                self.worker.calls.clear()
                receiver = self.receiver('result')
                self.signal.connect(receiver)
                self.assertEqual(self.signal.send(value), [(receiver, 'result')])
                self.assertEqual(receiver.got, [value])
                self.assertEqual(self.worker.calls, [('publish', self.signal.name, *want)])
                self.signal.disconnect(receiver)

    def test_what_only_receivers_get(self):
        loop = {}
        loop['itself'] = loop
        values = [(None, {}), (5, {}), ([1], {}), (bytearray(b'x'), {}), ('x', {'to': 'y'}), ({}, {'a': 1}),
                  ('\ud800', {}), ({1: object()}, {}), (loop, {})]
        for number, (value, kwargs) in enumerate(values):
            with self.subTest(value=str(type(value)), kwargs=kwargs):
                self.worker.calls.clear()
                room, connection, receiver = signal(f'{self.id()} {number}'), fakes.Connection(), self.receiver(1)
                room.connect(receiver)
                self.assertEqual(room.send(value, **kwargs), [(receiver, 1)])
                self.assertEqual(self.worker.named('warn', 'publish'), [])  # nobody misses it
                room.connect(connection.handler.write_message)
                for _ in range(2):
                    self.assertEqual(room.send(value, **kwargs), [(receiver, 1)])
                self.assertEqual(len(self.worker.named('warn')), 1)
                self.assertIn(repr(room.name), self.worker.named('warn')[0][1])
                self.assertEqual(self.worker.named('publish'), [])
                self.assertEqual(receiver.got, [(value, kwargs) if kwargs else value] * 3)

    def test_nothing_is_a_value(self):
        receiver = self.receiver()
        self.signal.connect(receiver)
        self.signal.send()
        self.assertEqual(receiver.got, [None])
        self.assertEqual(self.published(), [])

    def test_two_values_are_a_mistake(self):
        with self.assertRaises(TypeError):
            self.signal.send('a', 'b')

    def test_a_receiver_that_raises_is_logged_and_the_rest_called(self):
        def wrong(value):
            raise ValueError(value)

        def leaves(value):
            sys.exit(3)
        first, last = self.receiver('a'), self.receiver('b')
        for receiver in (first, wrong, leaves, last):
            self.signal.connect(receiver)
        self.assertCountEqual(self.signal.send('x'), [(first, 'a'), (last, 'b')])
        raised = self.worker.named('raised')
        self.assertCountEqual([type(call[1]) for call in raised], [ValueError, SystemExit])
        whats = ' '.join(call[2] for call in raised)
        self.assertIn(f'receiver {__name__}.Sending.', whats)
        self.assertIn(f'wrong of signal {self.signal.name!r}', whats)

    def test_elsewhere_a_receiver_that_raises_is_the_senders_business(self):
        def wrong(value):
            raise ValueError(value)
        other = blinker.Namespace().signal('x')
        other.connect(wrong)
        with self.assertRaises(ValueError):
            other.send('x')

    def test_a_receiver_that_disconnects_another_is_obeyed(self):
        calls = []

        def first(value):
            calls.append('first')
            self.signal.disconnect(second)

        def second(value):
            calls.append('second')
            self.signal.disconnect(first)
        self.signal.connect(first)
        self.signal.connect(second)
        self.signal.send('x')
        self.assertEqual(len(calls), 1)

    def test_a_receiver_that_sends_again(self):
        got = []

        def receiver(value):
            got.append(value)
            if value == 'once':
                self.signal.send('again')
        self.signal.connect(receiver)
        self.signal.send('once')
        self.assertEqual(got, ['once', 'again'])
        self.assertEqual(self.published(), [(TEXT, b'once'), (TEXT, b'again')])

    def test_a_coroutine_function(self):
        async def receiver(value):
            return value + '!'
        plain = self.receiver(1)
        self.signal.connect(receiver)
        self.signal.connect(plain)
        results = self.signal.send('x')
        if not NEW:  # old versions return the coroutine
            made = dict(results)[receiver]
            self.assertEqual(asyncio.run(made), 'x!')
            return
        self.assertEqual(results, [(plain, 1)])
        self.assertEqual(str(self.worker.named('raised')[0][1]), 'Cannot send to a coroutine function.')
        results = self.signal.send('x', _async_wrapper=lambda f: lambda *args: asyncio.run(f(*args)))
        self.assertCountEqual(results, [(receiver, 'x!'), (plain, 1)])
        self.assertEqual(self.published(), [(TEXT, b'x')] * 2)

    def test_send_async(self):
        if not NEW:
            self.assertFalse(hasattr(self.signal, 'send_async'))
            return

        async def receiver(value):
            await asyncio.sleep(0)
            return value + '!'

        async def wrong(value):
            raise ValueError(value)
        plain = self.receiver(1)
        for each in (receiver, wrong, plain):
            self.signal.connect(each)
        self.assertEqual(asyncio.run(self.signal.send_async('x')), [(receiver, 'x!')])
        self.assertEqual(self.published(), [(TEXT, b'x')])
        self.assertCountEqual([type(call[1]) for call in self.worker.named('raised')], [ValueError, RuntimeError])

    def test_muted_sends_nothing(self):
        if not hasattr(self.signal, 'muted'):
            self.assertFalse(NEW)
            return
        receiver = self.receiver()
        self.signal.connect(receiver)
        with self.signal.muted():
            self.assertEqual(self.signal.send('x'), [])
        self.assertEqual((receiver.got, self.published()), ([], []))
        self.signal.send('y')
        self.assertEqual(receiver.got, ['y'])

    def test_a_name_that_is_no_text_is_no_channel(self):
        receiver, room = self.receiver(), signal(('a', 1))
        room.connect(receiver)
        room.send('x')
        self.assertEqual(receiver.got, ['x'])
        self.assertEqual(self.published(), [])

    def test_a_name_that_begins_with_nul_is_parleys_own(self):
        room, write = signal('\0' + self.id()), fakes.Connection().handler.write_message
        for use in lambda: room.send('x'), lambda: room.connect(write), lambda: room.disconnect(write):
            self.assertRaises(ValueError, use)
        self.assertEqual(self.worker.calls, [])


class AsBlinkerDoes(Case):
    def test_receivers_are_weak(self):
        receiver = self.receiver()
        self.signal.connect(receiver)
        del receiver
        gc.collect()
        self.assertEqual(self.signal.send('x'), [])

    def test_methods_are_weak_by_their_object(self):
        class Room:
            def __init__(self):
                self.got = []

            def on_join(self, value):
                self.got.append(value)
        room = Room()
        got = room.got
        self.signal.connect(room.on_join)
        self.signal.connect(room.on_join)
        gc.collect()
        self.signal.send('x')
        self.assertEqual(got, ['x'])
        del room
        gc.collect()
        self.signal.send('y')
        self.assertEqual(got, ['x'])
        self.assertFalse(self.signal.receivers)

    def test_strong_receivers_stay(self):
        got = []
        self.signal.connect(lambda value: got.append(value), weak=False)
        gc.collect()
        self.signal.send('x')
        self.assertEqual(got, ['x'])

    def test_twice_is_once(self):
        receiver = self.receiver()
        self.assertIs(self.signal.connect(receiver), receiver)
        self.signal.connect(receiver)
        self.signal.connect(receiver, sender='x')
        self.signal.send('x')
        self.assertEqual(receiver.got, ['x'])

    def test_senders(self):
        class Sender:
            pass
        one, two, receiver = Sender(), Sender(), self.receiver()
        self.signal.connect(receiver, sender=one)
        for sender in (one, two, None, 'one'):
            self.signal.send(sender)
        self.assertEqual(receiver.got, [one])
        self.assertTrue(self.signal.has_receivers_for(one))
        self.assertFalse(self.signal.has_receivers_for(two))
        self.assertFalse(self.signal.has_receivers_for(blinker.ANY))
        self.assertEqual(list(self.signal.receivers_for(one)), [receiver])
        self.signal.disconnect(receiver, sender=one)
        self.signal.send(one)
        self.assertEqual(receiver.got, [one])

    def test_a_sender_that_dies_takes_its_connections_along(self):
        class Sender:
            pass
        sender, receiver = Sender(), self.receiver()
        self.signal.connect(receiver, sender=sender)
        del sender
        gc.collect()
        self.assertFalse(self.signal.has_receivers_for(Sender()))

    def test_equal_texts_are_one_sender(self):
        receiver = self.receiver()
        self.signal.connect(receiver, sender='ab')
        self.signal.send(''.join(['a', 'b']))
        self.assertEqual(receiver.got, ['ab'])

    def test_connect_via(self):
        @self.signal.connect_via('a')
        def receiver(value, **kwargs):
            return kwargs
        self.assertEqual(self.signal.send('a', n=1), [(receiver, {'n': 1})])
        self.assertEqual(self.signal.send('b', n=1), [])

    def test_connected_to(self):
        receiver = self.receiver()
        with self.assertRaises(ZeroDivisionError):
            with self.signal.connected_to(receiver):
                self.signal.send('x')
                1 / 0
        self.signal.send('y')
        self.assertEqual(receiver.got, ['x'])

    def test_keyword_arguments(self):
        receiver = self.receiver()
        self.signal.connect(receiver=receiver, sender=blinker.ANY, weak=True)
        self.signal.send('x', sender='y', signal='z')
        self.assertEqual(receiver.got, [('x', {'sender': 'y', 'signal': 'z'})])
        self.signal.disconnect(receiver=receiver)
        self.assertFalse(self.signal.has_receivers_for(sender='x'))

    def test_events(self):
        seen = []

        def listener(source, **kwargs):
            seen.append((source, sorted(kwargs)))
        receiver = self.receiver()
        self.signal.receiver_connected.connect(listener)
        self.signal.receiver_disconnected.connect(listener)
        self.signal.connect(receiver)
        self.signal.disconnect(receiver)
        self.assertEqual(seen, [(self.signal, ['receiver', 'sender', 'weak']), (self.signal, ['receiver', 'sender'])])


class TopLevel(Case):
    """What the top level of a module connects."""

    def setUp(self):
        super().setUp()
        self.kept = self.receiver()  # a function of a module that is not run again

    def run_module(self, text, name='app'):
        """Run the text as the top level of a module; return its Run and its namespace."""
        run = runs.current = runs.Run(name)
        space = {'__name__': name, 'room': self.signal, 'kept': self.kept, 'blinker': blinker}
        try:
            exec(compile(text, f'{name}.py', 'exec'), space)
        finally:
            runs.current = None
        return run, space

    def connected(self, sender='x'):
        return list(self.signal.receivers_for(sender))

    def test_ends_with_the_run(self):
        for text in ('def f(value): pass\nroom.connect(f)',
                     'def f(value): pass\nroom.connect(f, sender="x")',
                     'room.connect(lambda value: 1, weak=False)',
                     '@room.connect\ndef f(value): pass',
                     'class C:\n def f(self, value): pass\n c = None\nc = C()\nroom.connect(c.f)',
                     'class C:\n @room.connect\n def f(value): pass',
                     'def setup():\n room.connect(kept)\nsetup()',
                     'room.connect(kept)\nroom.connect(kept)'):
            with self.subTest(text=text):
                run, space = self.run_module(text)
                self.assertEqual(len(self.connected()), 1)
                run.end()
                self.assertEqual(self.connected(), [])

    def test_stays_weak(self):
        run, space = self.run_module('room.connect(lambda value: 1)')
        gc.collect()
        self.assertEqual(self.connected(), [])
        run.end()

    def test_a_function_called_later_connects_for_good(self):
        run, space = self.run_module('def later():\n room.connect(kept)')
        space['later']()
        run.end()
        self.assertEqual(self.connected(), [self.kept])

    def test_a_run_that_fails_leaves_what_was_connected(self):
        self.signal.connect(self.kept)
        run, _ = self.run_module('room.connect(kept)')
        run.end()
        self.assertEqual(self.connected(), [self.kept])

    def test_a_run_that_fails_leaves_what_the_run_before_connected(self):
        before, _ = self.run_module('room.connect(kept)')
        failed, _ = self.run_module('room.connect(kept)')
        failed.end()
        self.assertEqual(self.connected(), [self.kept])
        after, _ = self.run_module('')
        before.end()
        self.assertEqual(self.connected(), [])

    def test_a_run_that_succeeds_keeps_what_it_connects_again(self):
        before, _ = self.run_module('room.connect(kept)')
        after, _ = self.run_module('room.connect(kept)')
        before.end()
        self.assertEqual(self.connected(), [self.kept])
        after.end()
        self.assertEqual(self.connected(), [])

    def test_a_run_that_narrows_to_a_sender(self):
        before, _ = self.run_module('room.connect(kept)')
        after, _ = self.run_module('room.connect(kept, sender="x")')
        before.end()
        self.assertEqual((self.connected('x'), self.connected('y')), ([self.kept], []))
        after.end()
        self.assertEqual(self.connected('x'), [])

    def test_a_function_that_connects_too_keeps_it(self):
        run, _ = self.run_module('room.connect(kept)')
        self.signal.connect(self.kept)
        run.end()
        self.assertEqual(self.connected(), [self.kept])

    def test_a_library_imported_meanwhile_keeps_its_receivers(self):
        library = types.ModuleType('library')
        library.text = compile('room.connect(kept)', 'library.py', 'exec')
        library.room, library.kept = self.signal, self.kept
        sys.modules['library'] = library
        self.addCleanup(sys.modules.pop, 'library')
        run, _ = self.run_module('import library\nexec(library.text, library.__dict__)')
        run.end()
        self.assertEqual(self.connected(), [self.kept])

    def test_other_namespaces_too(self):
        self.signal = blinker.Namespace().signal('x')
        run, _ = self.run_module('room.connect(kept)')
        self.assertEqual(self.connected(), [self.kept])
        run.end()
        self.assertEqual(self.connected(), [])
