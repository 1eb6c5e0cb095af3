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


class _Notes:
    """What is known of the values of a session that was touched."""

    __slots__ = ('handed', 'changed', 'pending')

    def __init__(self):
        # JSON texts of the lists and dictionaries that functions were given or
        # have set, as the server has them; None for one that JSON cannot carry.
        self.handed = {}
        self.changed = {}  # key: JSON text, or None if deleted; not sent yet
        self.pending = {}  # key: how many of our changes the server has not put in order yet


class Session(dict):
    """The values of one browser's session, shared by its connections.

    A change is sent after the function that made it. Lists and dictionaries in
    it may be changed in place: a key whose value was handed out is compared
    after every later function.
    """

    __slots__ = ('notes', 'holders', 'key')

    def __init__(self, id, values):
        super().__init__(values)
        self.key = id
        if values:
            self.with_id()
        self.notes = None  # a _Notes, once a value was handed out or changed
        self.holders = 0   # connections and calls that hold it

    # --- what the worker calls

    def with_id(self):
        """Return it, with the value that all have. Most are never looked at: as long as they are empty they stay so."""
        super().__setitem__('id', self.key)
        return self

    def take_changes(self):
        """Return what changed since the last call, as {key: JSON text or None}, and an error.

        The error is a SessionError if a value was changed in place to something
        that JSON cannot carry, else None; it is told once.
        """
        notes = self.notes
        if notes is None:
            return {}, None
        error = None
        for key in list(notes.handed):
            error = self._compare(key) or error
        changes, notes.changed = notes.changed, {}
        for key in changes:
            notes.pending[key] = notes.pending.get(key, 0) + 1
        return changes, error

    def _compare(self, key):
        """Note it if a value that was handed out has been changed in place. Returns a SessionError or None."""
        notes = self.notes
        was = notes.handed[key]
        try:
            now = _to_json(key, super().__getitem__(key))
        except SessionError as error:
            notes.handed[key] = None
            return error if was is not None else None
        if now != was:
            notes.handed[key] = notes.changed[key] = now
        return None

    def changed_elsewhere(self, own, sets, deletes):
        """Apply a change in the server's order; own ones are here already."""
        self.with_id()
        for key in [*sets, *deletes]:
            if self.notes is not None and self._ours_comes_later(key, own):
                continue
            if key in sets:
                super().__setitem__(key, sets[key])
                if self.notes is not None and key in self.notes.handed:
                    self.notes.handed[key] = _to_json(key, sets[key])
            else:
                super().pop(key, None)
                if self.notes is not None:
                    self.notes.handed.pop(key, None)

    def _ours_comes_later(self, key, own):
        """Whether the value here is newer, in the server's order, than a change that has come.

        An own change that this object knows nothing of was made through
        another one, which nobody holds any more: it is as good as foreign.
        """
        notes = self.notes
        known = key in notes.pending
        if own and known:
            notes.pending[key] -= 1
            if not notes.pending[key]:
                del notes.pending[key]
            return True
        if key in notes.handed:  # changed in place by a function that has not ended
            self._compare(key)
        return known or key in notes.changed

    def forget_pending(self):
        """Some changes that were sent will not come back."""
        if self.notes is not None:
            self.notes.pending.clear()

    # --- what functions call

    def _noted(self):
        if self.notes is None:
            self.notes = _Notes()
        return self.notes

    def _give(self, key, value):
        """Note that value is handed out and may be changed in place."""
        if not isinstance(value, _PLAIN) and key not in self._noted().handed:
            self.notes.handed[key] = _to_json(key, value)
        return value

    def _give_all(self):
        for key, value in super().items():
            self._give(key, value)

    def __iter__(self):  # its being here makes dict(session) use __getitem__
        return super().__iter__()

    def __getitem__(self, key):
        value = super().__getitem__(key)
        return value if type(value) is str else self._give(key, value)

    def get(self, key, default=None):
        return self[key] if key in self else default

    def items(self):
        self._give_all()
        return super().items()

    def values(self):
        self._give_all()
        return super().values()

    def copy(self):
        """Return a plain dictionary of the values."""
        return dict(self)

    def __or__(self, other):
        return self.copy() | other if isinstance(other, dict) else NotImplemented

    def __ror__(self, other):
        return other | self.copy() if isinstance(other, dict) else NotImplemented

    def __setitem__(self, key, value):
        _check_key(key)
        text = _to_json(key, value)
        super().__setitem__(key, value)
        notes = self._noted()
        notes.changed[key] = text
        if isinstance(value, _PLAIN):
            notes.handed.pop(key, None)
        else:
            notes.handed[key] = text

    def __delitem__(self, key):
        if key == 'id':
            _check_key(key)
        super().__delitem__(key)
        notes = self._noted()
        notes.handed.pop(key, None)
        notes.changed[key] = None

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

    @classmethod
    def fromkeys(cls, keys, value=None):
        """Return a plain dictionary."""
        return dict.fromkeys(keys, value)

    def __reduce__(self):  # a copy is a plain dictionary
        return dict, (dict(self),)

    def __reduce_ex__(self, protocol):
        return self.__reduce__()


class Sessions:
    """The sessions that connections or calls of this worker hold, by id."""

    def __init__(self):
        self._by_id = {}

    def hold(self, id, values):
        """Return the session; values are used if nobody here holds it yet."""
        session = self._by_id.get(id)
        if session is None:
            session = self._by_id[id] = Session(id, values)
        session.holders += 1
        return session

    def release(self, session):
        session.holders -= 1
        if session.holders == 0:
            self._by_id.pop(session.key, None)

    def get(self, id):
        return self._by_id.get(id)

    def __len__(self):
        return len(self._by_id)
