"""handler.request: the HTTP request, parsed when it is looked at."""

import base64
import http.cookies
import json
import re
from collections.abc import Mapping
from urllib.parse import parse_qsl, urlsplit


class Headers(Mapping):
    """HTTP headers: names in any letter case; several values are joined by commas."""

    def __init__(self, pairs):
        self._values = {}
        for name, value in pairs:
            self._values.setdefault(name.lower(), (name, []))[1].append(value)

    def __getitem__(self, name):
        return ','.join(self._values[name.lower()][1])

    def __iter__(self):
        return (name for name, _ in self._values.values())

    def __len__(self):
        return len(self._values)

    def __contains__(self, name):
        return isinstance(name, str) and name.lower() in self._values

    def get_list(self, name):
        """Return all values of a header."""
        return list(self._values.get(name.lower(), ('', []))[1])

    def get_all(self):
        """Return all headers, as (name, value)."""
        return [(name, value) for name, values in self._values.values() for value in values]

    def __repr__(self):
        return f'Headers({dict(self)!r})'


def parse_arguments(text):
    """Return {name: [octets]} of a query string or form."""
    arguments = {}
    for name, value in parse_qsl(text, keep_blank_values=True, errors='surrogateescape'):
        name = name.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')
        arguments.setdefault(name, []).append(value.encode('utf-8', 'surrogateescape'))
    return arguments


_QUOTED = re.compile(r'\\(?:([0-3][0-7]{2})|(.))', re.DOTALL)


def _unquote(value):
    """The value of a cookie that may stand in quotes."""
    if len(value) < 2 or not value[0] == value[-1] == '"':
        return value
    return _QUOTED.sub(lambda match: chr(int(match[1], 8)) if match[1] else match[2], value[1:-1])


def parse_cookies(header):
    """Return the cookies of a Cookie header, as Morsels by name. What is no cookie is left out."""
    cookies = {}
    for part in header.split(';'):
        name, equals, value = part.strip().partition('=')
        if not equals or not name:
            continue
        morsel = http.cookies.Morsel()
        try:
            morsel.set(name.strip(), _unquote(value.strip()), value.strip())
        except http.cookies.CookieError:
            continue
        cookies[morsel.key] = morsel
    return cookies


class Request:
    """The request that opened a socket, or that a function answers.

    `method uri path query host protocol remote_ip headers cookies body`, and `arguments`, also
    apart as `query_arguments` and `body_arguments`, {name: [bytes]}: as in Tornado.
    """

    version = 'HTTP/1.1'

    def __init__(self, text):
        fields = json.loads(text)
        for field in ('method', 'uri', 'path', 'query', 'host', 'protocol', 'remote_ip'):
            setattr(self, field, fields[field])
        self.headers = Headers(fields['headers'])
        self.cookies = parse_cookies('; '.join(self.headers.get_list('Cookie')))
        self.body = base64.b64decode(fields['body'])
        self.query_arguments = parse_arguments(self.query)
        self.body_arguments = {}
        kind = self.headers.get('Content-Type', '').split(';')[0].strip().lower()
        if kind == 'application/x-www-form-urlencoded':
            self.body_arguments = parse_arguments(self.body.decode('utf-8', 'surrogateescape'))
        self.arguments = {name: list(values) for name, values in self.query_arguments.items()}
        for name, values in self.body_arguments.items():
            self.arguments.setdefault(name, []).extend(values)
        self.text_arguments = {name: [value.decode('utf-8', 'replace') for value in values]
                               for name, values in self.arguments.items()}

    @property
    def host_name(self):
        """The host without its port."""
        return urlsplit('//' + self.host).hostname or ''

    def full_url(self):
        return f'{self.protocol}://{self.host}{self.uri}'

    def __repr__(self):
        return f'<Request {self.method} {self.uri}>'
