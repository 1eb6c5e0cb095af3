"""What differences_test.go shows of Python's values, as corpus.star does of Starlark's."""
import json
from collections.abc import Mapping


def show(value):
    """Return JSON that says the type of a value and what is in it."""
    return json.dumps(tree(value))


def tree(value):
    kind = type(value).__name__
    if value is None or isinstance(value, bool):
        return [kind, str(value)]
    if isinstance(value, (int, float)):
        return [kind, repr(value)]
    if isinstance(value, str):
        return ['str', value]
    if isinstance(value, bytes):
        return ['bytes', list(value)]
    if isinstance(value, (list, tuple, set)):
        items = [tree(item) for item in value]
        return [kind, sorted(items, key=json.dumps) if isinstance(value, set) else items]
    if isinstance(value, Mapping):
        return ['dict', [[tree(key), tree(value[key])] for key in value]]
    return ['function' if callable(value) else kind]
