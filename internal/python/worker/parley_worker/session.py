"""handler.session: one dictionary per session id, whose changes reach the server."""

import json

_PLAIN = (str, int, float, bool, type(None))


class SessionError(TypeError, ValueError):
    """A session was given something that JSON cannot carry."""


def _to_json(key, value):
    try:
        return json.dumps(value, allow_nan=False, separators=(',', ':'))
    except (TypeError, ValueError, RecursionError) as error:
        raise SessionError(f'session key {key!r}: {error}') from None


def _check_key(key):
    if not isinstance(key, str):
        raise SessionError(f'session key {key!r}: keys are str, not {type(key).__name__}')
    if key == 'id':
        raise SessionError("session key 'id': the session's id cannot be changed")


class Session(dict):
    """The values of one browser's session, shared by its connections.

    A change is sent after the function that made it. Lists and dictionaries in
    it may be changed in place: a key whose value was handed out is compared
    after every later function.
    """

    def __init__(self, id, values):
        super().__init__(values)
        super().__setitem__('id', id)
        self._id = id
        # JSON texts of the mutable values that were handed out or set, as the
        # server has them; None for one that JSON cannot carry.
        self._handed = {}
        self._changed = {}  # key: JSON text, or None if deleted; not sent yet
        self._pending = {}  # key: how many of our changes the server has not put in order yet
        self._holders = 0   # connections and calls that hold it

    # --- what the worker calls

    def take_changes(self):
        """Return what changed since the last call, as {key: JSON text or None}, and an error.

        The error is a SessionError if a value was changed in place to something
        that JSON cannot carry, else None; it is told once.
        """
        bad = None
        for key, was in list(self._handed.items()):
            try:
                now = _to_json(key, super().__getitem__(key))
            except SessionError as error:
                if was is not None:
                    bad = error
                    self._handed[key] = None
                continue
            if now != was:
                self._handed[key] = now
                self._changed[key] = now
        changes, self._changed = self._changed, {}
        for key in changes:
            self._pending[key] = self._pending.get(key, 0) + 1
        return changes, bad

    def changed_elsewhere(self, own, sets, deletes):
        """Apply a change in the server's order; own ones are here already."""
        for key in [*sets, *deletes]:
            if own:
                left = self._pending.get(key, 0) - 1
                if left > 0:
                    self._pending[key] = left
                else:
                    self._pending.pop(key, None)
            elif key in self._pending or key in self._changed:
                continue  # our own change comes later in the order
            elif key in sets:
                super().__setitem__(key, sets[key])
                if key in self._handed:
                    self._handed[key] = _to_json(key, sets[key])
            else:
                super().pop(key, None)
                self._handed.pop(key, None)

    # --- what functions call

    def _give(self, key, value):
        """Note that value is handed out and may be changed in place."""
        if key not in self._handed and not isinstance(value, _PLAIN):
            self._handed[key] = _to_json(key, value)
        return value

    def _give_all(self):
        for key, value in super().items():
            self._give(key, value)

    def __iter__(self):  # its being here makes dict(session) use __getitem__
        return super().__iter__()

    def __getitem__(self, key):
        return self._give(key, super().__getitem__(key))

    def get(self, key, default=None):
        return self[key] if key in self else default

    def items(self):
        self._give_all()
        return super().items()

    def values(self):
        self._give_all()
        return super().values()

    def copy(self):
        self._give_all()
        return dict(self)

    def __setitem__(self, key, value):
        _check_key(key)
        text = _to_json(key, value)
        super().__setitem__(key, value)
        self._changed[key] = text
        if isinstance(value, _PLAIN):
            self._handed.pop(key, None)
        else:
            self._handed[key] = text

    def __delitem__(self, key):
        _check_key(key)
        super().__delitem__(key)
        self._handed.pop(key, None)
        self._changed[key] = None

    def setdefault(self, key, default=None):
        if key not in self:
            self[key] = default
        return self[key]

    def pop(self, key, *default):
        if key not in self and default:
            return default[0]
        value = super().__getitem__(key)
        del self[key]
        return value

    def popitem(self):
        for key in reversed(self):
            if key != 'id':
                return key, self.pop(key)
        raise KeyError('popitem(): the session is empty')

    def clear(self):
        for key in list(self):
            if key != 'id':
                del self[key]

    def update(self, *args, **kwargs):
        for key, value in dict(*args, **kwargs).items():
            self[key] = value

    def __ior__(self, other):
        self.update(other)
        return self

    def __reduce__(self):
        return dict, (dict(self),)


class Sessions:
    """The sessions that connections or calls of this worker hold, by id."""

    def __init__(self):
        self._by_id = {}

    def hold(self, id, values):
        """Return the session; values are used if nobody here holds it yet."""
        session = self._by_id.get(id)
        if session is None:
            session = self._by_id[id] = Session(id, values)
        session._holders += 1
        return session

    def release(self, session):
        session._holders -= 1
        if session._holders == 0:
            self._by_id.pop(session._id, None)

    def get(self, id):
        return self._by_id.get(id)
