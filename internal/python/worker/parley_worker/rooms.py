"""Rooms: what signals do with sockets, over blinker or its stand-in.

A signal of blinker's default namespace is the channel of its name. Connecting
a handler's own write_message to it makes the connection a member of that
channel; sending publishes to all members, wherever they are. Everything else
(other receivers, sender=, other namespaces) is blinker's, except that one
receiver that raises does not keep the rest from being called.
"""

import asyncio
import functools
import inspect
import weakref

from . import claims, here, imports, messages
from .callables import name_of
from .handler import SocketHandler


def install():
    """Apply the rules to blinker when it is imported, and let it be imported where it is not installed."""
    imports.serve({'blinker': imports.Rule(_patch, 'blinker_standin.py')})


def _patch(blinker):
    """Put the rules in place of the methods of blinker's signals."""
    rules = _Rules(blinker)
    signal = blinker.Signal
    signal.connect = _method(signal.connect, rules.connect)
    signal.disconnect = _method(signal.disconnect, rules.disconnect)
    signal.has_receivers_for = _method(signal.has_receivers_for, rules.has_receivers_for)
    signal.send = _method(signal.send, rules.send)
    if hasattr(signal, 'send_async'):
        signal.send_async = _method(signal.send_async, rules.send_async)


def _method(original, rule):
    @functools.wraps(original)
    def method(signal, /, *args, **kwargs):
        return rule(original, signal, *args, **kwargs)
    return method


def _connection(receiver):
    """The connection whose own write_message the receiver is, or None."""
    if getattr(receiver, '__func__', None) is SocketHandler.write_message:
        return receiver.__self__._connection
    return None


_UNSAID = object()  # stands for blinker's ANY, which may be a stand-in's


