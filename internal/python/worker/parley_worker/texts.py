"""What a module's text says: what it imports, defines, and may keep from its last run."""

import ast
import importlib.util
import io
import sys

_EMPTY_CALLS = ('dict', 'list', 'set', 'deque', 'collections.deque')
_DEFAULTDICT = ('defaultdict', 'collections.defaultdict')


def _parse(text, path='<text>'):
    return compile(text, path, 'exec', ast.PyCF_ONLY_AST, dont_inherit=True)


def merge(old_text, new_text, path, namespace):
    """Return the new text's tree without the statements whose live value stays, and the names that go.

    Names of namespace keep their value if the only statement at the top level
    that gives them one is textually unchanged and its right side is constant
    or an empty container. Raises SyntaxError.
    """
    new, old = _parse(new_text, path), _parse(old_text, path)
    old_starts = _starts(old, old_text)
    kept = set()
    for (text, names), statement in _starts(new, new_text).items():
        if (text, names) in old_starts and all(name in namespace for name in names):
            kept.add(statement)
    gone = _defined(old, namespace) - _defined(new, namespace)
    new.body = [statement for statement in new.body if statement not in kept]
    return new, gone


def _starts(tree, text):
    """{(source, names): statement} of the simple statements that give names, each its only one, a value to start from."""
    lines = None
    times, found = {}, {}
    for statement in tree.body:
        for name in _bound([statement]):
            times[name] = times.get(name, 0) + 1
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            names = _names(statement.targets)
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            names = _names([statement.target])
        else:
            continue
        if names and all(times[name] == 1 for name in names) and _is_start(statement.value):
            if lines is None:
                lines = _lines(text)
            found[_source(lines, statement), names] = statement
    return found


def _names(targets):
    """The names that targets are, or () if one of them is something else."""
    names = []
    for target in targets:
        parts = target.elts if isinstance(target, (ast.Tuple, ast.List)) else [target]
        if not all(isinstance(part, ast.Name) for part in parts):
            return ()
        names += [part.id for part in parts]
    return tuple(names)


def _lines(text):
    """The lines of a text in octets of UTF-8, as the places in its tree count them."""
    source = io.StringIO(importlib.util.decode_source(text), newline=None)
    return [line.encode('utf-8', 'surrogatepass') for line in source]


def _source(lines, node):
    """The text of a statement."""
    first, last = node.lineno - 1, node.end_lineno - 1
    if first == last:
        return lines[first][node.col_offset:node.end_col_offset]
    return b''.join([lines[first][node.col_offset:], *lines[first + 1:last], lines[last][:node.end_col_offset]])


def _is_start(value):
    """Whether value is a literal of constants or an empty container."""
    if isinstance(value, ast.Call):
        function = ast.unparse(value.func)
        if function in _DEFAULTDICT:
            return len(value.args) == 1 and not value.keywords and isinstance(value.args[0], (ast.Name, ast.Attribute))
        return function in _EMPTY_CALLS and not value.args and not value.keywords
    if isinstance(value, (ast.Tuple, ast.List)) and all(map(_is_start, value.elts)):
        return True  # a, b = {}, set()
    try:
        ast.literal_eval(value)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return False
    return True


class _Bound(ast.NodeVisitor):
    """Collects the names that statements bind in their own scope."""

    def __init__(self):
        self.names = set()

    def visit_FunctionDef(self, node):
        self.names.add(node.name)
        for part in [*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)]:
            self.visit(part)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node):
        self.names.add(node.name)

    def visit_Lambda(self, node):
        pass

    def visit_Name(self, node):
        if isinstance(node.ctx, ast.Store):
            self.names.add(node.id)

    def visit_alias(self, node):
        self.names.add(node.asname or node.name.partition('.')[0])

    def visit_comprehension(self, node):
        for part in (node.iter, *node.ifs):  # its variables are its own
            self.visit(part)

    def visit_MatchAs(self, node):
        self._match(node)

    def visit_MatchStar(self, node):
        self._match(node)

    def visit_MatchMapping(self, node):
        if node.rest:
            self.names.add(node.rest)
        self.generic_visit(node)

    def _match(self, node):
        if node.name:
            self.names.add(node.name)
        self.generic_visit(node)


def _bound(statements):
    visitor = _Bound()
    for statement in statements:
        visitor.visit(statement)
    return visitor.names


def _defined(tree, namespace):
    """All names that a text gives its module: also by `global` in functions, and `from x import *`."""
    names = _bound(tree.body)
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            names.update(node.names)
        elif isinstance(node, ast.ImportFrom) and node.names[0].name == '*':
            base = _from(node, namespace.get('__package__') or '')
            public = getattr(sys.modules.get(base), '__dict__', {})
            names.update(name for name in public.get('__all__', public)
                         if namespace.get(name, names) is public.get(name))
    return names


def _from(node, package):
    """The name of the module that a `from` statement of a package names."""
    base = node.module or ''
    if node.level:
        parts = package.split('.')
        parts = parts[:len(parts) - node.level + 1]
        base = '.'.join([*parts, base] if base else parts)
    return base


class _Imports(ast.NodeVisitor):
    """Collects the modules that a text imports when it runs."""

    def __init__(self, package):
        self.names = set()
        self._package = package

    def _skip(self, node):
        pass

    visit_FunctionDef = visit_AsyncFunctionDef = visit_Lambda = _skip

    def _add(self, name):
        while name:
            self.names.add(name)
            name = name.rpartition('.')[0]

    def visit_Import(self, node):
        for alias in node.names:
            self._add(alias.name)

    def visit_ImportFrom(self, node):
        base = _from(node, self._package)
        self._add(base)
        for alias in node.names:
            self._add(f'{base}.{alias.name}')


def imports(name, module, text):
    """The names of the modules, and maybe of things in them, that a module's text imports."""
    try:
        tree = _parse(text)
    except (SyntaxError, ValueError):
        return set()
    visitor = _Imports(getattr(module, '__package__', None) or '')
    visitor.visit(tree)
    return visitor.names - {name}
