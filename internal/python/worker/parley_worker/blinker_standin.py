"""Signals, for machines without blinker: imported under that name, it behaves as blinker 1.9 does.

Nothing here knows of Parley; its rules (rooms.py) are put on this and on the
real package alike.
"""

import functools
import inspect
import weakref
from collections import defaultdict
from contextlib import contextmanager

__all__ = ['ANY', 'NamedSignal', 'Namespace', 'Signal', 'default_namespace', 'signal']


class _Any:
    def __repr__(self):
        return 'ANY'

    def __reduce__(self):
        return 'ANY'


ANY = _Any()

_ANY_KEY = 0  # no identity equals it: id() of no live object is 0


def _identity(value):
    """What stands for value in the tables: two bound methods of one object are one receiver."""
    if inspect.ismethod(value):
        return id(value.__func__), id(value.__self__)
    if isinstance(value, (str, int)):
        return 'value', value  # equal values are one sender
    return id(value)


def _weak(value, gone):
    """A weak reference that calls gone() when value has died."""
    reference = weakref.WeakMethod if inspect.ismethod(value) else weakref.ref
    return reference(value, lambda _: gone())


class Signal:
    """Something that receivers can be connected to, and that can be sent."""

    ANY = ANY

    def __init__(self, doc=None):
        if doc:
            self.__doc__ = doc
        self.receivers = {}  # identity: receiver, or a weak reference to it
        self.is_muted = False
        self._by_receiver = defaultdict(set)  # identity of a receiver: identities of its senders
        self._by_sender = defaultdict(set)    # identity of a sender: identities of its receivers
        self._weak_senders = {}               # identity of a sender: weak reference to it

    @functools.cached_property
    def receiver_connected(self):
        return Signal('Sent after each call of connect().')

    @functools.cached_property
    def receiver_disconnected(self):
        return Signal('Sent after each call of disconnect().')

    def connect(self, receiver, sender=ANY, weak=True):
        """Call receiver when the signal is sent by sender (any, unless given). Twice is once."""
        key = _identity(receiver)
        sender_key = _ANY_KEY if sender is ANY else _identity(sender)
        self.receivers[key] = _weak(receiver, lambda: self._forget(key)) if weak else receiver
        self._by_sender[sender_key].add(key)
        self._by_receiver[key].add(sender_key)
        if sender is not ANY and sender_key not in self._weak_senders:
            try:
                self._weak_senders[sender_key] = _weak(sender, lambda: self._forget_sender(sender_key))
            except TypeError:
                pass  # a sender that cannot be watched, as a str
        self._tell('receiver_connected', receiver=receiver, sender=sender, weak=weak)
        return receiver

    def connect_via(self, sender, weak=False):
        """Connect the decorated function to what sender sends."""
        def decorator(receiver):
            self.connect(receiver, sender, weak)
            return receiver
        return decorator

    @contextmanager
    def connected_to(self, receiver, sender=ANY):
        """Connect receiver while the with block runs."""
        self.connect(receiver, sender=sender, weak=False)
        try:
            yield None
        finally:
            self.disconnect(receiver)

    @contextmanager
    def muted(self):
        """Send nothing while the with block runs."""
        self.is_muted = True
        try:
            yield None
        finally:
            self.is_muted = False

    def disconnect(self, receiver, sender=ANY):
        """Undo connect, for one sender or for all."""
        key = _identity(receiver)
        if sender is ANY:
            self._forget(key)
        else:
            sender_key = _identity(sender)
            self._by_sender[sender_key].discard(key)
            self._by_receiver[key].discard(sender_key)
        self._tell('receiver_disconnected', receiver=receiver, sender=sender)

    def send(self, sender=None, /, *, _async_wrapper=None, **kwargs):
        """Call the receivers; return [(receiver, what it returned)]."""
        results = []
        for receiver in () if self.is_muted else self.receivers_for(sender):
            if inspect.iscoroutinefunction(receiver):
                if _async_wrapper is None:
                    raise RuntimeError('Cannot send to a coroutine function.')
                result = _async_wrapper(receiver)(sender, **kwargs)
            else:
                result = receiver(sender, **kwargs)
            results.append((receiver, result))
        return results

    async def send_async(self, sender=None, /, *, _sync_wrapper=None, **kwargs):
        """Call the receivers, which are coroutine functions; return [(receiver, what it returned)]."""
        results = []
        for receiver in () if self.is_muted else self.receivers_for(sender):
            if inspect.iscoroutinefunction(receiver):
                result = await receiver(sender, **kwargs)
            elif _sync_wrapper is None:
                raise RuntimeError('Cannot send to a non-coroutine function.')
            else:
                result = await _sync_wrapper(receiver)(sender, **kwargs)
            results.append((receiver, result))
        return results

    def has_receivers_for(self, sender):
        """Whether somebody may be connected to what sender sends."""
        if not self.receivers:
            return False
        if self._by_sender.get(_ANY_KEY):
            return True
        return sender is not ANY and _identity(sender) in self._by_sender

    def receivers_for(self, sender):
        """Yield the live receivers of what sender sends."""
        keys = set(self._by_sender.get(_ANY_KEY, ()))
        if sender is not ANY:
            keys.update(self._by_sender.get(_identity(sender), ()))
        for key in keys:
            receiver = self.receivers.get(key)
            if isinstance(receiver, weakref.ref):
                receiver = receiver()
            if receiver is not None:
                yield receiver

    def _tell(self, event, **arguments):
        """Send receiver_connected or receiver_disconnected, if somebody has asked for it."""
        listeners = self.__dict__.get(event)
        if listeners is not None and listeners.receivers:
            listeners.send(self, **arguments)

    def _forget(self, key):
        for sender_key in self._by_receiver.pop(key, ()):
            self._by_sender[sender_key].discard(key)
        self.receivers.pop(key, None)

    def _forget_sender(self, sender_key):
        self._weak_senders.pop(sender_key, None)
        for key in self._by_sender.pop(sender_key, ()):
            self._by_receiver[key].discard(sender_key)


class NamedSignal(Signal):
    """A signal with a name."""

    def __init__(self, name, doc=None):
        super().__init__(doc)
        self.name = name

    def __repr__(self):
        return f'{super().__repr__()[:-1]}; {self.name!r}>'


class Namespace(dict):
    """Signals by name."""

    def signal(self, name, doc=None):
        """Return the signal of that name, which is made if there is none."""
        if name not in self:
            self[name] = NamedSignal(name, doc)
        return self[name]


default_namespace = Namespace()
signal = default_namespace.signal
