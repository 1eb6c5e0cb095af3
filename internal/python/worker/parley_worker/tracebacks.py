"""Tracebacks that show the app's code, not the worker's."""

import os
import traceback

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep


def one_line(error):
    """The last line of the error's traceback: "TypeError: no"."""
    lines = traceback.format_exception_only(type(error), error)
    return lines[-1].strip()


def trimmed(error):
    """The error's traceback without the worker's frames and those of import."""
    tree = traceback.TracebackException.from_exception(error)
    _trim(tree)
    return ''.join(tree.format()).rstrip()


def _trim(tree):
    tree.stack = traceback.StackSummary.from_list(
        frame for frame in tree.stack
        if not frame.filename.startswith('<frozen importlib') and not os.path.abspath(frame.filename).startswith(_HERE))
    for inner in (tree.__cause__, tree.__context__, *(getattr(tree, 'exceptions', None) or ())):
        if inner is not None:
            _trim(inner)
