"""What the log calls a function of the app."""

import functools


def name_of(function):
    """Return "chat.on_join", also for a method, a partial or an object that can be called."""
    while isinstance(function, functools.partial):
        function = function.func
    name = getattr(function, '__qualname__', None)
    if name is None:
        function, name = type(function), type(function).__qualname__
    module = getattr(function, '__module__', None)
    return f'{module}.{name}' if module else name
