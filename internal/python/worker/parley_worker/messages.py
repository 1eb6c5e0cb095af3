"""What can be sent to a peer, and as what."""

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


def missing_argument(name):
    """Return the error for an argument that the URL lacks."""
    from tornado.web import MissingArgumentError
    return MissingArgumentError(name)
