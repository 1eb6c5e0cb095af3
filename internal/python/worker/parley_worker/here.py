"""Whose code is running: the connection, and the worker itself."""

import contextvars

# The Connection whose function is running, also in tasks and timers that it
# started; None outside any.
connection = contextvars.ContextVar('connection', default=None)

# The Worker of this process; set once, when it starts.
worker = None
