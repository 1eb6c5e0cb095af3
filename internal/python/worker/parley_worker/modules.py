"""The app's modules: imported once, and run again when their file was saved."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys
import sysconfig

from . import runs, texts, tracebacks


class Loaded:
    """An app module that has been imported."""

    def __init__(self, module, path, text, run):
        self.module = module
        self.path = path
        self.text = text   # what is live
        self.tried = text  # what was run last, even if it failed
        self.told = ''     # the traceback of its last failure
        self.run = run     # what the live run has made


class _Loader(importlib.machinery.SourceFileLoader):
    """Imports an app module from its source, noting what its top level makes."""

    def __init__(self, name, path, modules):
        super().__init__(name, path)
        self._modules = modules

    def get_code(self, fullname):
        # Never from a .pyc: two saves within one second may have the same size.
        return self.source_to_code(self.get_data(self.path), self.path)

    def exec_module(self, module):
        text = self.get_data(self.path)
        run = runs.Run(module.__name__)
        _run(self.source_to_code(text, self.path), module.__dict__, run)
        self._modules.has_run(module, self.path, text, run)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds modules whose files lie in the app's folders, or below them."""

    def __init__(self, dirs, modules):
        self._dirs = [folder.rstrip(os.sep) + os.sep for folder in dirs]
        self._modules = modules
        paths = sysconfig.get_paths()  # an app may lie in a folder that holds a Python, too
        self._not = tuple(os.path.realpath(paths[part]) + os.sep for part in ('stdlib', 'platstdlib'))

    def find_spec(self, name, path=None, target=None):
        if name in sys.builtin_module_names:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not importlib.machinery.SourceFileLoader or not self._has(spec.origin):
            return None
        spec.loader = _Loader(name, spec.origin, self._modules)
        spec.cached = None
        return spec

    def _has(self, file):
        file = os.path.realpath(file)
        for folder in self._dirs:
            if file.startswith(folder):
                parts = file[len(folder):].split(os.sep)
                return not (file.startswith(self._not) or 'site-packages' in parts or 'dist-packages' in parts)
        return False


def _run(code, namespace, run):
    """Run a module's top level; what it makes belongs to run, and is undone if it raises."""
    before, runs.current = runs.current, run
    try:
        exec(code, namespace)
    except BaseException:
        run.end()
        raise
    finally:
        runs.current = before