class _Rules:
    """The rules for the signals of one blinker.

    Each takes the method that it replaces, the signal, and the arguments.
    """

    def __init__(self, blinker):
        self._any = blinker.ANY
        self._default = blinker.signal.__self__  # the default namespace; old versions don't name it
        self._rejects_async = '_async_wrapper' in inspect.signature(blinker.Signal.send).parameters
        self._warned = set()  # the channels that a warning was written for
        self._claims = claims.Claims()

    def _channel(self, signal):
        """The channel that the signal stands for, or None."""
        name = getattr(signal, 'name', None)
        if not isinstance(name, str) or self._default.get(name) is not signal:
            return None
        if name.startswith('\0'):
            raise ValueError("a channel's name cannot begin with a NUL character: such names are Parley's own")
        return name

    def connect(self, original, signal, receiver, sender=_UNSAID, weak=True):
        """As blinker's; a live handler's write_message becomes a membership, a closed one's nothing."""
        sender = self._any if sender is _UNSAID else sender
        connection = _connection(receiver) if sender is self._any else None
        channel = self._channel(signal) if connection is not None else None
        if channel is not None:
            if connection.live:
                here.worker.subscribe(connection, channel)
                self._tell_connected(signal, receiver, weak)
            return receiver
        if claims.run_under_way() is None:
            went_on = find = None
        else:
            went_on, find = self._is_connected(signal, receiver, sender), _finder(receiver, weak)
        original(signal, receiver, sender, weak)
        key = signal, _identity(receiver), 0 if sender is self._any else _identity(sender)
        self._claims.started(key, went_on, lambda: self._undo(signal, find, sender))
        return receiver

    def _tell_connected(self, signal, receiver, weak):
        listeners = signal.__dict__.get('receiver_connected')
        if listeners is not None and listeners.receivers:
            listeners.send(signal, receiver=receiver, sender=self._any, weak=weak)

    def _is_connected(self, signal, receiver, sender):
        def among(receivers):
            return any(_identity(other) == _identity(receiver) for other in receivers)
        to_any = among(signal.receivers_for(self._any))
        return to_any if sender is self._any else not to_any and among(signal.receivers_for(sender))

    def _undo(self, signal, find, sender):
        """Undo one connect."""
        receiver = find()
        if receiver is None:
            return
        key = _identity(receiver)
        senders = getattr(signal, '_by_receiver', {}).get(key, ())
        if sender is self._any and len(senders) > 1:  # disconnect(receiver) would end those with sender=, too
            signal._by_sender[0].discard(key)
            senders.discard(0)
        else:
            signal.disconnect(receiver, sender)

    def disconnect(self, original, signal, receiver, sender=_UNSAID):
        """As blinker's; ends a membership, too."""
        sender = self._any if sender is _UNSAID else sender
        connection = _connection(receiver) if sender is self._any else None
        channel = self._channel(signal) if connection is not None else None
        if channel is not None:
            here.worker.unsubscribe(connection, channel)
        original(signal, receiver, sender)

    def has_receivers_for(self, original, signal, sender):
        """As blinker's; members that this worker knows count. receivers_for does not list them."""
        if original(signal, sender):
            return True
        channel = self._channel(signal)
        return channel is not None and here.worker.subscribers(channel) > 0

    def send(self, original, signal, /, *args, **kwargs):
        """Publish to the members, then call the Python receivers; one that raises is logged.

        Returns [(receiver, result)] of those that returned.
        """
        channel = self._channel(signal)
        if channel is None:
            return original(signal, *args, **kwargs)
        value = _only(args)
        wrapper = kwargs.pop('_async_wrapper', None) if self._rejects_async else None
        if getattr(signal, 'is_muted', False):
            return []
        self._publish(channel, value, kwargs)
        results = []
        for receiver in signal.receivers_for(value) if signal.receivers else ():
            try:
                call = receiver
                if self._rejects_async and inspect.iscoroutinefunction(receiver):
                    if wrapper is None:
                        raise RuntimeError('Cannot send to a coroutine function.')
                    call = wrapper(receiver)
                results.append((receiver, call(value, **kwargs)))
            except BaseException as error:  # also SystemExit: it would keep others from being called
                here.worker.raised(error, _what(receiver, channel))
        return results

    async def send_async(self, original, signal, /, *args, **kwargs):
        """As send, and awaits the receivers, one after the other."""
        channel = self._channel(signal)
        if channel is None:
            return await original(signal, *args, **kwargs)
        value = _only(args)
        wrapper = kwargs.pop('_sync_wrapper', None)
        if signal.is_muted:
            return []
        self._publish(channel, value, kwargs)
        results = []
        for receiver in signal.receivers_for(value):
            try:
                call = receiver
                if not inspect.iscoroutinefunction(receiver):
                    if wrapper is None:
                        raise RuntimeError('Cannot send to a non-coroutine function.')
                    call = wrapper(receiver)
                results.append((receiver, await call(value, **kwargs)))
            except asyncio.CancelledError:
                raise
            except BaseException as error:
                here.worker.raised(error, _what(receiver, channel))
        return results

    def _publish(self, channel, value, kwargs):
        """Send value to the members if it can be sent, else warn once if there are any."""
        if kwargs:
            self._warn(channel, 'what is sent with keyword arguments reaches Python receivers only')
        elif not isinstance(value, (str, bytes, dict)):
            self._warn(channel, f'{type(value).__name__} reaches Python receivers only; send str, bytes or dict')
        else:
            try:
                here.worker.publish(channel, *_encode(value))
            except Exception as error:
                self._warn(channel, f'this {type(value).__name__} cannot be sent: {error}')

    def _warn(self, channel, why):
        if channel not in self._warned and here.worker.subscribers(channel) > 0:
            self._warned.add(channel)
            here.worker.warn(f'signal {channel!r} has subscribers, who did not get this: {why}')


def _identity(value):
    """What stands for a receiver or a sender: two bound methods of one object are the same, equal texts, too."""
    if inspect.ismethod(value):
        return id(value.__func__), id(value.__self__)
    return ('value', value) if isinstance(value, (str, int)) else id(value)


def _finder(receiver, weak):
    """Return a function that returns the receiver, or None if it was weak and has died."""
    if not weak:
        return lambda: receiver
    return weakref.WeakMethod(receiver) if inspect.ismethod(receiver) else weakref.ref(receiver)


def _encode(value):
    """The kind and octets of a message: bytes are text if they are UTF-8, else binary."""
    try:
        return messages.encode(value)
    except ValueError:
        if isinstance(value, bytes):
            return messages.encode(value, binary=True)
        raise


def _only(args):
    if len(args) > 1:
        raise TypeError(f'send() accepts only one positional argument, {len(args)} given')
    return args[0] if args else None


def _what(receiver, channel):
    return f'receiver {name_of(receiver)} of signal {channel!r}'
