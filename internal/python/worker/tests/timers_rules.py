"""The rules of timers; test_timers runs this over Tornado and over its stand-in."""

import asyncio
import contextvars
import datetime
import importlib
import os
import sys
import threading
import time
import unittest
from unittest import mock

from tests import fakes
from parley_worker import here, messages, runs, timers

timers.install()
IMPORTED_EARLY = [name for name in sys.modules if name.startswith('tornado')]
import tornado  # noqa: E402
IOLOOP = tornado.ioloop
from tornado import escape, gen, web  # noqa: E402
from tornado.ioloop import IOLoop, PeriodicCallback  # noqa: E402
from tornado.websocket import WebSocketClosedError, WebSocketError  # noqa: E402

PATIENCE = 30  # seconds; only matters when a test fails
SOON = 0.002   # seconds


class Case(unittest.IsolatedAsyncioTestCase):
    def setUp(self):
        self.worker = here.worker = fakes.Worker()
        self.count = 0
        self.timers = []

    def tearDown(self):
        for timer in self.timers:
            timer.stop()

    def timer(self, callback, callback_time=2, **options):
        timer = PeriodicCallback(callback, callback_time, **options)
        self.timers.append(timer)
        return timer

    async def until(self, condition):
        """Wait until condition() holds."""
        deadline = time.monotonic() + PATIENCE
        while not condition():
            self.assertLess(time.monotonic(), deadline, self.worker.calls)
            await asyncio.sleep(0.001)

    async def ticks(self, more=2):
        """Wait until callbacks that call tick() have done it so often again."""
        want = self.count + more
        await self.until(lambda: self.count >= want)

    def tick(self):
        self.count += 1

    async def quiet(self):
        """Whether tick() is not called while a timer that started now ticks five times."""
        count, seen = self.count, []
        timer = self.timer(lambda: seen.append(1))
        timer.start()
        await self.until(lambda: len(seen) >= 5)
        timer.stop()
        return self.count == count


class Library(Case):
    def test_is_the_one_to_test(self):
        self.assertEqual('parley_worker' in tornado.__file__, os.environ[fakes.LIBRARY] == 'stand-in')

    def test_install_does_not_import_it(self):
        self.assertEqual(IMPORTED_EARLY, [])

    def test_parts_are_there_without_being_imported(self):
        self.assertIs(IOLOOP, sys.modules['tornado.ioloop'])
        with self.assertRaises(AttributeError):
            tornado.nothing_of_that_name
        with self.assertRaises(ModuleNotFoundError):
            importlib.import_module('tornado.nothing_of_that_name')

    def test_a_part_that_no_stand_in_has(self):
        if os.environ[fakes.LIBRARY] == 'real':
            importlib.import_module('tornado.httputil')
            return
        with self.assertRaisesRegex(ModuleNotFoundError, 'tornado is not installed.*install tornado'):
            importlib.import_module('tornado.httputil')

    def test_the_closed_error_is_its(self):
        self.assertIs(messages.closed_error(), WebSocketClosedError)
        self.assertTrue(issubclass(WebSocketClosedError, WebSocketError))
        self.assertEqual(str(messages.missing_argument('x')), 'HTTP 400: Bad Request (Missing argument x)')


