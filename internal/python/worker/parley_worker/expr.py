"""The text of `function:`, compiled: paths, expressions and pipelines."""

import ast
import builtins
import difflib
import dis
import inspect
import keyword
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


def needs_await(value):
    """Whether a function's value is awaited: it is a coroutine, a future, a task."""
    return hasattr(type(value), '__await__')


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
                if step['name'] and step['name'] not in seen:
                    if not step['name'].isidentifier() or keyword.iskeyword(step['name']):
                        raise Fault(f'{step["name"]!r} is no name of a variable')
                    seen.append(step['name'])
            except Fault as fault:
                fault.where = fault.where or step['where']
                raise
        self._names = seen
        self._calls = []
        self.name = ' → '.join(step.text for step in self._steps)

    def resolve(self, modules):
        """Import what the steps name. Returns what to call with the hook's values.

        Its value may have to be awaited. Raises Fault for what is not there.
        """
        calls = []
        for step in self._steps:
            try:
                calls.append(step.resolve(modules))
            except Fault as fault:
                fault.where = fault.where or step.where
                raise
        if len(calls) == 1:
            return calls[0]
        self._calls = calls
        return self._pipeline

    def _pipeline(self, *values):
        values = list(values)
        result = None
        for at, call in enumerate(self._calls):
            result = call(*values)
            if needs_await(result):
                return self._wait(at, result, values)
            self._keep(at, result, values)
        return result

    async def _wait(self, at, result, values):
        """Go on from step `at`, whose result has to be awaited."""
        calls = self._calls  # those it began with, even if a reload comes between
        result = await result
        self._keep(at, result, values)
        for at in range(at + 1, len(calls)):
            result = calls[at](*values)
            if needs_await(result):
                result = await result
            self._keep(at, result, values)
        return result

    def _keep(self, at, result, values):
        name = self._steps[at].name
        if name:
            at = self._names.index(name)
            values[at:at + 1] = [result]


def _parse(text):
    """Return the tree of an expression."""
    try:
        return ast.parse(text, mode='eval').body
    except SyntaxError as error:
        line = f'line {error.lineno}, ' if '\n' in text else ''
        raise Fault(f'{text}: SyntaxError: {error.msg} ({line}column {error.offset} of the function)') from None
    except (ValueError, MemoryError, RecursionError) as error:  # a NUL in it; too deep
        raise Fault(f'{text[:100]!r}: {error or type(error).__name__}') from None


def _step(config, names, own):
    """Compile one step. names are its variables; the first `own` are the hook's."""
    text = config['function'].strip()
    tree = _parse(text)
    path = _dotted(tree)
    if path and path[0] not in names:
        return _Path(config, text, path, names, own)
    if config['args'] is not None or config['kwargs'] is not None:
        raise Fault(f'{text}: args: and kwargs: go with the bare name of a function, as module.function')
    return _Expression(config['name'], text, config['where'], tree, names)


def _dotted(tree):
    """The names of a dotted path, or None if tree is something else."""
    path = []
    while isinstance(tree, ast.Attribute):
        path.append(tree.attr)
        tree = tree.value
    return [tree.id, *reversed(path)] if isinstance(tree, ast.Name) else None


def checked(text, result):
    """Refuse a generator: nothing would ever run it. Returns the result."""
    if isinstance(result, types.GeneratorType) and result.gi_code.co_flags & inspect.CO_ITERABLE_COROUTINE:
        return _awaited(result)  # of types.coroutine: it may be awaited, and does not look so
    if isinstance(result, _GENERATORS):
        raise TypeError(f'{text} is a generator function: nothing runs what it yields; '
                        'use async def with await, or return instead of yield')
    return result


async def _awaited(result):
    return await result


class _Path:
    """A bare module.function: called with the hook's variables, or with args and kwargs."""

    def __init__(self, config, text, path, names, own):
        self.name, self.text, self.where = config['name'], text, config['where']
        self._path = path
        self._own = own
        self._sees_more = len(names) > own  # than the hook's variables
        self._args = self._kwargs = None
        if config['args'] is not None or config['kwargs'] is not None:
            args = config['args'] if config['args'] is not None else ['=' + name for name in names[:own]]
            if not isinstance(args, list):
                args = [args]
            self._args = [self._argument(value, names) for value in args]
            self._kwargs = {key: self._argument(value, names) for key, value in (config['kwargs'] or {}).items()}

    def _argument(self, value, names):
        """Return an _Expression for "=x", else the value itself in a _Constant."""
        if not isinstance(value, str) or not value.startswith('='):
            return _Constant(value)
        if value.startswith('=='):
            return _Constant(value[1:])
        text = value[1:].strip()
        if text.isidentifier() and text not in names:
            raise Fault(f'{self.text}: {value} is no variable here: there are {", ".join(names)}'
                        f'{_near(text, names)} (=={text} is the text)')
        return _Expression('', text, self.where, _parse(text), names)

    def resolve(self, modules):
        """Return what to call. It looks the function up afresh: a saved module may have replaced it."""
        root, used = _root(self._path, modules)
        rest = self._path[used:]
        text, own = self.text, self._own
        now = self._look(root, rest)
        if self._args is None and len(rest) == 1 and callable(now):
            return _direct(text, root, rest[0], own, self._sees_more)
        args = kwargs = None
        if self._args is not None:
            args = [argument.resolve(modules) for argument in self._args]
            kwargs = {key: argument.resolve(modules) for key, argument in self._kwargs.items()}

        def call(*values):
            found = root
            for attribute in rest:
                found = getattr(found, attribute)
            if not callable(found):
                return found
            if args is None:
                return checked(text, found(*values[:own]))
            return checked(text, found(*[argument(*values) for argument in args],
                                        **{key: argument(*values) for key, argument in kwargs.items()}))
        return call

    def _look(self, root, rest):
        """Return what the path names now. Raises Fault if it is not there."""
        found = root
        for attribute in rest:
            if not hasattr(found, attribute):
                if found is None:  # until a function gives it a value
                    return None
                known = [name for name in dir(found) if not name.startswith('__')]
                raise Fault(f'{self.text}: {type(found).__name__} object has no {attribute}{_near(attribute, known)}')
            found = getattr(found, attribute)
        return found


