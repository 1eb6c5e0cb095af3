"""Tracebacks that show the app's code, not the worker's."""

import importlib
import os
import traceback

LONGEST = 64 << 10   # characters of a traceback; the middle of a longer one is left out
LONGEST_LINE = 1000  # characters of a message

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_IMPORT = (os.path.dirname(os.path.abspath(importlib.__file__)) + os.sep, '<frozen importlib')


def one_line(error):
    """The error's type and the first line of its text: "TypeError: no"."""
    kind = type(error).__qualname__
    if type(error).__module__ not in ('builtins', '__main__'):
        kind = f'{type(error).__module__}.{kind}'
    try:
        lines = str(error).strip().splitlines()
    except Exception as problem:
        lines = [f'(its text cannot be made: {type(problem).__name__})']
    line = f'{kind}: {lines[0]}' if lines else kind
    return line if len(line) <= LONGEST_LINE else line[:LONGEST_LINE] + ' …'


def trimmed(error):
    """The error's traceback without the worker's frames and those of import.

    An error in the text of a module has no frames: where it is, is all there is to say.
    """
    tree = traceback.TracebackException.from_exception(error)
    _trim(tree)
    if not tree.stack and tree.__cause__ is None and (tree.__context__ is None or tree.__suppress_context__):
        text = ''.join(tree.format_exception_only())
    else:
        text = ''.join(tree.format())
    text = text.rstrip()
    if len(text) > LONGEST:
        half = LONGEST // 2
        text = f'{text[:half]}\n  … {len(text) - 2 * half} characters …\n{text[-half:]}'
    return text


def _trim(tree):
    """Take out frames of the worker and of import, here and in what led to it."""
    trees, seen = [tree], set()
    while trees:
        tree = trees.pop()
        if tree is None or id(tree) in seen:
            continue
        seen.add(id(tree))
        tree.stack = traceback.StackSummary.from_list(frame for frame in tree.stack if not _is_ours(frame.filename))
        trees += [tree.__cause__, tree.__context__, *(getattr(tree, 'exceptions', None) or ())]


def _is_ours(filename):
    return filename.startswith(_IMPORT) or os.path.abspath(filename).startswith(_HERE)