class Periodic(Case):
    async def test_ticks_until_it_is_stopped(self):
        timer = self.timer(self.tick)
        self.assertFalse(timer.is_running())
        timer.start()
        self.assertTrue(timer.is_running())
        await self.ticks(3)
        timer.stop()
        self.assertFalse(timer.is_running())
        self.assertTrue(await self.quiet())
        timer.start()
        await self.ticks()

    async def test_takes_a_timedelta_and_jitter(self):
        self.timer(self.tick, datetime.timedelta(milliseconds=2), jitter=0.5).start()
        await self.ticks()
        with self.assertRaises(ValueError):
            PeriodicCallback(self.tick, 0)

    async def test_waits_for_an_async_callback(self):
        running = []

        async def callback():
            running.append(1)
            self.assertEqual(len(running), 1)
            await asyncio.sleep(3 * SOON)
            running.pop()
            self.tick()
        self.timer(callback, 1).start()
        await self.ticks(3)
        self.assertEqual(self.worker.named('raised'), [])

    async def test_may_stop_itself(self):
        def callback():
            self.tick()
            timer.stop()
        timer = self.timer(callback)
        timer.start()
        await self.ticks(1)
        self.assertTrue(await self.quiet())
        self.assertEqual(self.count, 1)

    def test_its_schedule(self):
        timer = PeriodicCallback(self.tick, 1000)
        for late, now, want in ((10, 10, 11), (10, 10.5, 11), (10, 12.5, 13), (10, 13, 14), (10, 9, 11)):
            timer._next_timeout = late
            timer._update_next(now)
            self.assertEqual(timer._next_timeout, want, (late, now))
        timer.jitter, seen = 0.5, set()
        for _ in range(100):
            timer._next_timeout = 10
            timer._update_next(10)
            seen.add(timer._next_timeout)
            self.assertTrue(10.75 <= timer._next_timeout <= 11.25, timer._next_timeout)
        self.assertGreater(len(seen), 50)

    async def test_runs_as_the_connection_that_started_it_and_outlives_it(self):
        connection, seen = fakes.Connection(), []

        def callback():
            seen.append(here.connection.get())
            self.tick()
        token = here.connection.set(connection)
        self.timer(callback).start()
        here.connection.reset(token)
        await self.ticks()
        connection.live = False
        await self.ticks()
        self.assertEqual(set(seen), {connection})
        self.assertEqual({call[1] for call in self.worker.named('finished')}, {connection})

    async def test_says_after_each_callback_that_it_has_ended(self):
        async def callback():
            self.worker.calls.append(('begins',))
            await asyncio.sleep(0)
            self.worker.calls.append(('ends',))
            self.tick()
        self.timer(callback).start()
        await self.ticks(3)
        names = [call[0] for call in self.worker.calls]
        self.assertEqual(names[:6], ['begins', 'ends', 'finished'] * 2)

    async def test_an_error_is_logged_and_it_goes_on(self):
        async def later():
            await asyncio.sleep(0)
            raise KeyError('later')

        def callback():
            self.tick()
            if self.count == 1:
                raise ValueError('now')
            if self.count == 2:
                return later()
            if self.count == 3:
                sys.exit(1)
        timer = self.timer(callback)
        timer.start()
        await self.ticks(5)
        self.assertTrue(timer.is_running())
        raised = self.worker.named('raised')
        self.assertEqual([type(call[1]) for call in raised], [ValueError, KeyError, SystemExit])
        self.assertRegex(raised[0][2], rf'^timer {__name__}\.Periodic\..*callback$')

    async def test_a_session_that_cannot_be_saved_is_logged(self):
        self.worker.finishing = ValueError('session')
        self.timer(self.tick).start()
        await self.ticks(1)
        self.assertIs(self.worker.named('raised')[0][1], self.worker.finishing)

    async def test_the_first_write_to_a_closed_socket_stops_it(self):
        connection = fakes.Connection()

        def plain():
            self.tick()
            return connection.handler.write_message('x')

        async def slow():
            self.tick()
            await asyncio.sleep(0)
            connection.handler.write_message('x')

        @gen.coroutine
        def old():
            self.tick()
            yield gen.sleep(0)
            connection.handler.write_message('x')
        for callback in (plain, slow, old):
            with self.subTest(callback=callback.__name__):
                self.worker.calls.clear()
                connection.live = True
                timer = self.timer(callback)
                timer.start()
                await self.ticks()
                connection.live = False
                await self.until(lambda: not timer.is_running())
                self.assertTrue(await self.quiet())
                self.assertEqual(self.worker.named('raised'), [])
                self.assertEqual(len(self.worker.named('warn')), 1)
                self.assertRegex(self.worker.named('warn')[0][1],
                                 rf'^timer {__name__}\..*{callback.__name__} is stopped: connection 1 is closed')


class Clock:
    """An IOLoop that calls nobody back by itself."""

    def __init__(self):
        self.pending = []

    def time(self):
        return 0

    def add_timeout(self, deadline, callback):
        self.pending.append((deadline, callback))
        return self.pending[-1]

    def remove_timeout(self, timeout):
        if timeout in self.pending:
            self.pending.remove(timeout)


class Restart(Case):
    async def test_a_timer_that_is_started_again_ticks_as_before(self):
        def again():
            timer.start()

        def anew():
            timer.stop()
            timer.start()

        async def slowly():
            timer.stop()
            await asyncio.sleep(0)
            timer.start()
            await asyncio.sleep(0)

        def off_and_on():
            timer.stop()
            timer.start()
            timer.start()

        for callback in (again, anew, slowly, off_and_on, lambda: None):
            clock = Clock()
            with self.subTest(callback=callback.__name__), mock.patch.object(IOLoop, 'current', lambda: clock):
                timer = PeriodicCallback(callback, 1000)
                timer.start()
                timer.start()
                for _ in range(3):
                    self.assertEqual(len(clock.pending), 1)
                    await clock.pending.pop()[1]()
                timer.stop()
                self.assertEqual(clock.pending, [])
                self.assertEqual(self.worker.named('raised'), [])


