"""The handler: what functions see of their connection or request."""

import json
from functools import cached_property

from . import messages, rows
from .link import UNSENT_LIMIT
from .request import Request

_REQUIRED = object()
_TEXT = messages.TEXT
_LENGTHS, _KNOWN = rows.LENGTHS, len(rows.LENGTHS)


class Settings(dict):
    """A dictionary whose keys are attributes, too: handler.kwargs.limit."""

    _lacks = 'no setting'  # what the error says of a key that is not there

    def __getattr__(self, name):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(f'{self._lacks} {name!r}') from None

    @classmethod
    def of(cls, value):
        """Return value with every dictionary in it made a Settings."""
        if isinstance(value, dict):
            return cls((key, cls.of(item)) for key, item in value.items())
        if isinstance(value, list):
            return [cls.of(item) for item in value]
        return value


class User(Settings):
    """Who has logged in: handler.current_user.id, or ['id'], or .get('role')."""

    _lacks = 'the user has no attribute'


class _CurrentUser:
    """The attribute current_user, as long as no function sets another.

    It is who a token or ticket named, or else who is logged in in the session now.
    Each look gives a copy.
    """

    def __get__(self, handler, owner=None):
        if handler is None:
            return self
        if handler._user is not None:
            return User.of(json.loads(handler._user))
        user = dict.get(handler._connection.session, 'user')  # which hands nothing out that may be changed
        return User.of(user) if isinstance(user, dict) and user else None


class _OfEndpoint:
    """An attribute that a handler has from its endpoint, as long as no function sets another."""

    def __set_name__(self, _, name):
        self._name = name

    def __get__(self, handler, owner=None):
        return self if handler is None else getattr(handler._connection.endpoint, self._name)


class Handler:
    """What the handlers of sockets and of pages share, and all that one has for functions that judge.

    Functions may set any attribute. There may be very many, most of them idle: what is usual is not kept in each.
    """

    _user = None  # JSON of who a token or ticket named
    current_user = _CurrentUser()
    name, kwargs, conf = _OfEndpoint(), _OfEndpoint(), _OfEndpoint()

    def __init__(self, connection, head, request):
        self._connection = connection
        self._about = head['id'].encode() + b' ' + request  # which is JSON, until it is looked at
        if 'user' in head:
            self._user = json.dumps(head['user']).encode()
        if head['path_args']:
            self.path_args = head['path_args']
        if head['path_kwargs']:
            self.path_kwargs = head['path_kwargs']

    @cached_property
    def path_args(self):
        """The groups of the pattern, if they have no names."""
        return []

    @cached_property
    def path_kwargs(self):
        """The groups of the pattern, by their names."""
        return {}

    @cached_property
    def id(self):
        """The connection's id, as the server's log has it."""
        return self._about.partition(b' ')[0].decode()

    @cached_property
    def request(self):
        """The HTTP request, parsed when it is first looked at."""
        id, _, request = self._about.partition(b' ')
        self._about = id
        return Request(request)

    @property
    def session(self):
        """The values kept for this browser; changes are saved when the function ends."""
        return self._connection.session or self._connection.session.with_id()

    @cached_property
    def args(self):
        """The arguments of the URL (and of a posted form), as {name: [values]}."""
        return self.request.text_arguments

    def get_arg(self, name, default=_REQUIRED, first=False):
        """Return the last (or first) value of an argument."""
        values = self.args.get(name)
        if values:
            return values[0 if first else -1]
        if default is _REQUIRED:
            raise messages.missing_argument(name)
        return default

    def get_argument(self, name, default=_REQUIRED, strip=True):
        """Return the last value of an argument, without blanks around it."""
        value = self.get_arg(name, default)
        return value.strip() if strip and isinstance(value, str) else value

    def get_arguments(self, name, strip=True):
        """Return all values of an argument."""
        return [value.strip() if strip else value for value in self.args.get(name, [])]

    def get_cookie(self, name, default=None):
        """Return the value of a cookie of the request."""
        morsel = self.request.cookies.get(name)
        return default if morsel is None else morsel.value

    def __repr__(self):
        return f'<{type(self).__name__} {self.name} {self.id}>'


class SocketHandler(Handler):
    """One WebSocket; the same object for all its functions."""

    selected_subprotocol = None
    close_code = None
    close_reason = None

    def write_message(self, message, binary=False):
        """Send str, bytes or a dict (as JSON). Never waits; awaiting the result waits for room."""
        connection = self._connection
        if type(message) is str and not binary and connection.live:
            try:
                data = message.encode()
            except UnicodeEncodeError:
                pass  # messages.encode says it
            else:
                size = len(data)
                if size >= _KNOWN:
                    return connection.write(_TEXT, data)
                # What Connection.write does. A call of it would take as long as this.
                connection.unanswered += size
                link = connection.link
                link.unsent += 9 + size
                link.out.extend((_LENGTHS[size], connection.text_head, data))
                if not link.will_flush or link.unsent > UNSENT_LIMIT:
                    link.flush_soon()
                return connection
        kind, data = messages.encode(message, binary)
        return connection.write(kind, data)

    def close(self, code=None, reason=None):
        """Close the socket, with a code from 3000 to 4999 or one of RFC 6455, and a short reason."""
        if code is None and reason is not None:
            code = 1000
        if code is not None and not (1000 <= code <= 1014 and code not in (1004, 1005, 1006) or 3000 <= code <= 4999):
            raise ValueError(f'close: {code} is no close code: use 1000 or 3000 to 4999')
        if reason is not None and len(reason.encode()) > 123:
            raise ValueError(f'close: the reason has {len(reason.encode())} octets; at most 123 can be sent')
        self._connection.close(code or 0, reason or '')

    def ping(self, data=b''):
        """Send a ping with up to 125 octets; on_pong receives them back."""
        data = data.encode() if isinstance(data, str) else bytes(memoryview(data))
        if len(data) > 125:
            raise ValueError(f'ping: {len(data)} octets are too many: at most 125 can be sent')
        self._connection.ping(data)

    def set_nodelay(self, value):
        """Nothing: messages are never delayed."""

    def _no_response(self, *args, **kwargs):
        raise RuntimeError('a WebSocket has no HTTP response to change')

    set_status = set_header = add_header = redirect = set_cookie = write = finish = _no_response


class PageHandler(Handler):
    """One HTTP request that a FunctionHandler answers."""

    def __init__(self, connection, head, request):
        super().__init__(connection, head, request)
        self._status = 0
        self._headers = []

    def set_status(self, status):
        """Answer with another HTTP status than 200."""
        if not 200 <= int(status) <= 599:
            raise ValueError(f'set_status: {status} is no status of an answer: use 200 to 599')
        self._status = int(status)

    def add_header(self, name, value):
        """Add a header to the answer."""
        name, value = str(name), str(value)
        if any(char < ' ' or char == '\x7f' for char in name + value):
            raise ValueError(f'header {name!r}: line breaks and control characters cannot be sent')
        self._headers.append([name, value])

    def set_header(self, name, value):
        """Set a header of the answer."""
        others = [pair for pair in self._headers if pair[0].lower() != str(name).lower()]
        self.add_header(name, value)
        self._headers = [*others, self._headers[-1]]

    def redirect(self, url, permanent=False, status=None):
        """Answer by sending the browser to url."""
        self.set_status(status or (301 if permanent else 302))
        self.set_header('Location', url)
