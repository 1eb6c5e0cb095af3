"""Texts as JSON, HTML and URLs want them."""

import html
import json
import urllib.parse


def utf8(value):
    """str as UTF-8; bytes and None as they are."""
    if value is None or isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return value.encode()
    raise TypeError(f'Expected bytes, unicode, or None; got {type(value)!r}')


def to_unicode(value):
    """bytes decoded from UTF-8; str and None as they are."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f'Expected bytes, unicode, or None; got {type(value)!r}')


_unicode = native_str = to_basestring = to_unicode


def recursive_unicode(value):
    """value with all bytes in it decoded from UTF-8."""
    if isinstance(value, dict):
        return {recursive_unicode(key): recursive_unicode(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(recursive_unicode(item) for item in value)
    return to_unicode(value) if isinstance(value, bytes) else value


def json_encode(value):
    """value as JSON that can stand in a script of a page."""
    return json.dumps(value).replace('</', '<\\/')


def json_decode(value):
    """The value of a JSON text."""
    return json.loads(to_basestring(value))


def xhtml_escape(value):
    """value as text of HTML."""
    return html.escape(to_basestring(value))


def xhtml_unescape(value):
    """The text that an HTML text stands for."""
    return html.unescape(to_basestring(value))


def url_escape(value, plus=True):
    """value as part of a URL; plus: a blank becomes +, as in a query."""
    return (urllib.parse.quote_plus if plus else urllib.parse.quote)(utf8(value))


def url_unescape(value, encoding='utf-8', plus=True):
    """The text that part of a URL stands for; its octets if encoding is None."""
    value = to_basestring(value)
    if encoding is None:
        return urllib.parse.unquote_to_bytes(value.replace('+', ' ') if plus else value)
    return (urllib.parse.unquote_plus if plus else urllib.parse.unquote)(value, encoding=encoding)


def squeeze(value):
    """value with each run of blanks as one."""
    return ' '.join(value.split())