class Later(Case):
    async def test_every_way_to_be_called_back(self):
        loop = IOLoop.current()
        self.assertIs(IOLoop.instance(), loop)
        self.assertIs(loop.asyncio_loop, asyncio.get_running_loop())
        got = []
        ways = {
            'call_later': lambda *call, **more: loop.call_later(SOON, *call, **more),
            'call_at': lambda *call, **more: loop.call_at(loop.time() + SOON, *call, **more),
            'add_timeout': lambda *call, **more: loop.add_timeout(loop.time() + SOON, *call, **more),
            'timedelta': lambda *call, **more: loop.add_timeout(datetime.timedelta(seconds=SOON), *call, **more),
            'add_callback': loop.add_callback,
            'add_callback_from_signal': loop.add_callback_from_signal,
            'spawn_callback': loop.spawn_callback,
        }
        connection = fakes.Connection()
        for name, way in ways.items():
            with self.subTest(way=name):
                got.clear()
                self.worker.calls.clear()

                def callback(value, **more):
                    got.append((value, more, here.connection.get()))
                    raise ValueError(name)
                token = here.connection.set(connection)
                way(callback, 1, key=2)
                here.connection.reset(token)
                self.assertEqual(got, [])
                await self.until(lambda: self.worker.named('raised'))
                self.assertEqual(got, [(1, {'key': 2}, connection)])
                self.assertEqual(self.worker.calls[0], ('finished', connection))
                _, error, what, where = self.worker.calls[1]
                self.assertEqual((str(error), where), (name, connection))
                self.assertRegex(what, rf'^callback {__name__}\..*callback$')

    async def test_an_async_callback(self):
        async def callback():
            await asyncio.sleep(0)
            raise ValueError('late')
        IOLoop.current().add_callback(callback)
        await self.until(lambda: self.worker.named('raised'))
        self.assertEqual([call[0] for call in self.worker.calls], ['finished', 'raised'])

    async def test_remove_timeout(self):
        loop = IOLoop.current()
        loop.remove_timeout(loop.call_later(SOON, self.tick))
        self.assertTrue(await self.quiet())

    async def test_from_another_thread(self):
        loop = IOLoop.current()
        thread = threading.Thread(target=lambda: loop.add_callback(self.tick))
        thread.start()
        await self.ticks(1)
        thread.join()

    async def test_run_in_executor(self):
        def work(value):
            return value, threading.current_thread()
        value, thread = await IOLoop.current().run_in_executor(None, work, 5)
        self.assertEqual(value, 5)
        self.assertIsNot(thread, threading.current_thread())

    async def test_add_future(self):
        future = asyncio.get_running_loop().create_future()
        IOLoop.current().add_future(future, lambda done: self.assertIs(done, future) or self.tick())
        future.set_result(1)
        await self.ticks(1)
        self.assertEqual(self.worker.named('raised'), [])


class TopLevel(Case):
    """What the top level of a module starts."""

    def run_module(self, text):
        run = runs.current = runs.Run('app')
        space = {'__name__': 'app', 'tick': self.tick, 'loop': IOLoop.current(), 'timer': self.timer,
                 'kept': self.kept}
        try:
            exec(compile(text, 'app.py', 'exec'), space)
        finally:
            runs.current = None
        return run, space

    async def asyncSetUp(self):
        self.kept = self.timer(self.tick)  # made by a module that is not run again

    async def test_timers_end_with_the_run(self):
        run, _ = self.run_module('timer(tick).start()')
        await self.ticks()
        run.end()
        self.assertTrue(await self.quiet())

    async def test_callbacks_end_with_the_run(self):
        for call in ('call_later(.01, tick)', 'call_at(loop.time() + .01, tick)', 'add_callback(tick)',
                     'add_timeout(loop.time() + .01, tick)', 'add_callback_from_signal(tick)',
                     'spawn_callback(tick)'):
            with self.subTest(call=call):
                run, _ = self.run_module(f'loop.{call}')
                run.end()
                seen = []
                IOLoop.current().call_later(.02, seen.append, 1)
                await self.until(lambda: seen)
                self.assertEqual(self.count, 0)
                self.run_module(f'loop.{call}')
                await self.ticks(1)
                self.count = 0

    async def test_what_functions_start_lives_on(self):
        run, space = self.run_module('def later():\n kept.start()\n loop.call_later(0, tick)')
        space['later']()
        run.end()
        await self.ticks(5)

    async def test_a_run_that_fails_leaves_what_was_started(self):
        self.kept.start()
        run, _ = self.run_module('kept.start()')
        run.end()
        await self.ticks()
        self.assertTrue(self.kept.is_running())

    async def test_a_run_that_succeeds_keeps_what_it_starts_again(self):
        before, _ = self.run_module('kept.start()')
        after, _ = self.run_module('kept.start()')
        before.end()
        await self.ticks()
        after.end()
        self.assertTrue(await self.quiet())


