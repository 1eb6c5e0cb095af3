"""What can be sent to a peer, and as what."""

import http
import json
import sys

from . import rows

TEXT, BINARY = 1, 2

MAX_SIZE = rows.MAX_ROW - 64  # octets of a message


def encode(value, binary=False):
    """Return (kind, octets) of a message: str and dict are text, bytes too unless binary.

    Raises TypeError or ValueError for what cannot be sent.
    """
    if isinstance(value, str):
        try:
            return (BINARY if binary else TEXT), value.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f'write_message: the text cannot be sent as UTF-8: {error}') from None
    if isinstance(value, dict):
        text = json.dumps(value).replace('</', '<\\/')
        return (BINARY if binary else TEXT), text.encode()
    if isinstance(value, (bytes, bytearray, memoryview)):
        data = bytes(value)
        if binary:
            return BINARY, data
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise ValueError(
                f'write_message: these bytes are no UTF-8 text ({error}); use binary=True') from None
        return TEXT, data
    raise TypeError(f'write_message: message must be str, bytes or dict, not {type(value).__name__}')


def closed_error():
    """Return WebSocketClosedError: tornado's, which may be its stand-in."""
    from tornado.websocket import WebSocketClosedError
    return WebSocketClosedError


def is_closed_error(error):
    """Whether error is a WebSocketClosedError."""
    return 'tornado.websocket' in sys.modules and isinstance(error, closed_error())


def refusal(error):
    """Return (status, line) of an HTTPError that refuses a request, 4xx; None for any other error."""
    web = sys.modules.get('tornado.web')
    if web is None or not isinstance(error, web.HTTPError) or not 400 <= error.status_code < 500:
        return None
    known = error.status_code in http.HTTPStatus.__members__.values()
    reason = error.reason or (http.HTTPStatus(error.status_code).phrase if known else 'Refused')
    if isinstance(error, web.MissingArgumentError):
        reason = f'{reason}: the argument {error.arg_name} is missing'
    return error.status_code, f'{error.status_code} {reason}'


def missing_argument(name):
    """Return the error for an argument that the URL lacks."""
    from tornado.web import MissingArgumentError
    return MissingArgumentError(name)