class Modules:
    """The modules that functions name; those in the app's folders are app modules."""

    def __init__(self, dirs):
        self.dirs = [os.path.realpath(folder) for folder in dirs]
        self._loaded = {}  # name: Loaded
        self._failed = {}  # name: the error of its import; tried again after the next save
        self._finder = _Finder(self.dirs, self)
        sys.meta_path.insert(0, self._finder)

    # --- what there is

    def is_app(self, name):
        """Whether name is an app module, imported or not."""
        return name in self._loaded or self._finder.find_spec(name) is not None

    def hidden(self, name):
        """The file of the app that Python's module of the same name hides, or ''."""
        spec = self._finder.find_spec(name) if name not in self._loaded and '.' not in name else None
        return os.path.basename(spec.origin) if spec is not None else ''

    def exists(self, name):
        """Whether a module, whose package has been imported, can be found."""
        try:
            return importlib.util.find_spec(name) is not None
        except (ImportError, ValueError):
            return False

    def names(self):
        """The names of the modules and packages in the app's folders."""
        found = set()
        for folder in self.dirs:
            with os.scandir(folder) as entries:
                for entry in entries:
                    name = entry.name[:-3] if entry.name.endswith('.py') else entry.name
                    if name.isidentifier() and (name != entry.name or entry.is_dir()):
                        found.add(name)
        return sorted(found)

    def files(self):
        """The files of the app modules, by name."""
        return {name: loaded.path for name, loaded in sorted(self._loaded.items())}

    # --- import

    def load(self, name):
        """Import a module. An import that has failed fails again without being tried, until a file was saved."""
        if name in self._failed:
            raise self._failed[name]
        try:
            return importlib.import_module(name)
        except BaseException as error:
            self._failed[name] = error
            raise

    def has_run(self, module, path, text, run):
        """Note that an app module's top level has run whole."""
        before = self._loaded.get(module.__name__)
        self._loaded[module.__name__] = Loaded(module, os.path.realpath(path), text, run)
        if before is not None:  # importlib.reload
            before.run.end()

    # --- run again

    def changed(self, paths):
        """Run the modules of saved files again, and the app modules that import them.

        An import that has failed is tried again. Returns the names of the
        modules that are live now, and the tracebacks of those that failed and
        go on as they were.
        """
        importlib.invalidate_caches()
        saved = {os.path.realpath(path) for path in paths}
        texts_now = {}
        for name, loaded in self._loaded.items():
            if loaded.path in saved or loaded.tried != loaded.text:  # what the broken one needs may be there now
                text = _read(loaded.path)
                if text is not None and (text != loaded.tried or text != loaded.text):
                    texts_now[name] = text
        imports = {name: texts.imports(name, loaded.module, texts_now.get(name, loaded.text)) & self._loaded.keys()
                   for name, loaded in self._loaded.items()}
        reloaded, failed = [], {}
        for name in _in_order(texts_now, imports):
            if name not in texts_now and not imports[name] & set(reloaded):
                continue  # what it imports has failed
            loaded = self._loaded.get(name)
            if loaded is None:
                continue  # undone by one that failed
            news = texts_now.get(name) not in (None, loaded.tried)
            try:
                self._again(name, loaded, texts_now.get(name, loaded.text))
                reloaded.append(name)
            except BaseException as error:
                trace = tracebacks.trimmed(error)
                if news or trace != loaded.told:
                    failed[name] = trace
                loaded.told = trace
        return reloaded + self._import_failed(), failed

    def _import_failed(self):
        """Try imports again that have failed. Returns the names of the app modules that have come."""
        before = set(self._loaded)
        names, self._failed = list(self._failed), {}
        for name in names:
            try:
                self.load(name)
            except BaseException:
                pass  # load() has noted it: it is the fault of an endpoint
        return [name for name in self._loaded if name not in before]

    def _again(self, name, loaded, text):
        """Run a module's new text in its own namespace; if it raises, everything is as before.

        The text runs in the module's own dictionary, because functions that it
        defines look their globals up in the dictionary they were made in. All
        functions of the app run on this thread, so none of them sees it half
        run; a failure puts the old content back.
        """
        loaded.tried = text
        namespace = loaded.module.__dict__
        tree, gone = texts.merge(loaded.text, text, loaded.path, namespace)
        code = compile(tree, loaded.path, 'exec', dont_inherit=True)
        before, known, run = dict(namespace), set(self._loaded), runs.Run(name)
        try:
            _run(code, namespace, run)
        except BaseException:
            for new in set(namespace) - set(before):
                del namespace[new]
            namespace.update(before)
            for new in set(self._loaded) - known:  # imported by the run that failed
                self._undo_import(new)
            raise
        for old in gone:
            if f'{name}.{old}' not in sys.modules:  # a part of a package is not made by its text
                namespace.pop(old, None)
        loaded.run.end()
        loaded.text, loaded.run, loaded.told = text, run, ''

    def _undo_import(self, name):
        self._loaded.pop(name).run.end()
        sys.modules.pop(name, None)
        parent, _, part = name.rpartition('.')
        if parent in sys.modules:
            sys.modules[parent].__dict__.pop(part, None)


def _read(path):
    """The file's octets, or None if it is gone."""
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError:
        return None


def _in_order(changed, imports):
    """The changed modules and all that import them, each after those it imports.

    In a circle the changed ones come first.
    """
    left = set(changed)
    while True:
        more = {name for name, names in imports.items() if name not in left and names & left}
        if not more:
            break
        left |= more
    order = []
    while left:
        ready = [name for name in left if not imports[name] & (left - {name})]
        name = min(ready or left & set(changed) or left)
        order.append(name)
        left.remove(name)
    return order
