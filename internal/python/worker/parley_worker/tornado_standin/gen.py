"""Coroutines made of generators, from before Python had its own."""

import asyncio
import concurrent.futures
import datetime
import functools
import inspect
import time
import types

from tornado.util import TimeoutError

__all__ = ['BadYieldError', 'Return', 'TimeoutError', 'convert_yielded', 'coroutine', 'is_coroutine_function',
           'maybe_future', 'moment', 'multi', 'sleep', 'with_timeout']


class BadYieldError(Exception):
    """A coroutine yielded what cannot be waited for."""


class Return(Exception):
    """Raised in a coroutine to return a value."""

    def __init__(self, value=None):
        super().__init__()
        self.value = value
        self.args = (value,)


moment = None  # yield gen.moment: let others run


def coroutine(function):
    """Make a generator function one that returns a Future. It runs at once, up to its first yield."""
    @functools.wraps(function)
    def start(*args, **kwargs):
        future = asyncio.get_event_loop().create_future()
        try:
            made = function(*args, **kwargs)
            if not isinstance(made, types.GeneratorType):
                future.set_result(made)
                return future
            yielded = next(made)
        except (StopIteration, Return) as end:
            future.set_result(end.value)
        except Exception as error:
            future.set_exception(error)
        else:
            return asyncio.ensure_future(_go_on(made, yielded))
        return future
    start.__wrapped__ = function
    start.__tornado_coroutine__ = True
    return start


async def _go_on(made, yielded):
    """Run a generator that has yielded, to its end."""
    while True:
        try:
            try:
                value = await convert_yielded(yielded)
            except BaseException as error:
                yielded = made.throw(error)
            else:
                yielded = made.send(value)
        except (StopIteration, Return) as end:
            return end.value


def is_coroutine_function(function):
    """Whether function was made by coroutine."""
    return getattr(function, '__tornado_coroutine__', False)


def convert_yielded(yielded):
    """Return an awaitable for what a coroutine has yielded: an awaitable, a list or dict of them, or None."""
    if yielded is None:
        return sleep(0)
    if isinstance(yielded, (list, dict)):
        return multi(yielded)
    if isinstance(yielded, concurrent.futures.Future):
        return asyncio.wrap_future(yielded)
    if inspect.isawaitable(yielded):
        return yielded
    raise BadYieldError(f'yielded unknown object {yielded!r}')


async def multi(children, quiet_exceptions=()):
    """Wait for all of a list or dict of awaitables; return their results in the same shape."""
    if isinstance(children, dict):
        return dict(zip(children, await multi(list(children.values()))))
    return list(await asyncio.gather(*map(convert_yielded, children)))


def maybe_future(value):
    """Return an awaitable as it is, and anything else as a Future that has it."""
    if inspect.isawaitable(value):
        return value
    future = asyncio.get_event_loop().create_future()
    future.set_result(value)
    return future


def sleep(duration):
    """Wait for so many seconds."""
    return asyncio.sleep(duration)


async def with_timeout(timeout, future, quiet_exceptions=()):
    """Wait for future, until a time.time() or for a timedelta; it goes on if that is too short."""
    seconds = timeout.total_seconds() if isinstance(timeout, datetime.timedelta) else timeout - time.time()
    future = asyncio.ensure_future(convert_yielded(future))
    done, _ = await asyncio.wait([future], timeout=max(0, seconds))
    if not done:
        raise TimeoutError('Timeout')
    return future.result()
