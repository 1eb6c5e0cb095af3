"""handler.request: the HTTP request, parsed when it is looked at."""

import base64
import http.cookies
import json
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
        return list(self._values.get(name.lower(), ('', []))[1])

    def get_all(self):
        return [(name, value) for name, values in self._values.values() for value in values]

    def __repr__(self):
        return f'Headers({dict(self)!r})'


def parse_arguments(text):
    """Return {name: [values]} of a query string or form."""
    arguments = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        arguments.setdefault(name, []).append(value)
    return arguments


def parse_cookies(header):
    """Return the cookies of a Cookie header, as Morsels by name. What is no cookie is left out."""
    cookies = {}
    for part in header.split(';'):
        name, equals, value = part.strip().partition('=')
        if not equals or not name:
            continue
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        morsel = http.cookies.Morsel()
        try:
            morsel.set(name, value, value)
        except http.cookies.CookieError:
            continue
        cookies[name] = morsel
    return cookies


class Request:
    """The request that opened a socket, or that a function answers.

    `method uri path query host protocol remote_ip headers cookies arguments body`, as in Tornado;
    arguments are {name: [bytes]}.
    """

    version = 'HTTP/1.1'

    def __init__(self, blob):
        self._blob = blob  # JSON, until it is looked at

    def __getattr__(self, name):
        blob = self.__dict__.pop('_blob', None)
        if blob is None or name.startswith('__'):
            if blob is not None:
                self._blob = blob
            raise AttributeError(f'the request has no {name}')
        fields = json.loads(blob)
        for field in ('method', 'uri', 'path', 'query', 'host', 'protocol', 'remote_ip'):
            setattr(self, field, fields[field])
        self.headers = Headers(fields['headers'])
        self.cookies = parse_cookies('; '.join(self.headers.get_list('Cookie')))
        self.body = base64.b64decode(fields['body'])
        self.query_arguments = parse_arguments(self.query)
        self.body_arguments = {}
        if self.headers.get('Content-Type', '').split(';')[0].strip() == 'application/x-www-form-urlencoded':
            self.body_arguments = parse_arguments(self.body.decode('utf-8', 'replace'))
        self.text_arguments = {name: list(values) for name, values in self.query_arguments.items()}
        for name, values in self.body_arguments.items():
            self.text_arguments.setdefault(name, []).extend(values)
        self.arguments = {name: [value.encode() for value in values]
                          for name, values in self.text_arguments.items()}
        return getattr(self, name)

    @property
    def host_name(self):
        """The host without its port."""
        return urlsplit('//' + self.host).hostname or ''

    def full_url(self):
        return f'{self.protocol}://{self.host}{self.uri}'

    def __repr__(self):
        return f'<Request {self.method} {self.uri}>'
