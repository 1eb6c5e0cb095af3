"""Timers: what Tornado's callbacks may do to the worker, over Tornado or its stand-in.

They run as the connection whose code started them, and outlive it. One that
raises is logged and goes on; a PeriodicCallback that writes to a closed
socket is stopped. What a module's top level has started ends with its run.
"""

import asyncio
import functools
import importlib
import inspect
import sys

from . import claims, here, imports, messages, runs
from .callables import name_of

_PARTS = ('escape', 'gen', 'ioloop', 'web', 'websocket')


def install():
    """Apply the rules to Tornado when it is imported, and let it be imported where it is not installed."""
    imports.serve({
        'tornado': imports.Rule(_patch_package, 'tornado_standin'),
        'tornado.ioloop': imports.Rule(_patch_ioloop),
        'tornado.platform.asyncio': imports.Rule(lambda module: _patch_loop(module.BaseAsyncIOLoop)),
    })


def _patch_package(tornado):
    """Make tornado.ioloop work after "import tornado": under Gramex, others have imported it."""
    def part(name):
        if name in _PARTS:
            return importlib.import_module(f'tornado.{name}')
        raise AttributeError(f'module {tornado.__name__!r} has no attribute {name!r}')
    tornado.__dict__.setdefault('__getattr__', part)


def _patch_ioloop(ioloop):
    _patch_periodic(ioloop.PeriodicCallback)
    _patch_loop(ioloop.IOLoop)
    run = ioloop.IOLoop._run_callback
    ioloop.IOLoop._run_callback = lambda loop, callback: run(loop, _guarded(callback))


# --- PeriodicCallback


def _patch_periodic(periodic):
    start, stop = periodic.start, periodic.stop
    held = claims.Claims()

    @functools.wraps(start)
    def start_once(timer):
        went_on = timer.is_running()
        if went_on:
            stop(timer)  # or it would tick twice as often
        timer._begun = object()
        start(timer)
        held.started(timer, went_on, timer.stop)

    async def run(timer):
        if not timer.is_running():
            return
        begun = timer._begun
        what = f'timer {name_of(timer.callback)}'
        try:
            result = timer.callback()
            if inspect.isawaitable(result):
                await result
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # also SystemExit: a timer must not end the worker
            if _is_closed(error):
                timer.stop()
                _ended(what)
                here.worker.warn(f'{what} is stopped: {error or "the WebSocket is closed"}')
            else:
                _ended(what, error)
        else:
            _ended(what)
        finally:
            if timer._begun is begun:  # else it was started anew meanwhile, and ticks already
                timer._schedule_next()

    run.of_timer = True
    periodic.start = start_once
    periodic._run = run


def _is_closed(error):
    """Whether error is a WebSocketClosedError; nobody has raised one if it was never imported."""
    return 'tornado.websocket' in sys.modules and isinstance(error, messages.closed_error())


# --- IOLoop


class _Stoppable:
    """A callback that does nothing once it is stopped."""

    def __init__(self, callback):
        self.callback = callback
        self._stopped = False

    def __call__(self, *args, **kwargs):
        return None if self._stopped else self.callback(*args, **kwargs)

    def stop(self):
        self._stopped = True


def _owned(callback):
    """The callback, stopped when the run under way ends if a module's top level calls."""
    if claims.run_under_way() is None or _is_tick(callback):
        return callback
    stoppable = _Stoppable(callback)
    runs.own(stoppable.stop)
    return stoppable


def _patch_loop(loop):
    """Wrap those methods that the class defines itself and that take a callback."""
    def call_at(original):
        @functools.wraps(original)
        def method(self, when, callback, *args, **kwargs):
            return original(self, when, _owned(callback), *args, **kwargs)
        return method

    def add_callback(original):
        @functools.wraps(original)
        def method(self, callback, *args, **kwargs):
            return original(self, _owned(callback), *args, **kwargs)
        return method

    wraps = {'call_at': call_at, 'add_callback': add_callback, 'add_callback_from_signal': add_callback}
    for name, wrap in wraps.items():
        if name in loop.__dict__:
            setattr(loop, name, wrap(loop.__dict__[name]))


def _guarded(callback):
    """The callback, as a function that raises nothing and says when it has ended."""
    inner = callback
    while isinstance(inner, (functools.partial, _Stoppable)):
        inner = inner.func if isinstance(inner, functools.partial) else inner.callback
    if _is_tick(inner) or (getattr(inner, '__module__', None) or '').startswith('tornado.'):  # none of the app's
        return callback
    what = f'callback {name_of(inner)}'

    def call():
        try:
            result = callback()
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            _ended(what, error)
            return None
        if inspect.isawaitable(result):
            return _wait(result, what)
        _ended(what)
        return result
    return call


async def _wait(result, what):
    try:
        await result
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        _ended(what, error)
    else:
        _ended(what)


def _is_tick(callback):
    """Whether it is a PeriodicCallback's own, which looks after itself."""
    return getattr(callback, 'of_timer', False)


def _ended(what, error=None):
    """Send what a callback has printed and changed, then log its error."""
    unsaved = here.worker.finished()
    for each in (error, unsaved):
        if each is not None:
            here.worker.raised(each, what)
