"""The text of `function:`, compiled: paths, expressions and pipelines."""

import ast
import builtins
import dis
import difflib
import types

from . import tracebacks

_GENERATORS = (types.GeneratorType, types.AsyncGeneratorType)


class Fault(Exception):
    """Why a function of the config cannot run."""

    def __init__(self, message, traceback='', where=''):
        super().__init__(message)
        self.message = message
        self.traceback = traceback
        self.where = where


def compile_hook(steps, names):
    """Compile the steps of one hook, whose functions see the variables `names`.

    Nothing is imported before resolve(). Raises Fault.
    """
    return Function(steps, names)


class Function:
    """What one hook runs. The value of a named step is a variable of the later steps."""

    def __init__(self, steps, names):
        seen = list(names)
        self._steps = []
        for step in steps:
            try:
                self._steps.append(_step(step, tuple(seen), len(names)))
            except Fault as fault:
                fault.where = fault.where or step['where']
                raise
            if step['name'] and step['name'] not in seen:
                seen.append(step['name'])
        self._names = seen
        self.name = ' → '.join(step.text for step in self._steps)
        if len(self._steps) == 1:
            self.call = self._steps[0].run

    def resolve(self, modules):
        """Import what the steps name. Raises Fault for what is not there."""
        for step in self._steps:
            try:
                step.resolve(modules)
            except Fault as fault:
                fault.where = fault.where or step.where
                raise

    def call(self, *values):
        """Run the steps. Returns the last value, or an awaitable of it."""
        values = list(values)
        result = None
        for at, step in enumerate(self._steps):
            result = step.run(*values)
            if hasattr(type(result), '__await__'):
                return self._wait(at, result, values)
            self._keep(step, result, values)
        return result

    async def _wait(self, at, result, values):
        """Go on from step `at`, whose result has to be awaited."""
        result = await result
        self._keep(self._steps[at], result, values)
        for step in self._steps[at + 1:]:
            result = step.run(*values)
            if hasattr(type(result), '__await__'):
                result = await result
            self._keep(step, result, values)
        return result

    def _keep(self, step, result, values):
        if not step.name:
            return
        at = self._names.index(step.name)
        values[at:at + 1] = [result]


def _step(config, names, own):
    """Compile one step. names are its variables; the first `own` are the hook's."""
    text = config['function'].strip()
    try:
        tree = ast.parse(text, mode='eval').body
    except SyntaxError as error:
        raise Fault(f'{text}: SyntaxError: {error.msg} (line {error.lineno}, column {error.offset} of the function)') \
            from None
    except ValueError as error:  # a NUL in it
        raise Fault(f'{text!r}: {error}') from None
    path = _dotted(tree)
    if path and path[0] not in names:
        return _Path(config, text, path, names, own)
    if config['args'] is not None or config['kwargs'] is not None:
        raise Fault(f'{text}: args: and kwargs: go with the bare name of a function, as module.function')
    return _Expression(config, text, tree, names)


def _dotted(tree):
    """The names of a dotted path, or None if tree is something else."""
    path = []
    while isinstance(tree, ast.Attribute):
        path.append(tree.attr)
        tree = tree.value
    return [tree.id, *reversed(path)] if isinstance(tree, ast.Name) else None


def _checked(text, result):
    """Refuse a generator: nothing would ever run it."""
    if isinstance(result, _GENERATORS):
        raise TypeError(f'{text} is a generator function: nothing runs what it yields; '
                        'use async def with await, or return instead of yield')
    return result


class _Path:
    """A bare module.function: called with the hook's variables, or with args and kwargs."""

    def __init__(self, config, text, path, names, own):
        self.name, self.text, self.where = config['name'], text, config['where']
        self._path = path
        self._root = None   # a module, or the built-ins
        self._attributes = ()
        self._own = own
        self._given = config['args'] is not None or config['kwargs'] is not None
        self._args = self._kwargs = None
        if self._given:
            args = config['args'] if config['args'] is not None else ['=' + name for name in names[:own]]
            self._args = [_argument(text, value, names) for value in args]
            self._kwargs = {key: _argument(text, value, names) for key, value in (config['kwargs'] or {}).items()}

    def resolve(self, modules):
        self._root, used = _root(self._path, modules)
        self._attributes = tuple(self._path[used:])
        self._find()

    def _find(self):
        found = self._root
        for attribute in self._attributes:
            found = getattr(found, attribute)
        return found

    def run(self, *values):
        function = self._find()  # afresh: a saved module may have replaced it
        if not callable(function):
            return function
        if self._given:
            args = [values[at] if at is not None else value for at, value in self._args]
            kwargs = {key: values[at] if at is not None else value for key, (at, value) in self._kwargs.items()}
            return _checked(self.text, function(*args, **kwargs))
        result = function(*values[:self._own])
        if isinstance(result, _GENERATORS):
            _checked(self.text, result)
        return result


