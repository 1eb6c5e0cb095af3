"""Callbacks later, and again and again, on asyncio's loop."""

import asyncio
import concurrent.futures
import datetime
import functools
import inspect
import logging
import math
import random
import time
import weakref

_log = logging.getLogger('tornado.application')

_loops = weakref.WeakKeyDictionary()  # asyncio's loop: its IOLoop


class IOLoop:
    """Tornado's view of one loop of asyncio's. IOLoop.current() makes it."""

    def __init__(self, asyncio_loop):
        self._asyncio_loop = weakref.ref(asyncio_loop)

    @property
    def asyncio_loop(self):
        return self._asyncio_loop()

    @staticmethod
    def current(instance=True):
        """Return the loop that runs here, or else the thread's."""
        try:
            running = asyncio.get_running_loop()
        except RuntimeError:
            try:
                running = asyncio.get_event_loop()
            except RuntimeError:
                if instance:
                    raise
                return None
        if running not in _loops:
            _loops[running] = IOLoop(running)
        return _loops[running]

    @staticmethod
    def instance():
        return IOLoop.current()

    def start(self):
        self.asyncio_loop.run_forever()

    def stop(self):
        self.asyncio_loop.stop()

    def time(self):
        """The time of call_at, in seconds."""
        return time.time()

    def call_at(self, when, callback, *args, **kwargs):
        """Call back at a time. Returns what remove_timeout takes."""
        return self.asyncio_loop.call_later(
            max(0, when - self.time()), self._run_callback, functools.partial(callback, *args, **kwargs))

    def call_later(self, delay, callback, *args, **kwargs):
        """Call back after so many seconds. Returns what remove_timeout takes."""
        return self.call_at(self.time() + delay, callback, *args, **kwargs)

    def add_timeout(self, deadline, callback, *args, **kwargs):
        """Call back at a time, or after a timedelta. Returns what remove_timeout takes."""
        if isinstance(deadline, datetime.timedelta):
            deadline = self.time() + deadline.total_seconds()
        elif not isinstance(deadline, (int, float)):
            raise TypeError(f'Unsupported deadline {deadline!r}')
        return self.call_at(deadline, callback, *args, **kwargs)

    def remove_timeout(self, timeout):
        """Don't call back."""
        timeout.cancel()

    def add_callback(self, callback, *args, **kwargs):
        """Call back soon; may be called from any thread."""
        self.asyncio_loop.call_soon_threadsafe(self._run_callback, functools.partial(callback, *args, **kwargs))

    def add_callback_from_signal(self, callback, *args, **kwargs):
        self.add_callback(callback, *args, **kwargs)

    def spawn_callback(self, callback, *args, **kwargs):
        self.add_callback(callback, *args, **kwargs)

    def add_future(self, future, callback):
        """Call callback(future) when the future is done."""
        future.add_done_callback(lambda done: self.add_callback(callback, done))

    def run_in_executor(self, executor, func, *args):
        """Run func in a thread; returns a Future."""
        return self.asyncio_loop.run_in_executor(executor, func, *args)

    def set_default_executor(self, executor):
        self.asyncio_loop.set_default_executor(executor)

    def _run_callback(self, callback):
        try:
            result = callback()
            if isinstance(result, concurrent.futures.Future):
                result = asyncio.wrap_future(result)
            if inspect.isawaitable(result):
                asyncio.ensure_future(result)
        except Exception:
            _log.exception('Exception in callback %r', callback)


class PeriodicCallback:
    """Calls back every callback_time milliseconds, once it is started.

    A call that takes longer makes those skipped that would have begun
    meanwhile; the others stay in step. jitter: the fraction of callback_time
    by which each interval varies at random.
    """

    def __init__(self, callback, callback_time, jitter=0):
        if isinstance(callback_time, datetime.timedelta):
            callback_time = callback_time / datetime.timedelta(milliseconds=1)
        if callback_time <= 0:
            raise ValueError('Periodic callback must have a positive callback_time')
        self.callback = callback
        self.callback_time = callback_time
        self.jitter = jitter
        self._running = False
        self._timeout = None

    def start(self):
        """Call back from now on."""
        self.io_loop = IOLoop.current()
        self._running = True
        self._next_timeout = self.io_loop.time()
        self._schedule_next()

    def stop(self):
        """Don't call back any more."""
        self._running = False
        if self._timeout is not None:
            self.io_loop.remove_timeout(self._timeout)
            self._timeout = None

    def is_running(self):
        """Whether it was started and not stopped since."""
        return self._running

    async def _run(self):
        if not self._running:
            return
        try:
            result = self.callback()
            if inspect.isawaitable(result):
                await result
        except Exception:
            _log.exception('Exception in callback %r', self.callback)
        finally:
            self._schedule_next()

    def _schedule_next(self):
        if self._running:
            self._update_next(self.io_loop.time())
            self._timeout = self.io_loop.add_timeout(self._next_timeout, self._run)

    def _update_next(self, now):
        """Move _next_timeout on, by as many whole intervals as bring it after now."""
        interval = self.callback_time / 1000 * (1 + self.jitter * (random.random() - 0.5))
        missed = max(0, math.floor((now - self._next_timeout) / interval))
        self._next_timeout += (missed + 1) * interval