def _direct(text, module, name, own, more):
    """What to call for the usual module.function.

    Where it has an attribute `place`, (dictionary, key, text), one may as well
    call with all values what stands there, and then `checked` with the text.
    """
    def call(*values):
        result = getattr(module, name)(*values)
        return result if result is None else checked(text, result)

    def call_of_own(*values):
        return checked(text, getattr(module, name)(*values[:own]))
    if more:
        return call_of_own
    if name in vars(module):
        call.place = vars(module), name, text
    return call


class _Constant:
    """The value of an argument as it stands in the config."""

    def __init__(self, value):
        self._value = value

    def resolve(self, modules):
        return lambda *values: self._value


class _Expression:
    """Any other expression, evaluated each time."""

    def __init__(self, name, text, where, tree, names):
        self.name, self.text, self.where = name, text, where
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
            code = compile(define, self.where or '<function>', 'exec', dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError) as error:
            raise Fault(f'{self.text}: {type(error).__name__}: {getattr(error, "msg", error)}') from None
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
                _follow(module, path, modules)
            found[name] = module
        self._globals.update(found)
        text, function = self.text, self._function

        def call(*values):
            return checked(text, function(*values))

        async def call_and_wait(*values):
            return checked(text, await function(*values))
        return call_and_wait if inspect.iscoroutinefunction(function) else call


def _globals_of(code):
    """The global names that code and the functions in it read."""
    names = {step.argval for step in dis.get_instructions(code) if step.opname in ('LOAD_GLOBAL', 'LOAD_NAME')}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names |= _globals_of(constant)
    return names


def _root(path, modules):
    """Return the module that a dotted path begins with, or the built-ins, and how many of its names that took."""
    name = path[0]
    if hasattr(builtins, name) and not modules.is_app(name):
        return builtins, 0
    try:
        module = modules.load(name)
    except BaseException as error:
        raise _import_fault(name, error, modules, ()) from None
    return _follow(module, path, modules)


def _follow(module, path, modules):
    """Import the submodules that a dotted path names after its first name; check the name that follows.

    Returns the last module, and how many names of the path that took.
    """
    used = 1
    while used < len(path):
        name = path[used]
        found = getattr(module, name, None)
        if not isinstance(found, types.ModuleType):
            if hasattr(module, name):
                break
            submodule = f'{module.__name__}.{name}'
            if not hasattr(module, '__path__') or not modules.exists(submodule):
                raise Fault(_missing(module, name, modules))
            try:
                found = modules.load(submodule)
            except BaseException as error:
                raise _import_fault(submodule, error, modules, ()) from None
        module = found
        used += 1
    return module, used


def _near(name, known):
    near = difflib.get_close_matches(name, known, 1)
    return f' (did you mean {near[0]}?)' if near else ''


def _missing(module, name, modules):
    file = getattr(module, '__file__', None)
    hidden = modules.hidden(module.__name__)
    if hidden:
        return (f'module {module.__name__} is Python\'s own ({file or "built in"}), which hides {hidden} '
                f'and has no {name}: give the file another name')
    place = f' ({file.rpartition("/")[2]})' if file else ''
    hint = _near(name, [known for known in vars(module) if not known.startswith('__')])
    return f'module {module.__name__}{place} has no {name}{hint}'


def _import_fault(name, error, modules, names):
    if isinstance(error, ModuleNotFoundError) and error.name == name:
        variables = f'no variable here ({", ".join(names)}), ' if names else ''
        return Fault(f'{name} is {variables}no built-in and no module: looked for {name.replace(".", "/")}.py in '
                     f'{", ".join(modules.dirs)} and on Python\'s path'
                     f'{_near(name, [*names, *modules.names(), *(n for n in dir(builtins) if n.islower())])}')
    return Fault(f'module {name}: {tracebacks.one_line(error)}', tracebacks.trimmed(error))