def _argument(text, value, names):
    """Return (index of a variable, None) for "=x", else (None, the value itself)."""
    if not isinstance(value, str) or not value.startswith('='):
        return None, value
    if value.startswith('=='):
        return None, value[1:]
    if value[1:] not in names:
        raise Fault(f'{text}: {value} is no variable here: there are {", ".join(names)} (=={value[1:]} is the text)')
    return names.index(value[1:]), None


class _Expression:
    """Any other expression, evaluated each time."""

    def __init__(self, config, text, tree, names):
        self.name, self.text, self.where = config['name'], text, config['where']
        self._names = names
        self._paths = {}  # root name: dotted paths that begin with it
        for node in ast.walk(tree):
            path = _dotted(node)
            if path:
                self._paths.setdefault(path[0], []).append(path)
            if isinstance(node, (ast.Yield, ast.YieldFrom)):
                raise Fault(f'{text}: an expression cannot yield')
        self._globals = {'__builtins__': builtins}
        self._function = self._compile(tree)
        self._free = _globals_of(self._function.__code__)

    def _compile(self, tree):
        waits = any(isinstance(node, ast.Await) or isinstance(node, ast.comprehension) and node.is_async
                    for node in ast.walk(tree))
        define = ast.parse(f'{"async " if waits else ""}def function({", ".join(self._names)}): return None')
        define.body[0].body[0].value = tree
        ast.fix_missing_locations(define)
        try:
            code = compile(define, self.where, 'exec')
        except SyntaxError as error:
            raise Fault(f'{self.text}: SyntaxError: {error.msg}') from None
        made = {}
        exec(code, self._globals, made)
        return made['function']

    def resolve(self, modules):
        found = {}
        for name in sorted(self._free):
            if hasattr(builtins, name) and not modules.is_app(name):
                continue
            try:
                module = modules.load(name)
            except BaseException as error:
                raise _import_fault(name, error, modules, self._names) from None
            for path in self._paths.get(name, ()):
                _follow(module, path, 1, modules)
            found[name] = module
        self._globals.update(found)

    def run(self, *values):
        return _checked(self.text, self._function(*values))


def _globals_of(code):
    """The global names that code and the functions in it read."""
    names = {step.argval for step in dis.get_instructions(code) if step.opname in ('LOAD_GLOBAL', 'LOAD_NAME')}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _globals_of(constant)
    return names


def _root(path, modules):
    """Return the module that a dotted path begins with, and how many of its names that took."""
    name = path[0]
    if hasattr(builtins, name) and not modules.is_app(name):
        return builtins, 0
    try:
        module = modules.load(name)
    except BaseException as error:
        raise _import_fault(name, error, modules, ()) from None
    return module, _follow(module, path, 1, modules)


def _follow(module, path, used, modules):
    """Import the submodules that a dotted path names; check its first attribute that is none."""
    while used < len(path):
        name = path[used]
        found = getattr(module, name, None)
        if not isinstance(found, types.ModuleType):
            if hasattr(module, name):
                return used
            submodule = f'{module.__name__}.{name}'
            if not hasattr(module, '__path__') or not modules.exists(submodule):
                raise Fault(_missing(module, name))
            try:
                found = modules.load(submodule)
            except BaseException as error:
                raise _import_fault(submodule, error, modules, ()) from None
        module = found
        used += 1
    return used


def _missing(module, name):
    near = difflib.get_close_matches(name, [known for known in vars(module) if not known.startswith('__')], 1)
    hint = f' (did you mean {near[0]}?)' if near else ''
    file = getattr(module, '__file__', None)
    place = f' ({file.rpartition("/")[2]})' if file else ''
    return f'module {module.__name__}{place} has no {name}{hint}'


def _import_fault(name, error, modules, names):
    if isinstance(error, ModuleNotFoundError) and error.name == name:
        variables = f'no variable here ({", ".join(names)}), ' if names else ''
        return Fault(f'{name} is {variables}no built-in and no module: looked for {name}.py in '
                     f'{", ".join(modules.dirs)} and on Python\'s path')
    return Fault(f'module {name}: {tracebacks.one_line(error)}', tracebacks.trimmed(error))