class Parts(Case):
    async def test_coroutines(self):
        order = []

        @gen.coroutine
        def adds(a, b):
            order.append('begun')
            one = yield asyncio.sleep(0, a)
            two = yield [asyncio.sleep(0, b), gen.sleep(0)]
            three = yield {'c': asyncio.sleep(0, 3)}
            yield gen.moment
            try:
                yield fails()
            except ValueError:
                raise gen.Return(one + two[0] + three['c'])

        @gen.coroutine
        def fails():
            raise ValueError('no')
            yield

        @gen.coroutine
        def plain():
            return 7
        future = adds(1, 2)
        self.assertEqual(order, ['begun'])
        self.assertEqual(await future, 6)
        self.assertEqual(await plain(), 7)
        self.assertEqual(await gen.multi([plain(), plain()]), [7, 7])
        self.assertEqual(await gen.multi({'a': plain()}), {'a': 7})
        self.assertEqual(await gen.maybe_future(5), 5)
        with self.assertRaises(ValueError):
            await fails()
        with self.assertRaises(gen.TimeoutError):
            await gen.with_timeout(datetime.timedelta(seconds=0), asyncio.get_running_loop().create_future())
        self.assertEqual(await gen.with_timeout(time.time() + PATIENCE, plain()), 7)
        self.assertTrue(gen.is_coroutine_function(plain))
        self.assertFalse(gen.is_coroutine_function(len))

        @gen.coroutine
        def wrong():
            yield 5
        with self.assertRaises(gen.BadYieldError):
            await wrong()

    def test_coroutines_see_their_connection(self):
        @gen.coroutine
        def function():
            yield gen.sleep(0)
            return here.connection.get()

        async def main():
            return await function()
        connection, context = fakes.Connection(), contextvars.copy_context()
        context.run(here.connection.set, connection)
        self.assertIs(context.run(asyncio.run, main()), connection)

    def test_escape(self):
        for got, want in [
            (escape.json_encode({'a': '</b>'}), '{"a": "<\\/b>"}'),
            (escape.json_decode(b'{"a": 1}'), {'a': 1}),
            (escape.utf8('ü'), b'\xc3\xbc'),
            (escape.utf8(b'x'), b'x'),
            (escape.utf8(None), None),
            (escape.to_unicode(b'\xc3\xbc'), 'ü'),
            (escape.native_str('x'), 'x'),
            (escape.xhtml_escape('<a & "b">'), '&lt;a &amp; &quot;b&quot;&gt;'),
            (escape.xhtml_unescape('&lt;&#65;'), '<A'),
            (escape.url_escape('a b/ü'), 'a+b%2F%C3%BC'),
            (escape.url_escape('a b', plus=False), 'a%20b'),
            (escape.url_unescape('a+b%C3%BC'), 'a bü'),
            (escape.url_unescape('a+b', plus=False), 'a+b'),
            (escape.url_unescape('a+%FF', encoding=None), b'a \xff'),
            (escape.squeeze(' a \n b '), 'a b'),
            (escape.recursive_unicode({b'a': [b'b', (b'c',)]}), {'a': ['b', ('c',)]}),
        ]:
            self.assertEqual(got, want)
        with self.assertRaises(TypeError):
            escape.utf8(5)

    def test_errors_of_the_web(self):
        self.assertEqual(str(web.HTTPError(404)), 'HTTP 404: Not Found')
        self.assertEqual(str(web.HTTPError(400, 'no %s', 'x', reason='Why')), 'HTTP 400: Why (no x)')
        error = web.MissingArgumentError('name')
        self.assertIsInstance(error, web.HTTPError)
        self.assertEqual((error.status_code, error.arg_name), (400, 'name'))
