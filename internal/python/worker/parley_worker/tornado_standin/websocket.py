"""The errors of sockets."""


class WebSocketError(Exception):
    """What goes wrong with a WebSocket."""


class WebSocketClosedError(WebSocketError):
    """Something was to be sent on a WebSocket that is closed."""
