"""What a module's text says: what it imports, defines, and may keep from its last run."""

import ast

_EMPTY_CALLS = ('dict', 'list', 'set', 'deque', 'collections.deque')
_DEFAULTDICT = ('defaultdict', 'collections.defaultdict')


def merge(old_text, new_text, path, namespace):
    """Return the new text's tree without the statements whose live value stays, and the names that go.

    A name of namespace keeps its value if its only statement at the top level
    is textually unchanged and its right side is constant or an empty container.
    """
    new = ast.parse(new_text, path)
    try:
        old = ast.parse(old_text, path)
    except SyntaxError:
        return new, set()
    old_values, new_values = _values(old, old_text), _values(new, new_text)
    kept = {name for name, (segment, _) in new_values.items()
            if name in namespace and name in old_values and old_values[name][0] == segment}
    statements = [new_values[name][1] for name in kept]
    new.body = [statement for statement in new.body if statement not in statements]
    return new, _bound(old.body) - _bound(new.body) - kept


def _values(tree, text):
    """{name: (source, statement)} of the names that one simple statement gives a value to start from."""
    source = text.decode('utf-8', 'replace')
    times, values = {}, {}
    for statement in tree.body:
        for name in _bound([statement]):
            times[name] = times.get(name, 0) + 1
        if isinstance(statement, ast.Assign) and len(statement.targets) == 1:
            target = statement.targets[0]
        elif isinstance(statement, ast.AnnAssign) and statement.value is not None:
            target = statement.target
        else:
            continue
        if isinstance(target, ast.Name) and _is_start(statement.value):
            values[target.id] = (ast.get_source_segment(source, statement), statement)
    return {name: value for name, value in values.items() if times[name] == 1}


def _is_start(value):
    """Whether value is a literal of constants or an empty container."""
    if isinstance(value, ast.Call):
        function = ast.unparse(value.func)
        if function in _DEFAULTDICT:
            return len(value.args) == 1 and not value.keywords and isinstance(value.args[0], (ast.Name, ast.Attribute))
        return function in _EMPTY_CALLS and not value.args and not value.keywords
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

    def visit_ExceptHandler(self, node):
        self.generic_visit(node)  # its name is deleted at its end

    def visit_comprehension(self, node):
        self.visit(node.iter)  # its variables are its own

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
        base = node.module or ''
        if node.level:
            parts = self._package.split('.')
            parts = parts[:len(parts) - node.level + 1]
            base = '.'.join([*parts, base] if base else parts)
        self._add(base)
        for alias in node.names:
            self._add(f'{base}.{alias.name}')


def imports(name, module, text):
    """The names of the modules, and maybe of things in them, that a module's text imports."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return set()
    visitor = _Imports(getattr(module, '__package__', None) or '')
    visitor.visit(tree)
    return visitor.names - {name}
