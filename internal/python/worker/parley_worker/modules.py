"""The app's modules: imported once, and run again when their file was saved."""

import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys

from . import runs, texts, tracebacks


class Loaded:
    """An app module that has been imported."""

    def __init__(self, module, path, text, run):
        self.module = module
        self.path = path
        self.text = text   # what is live
        self.tried = text  # what was run last, even if it failed
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
    """Finds the modules in the app's folders, and below those the parts of its packages."""

    def __init__(self, modules):
        self._modules = modules

    def find_spec(self, name, path=None, target=None):
        if name in sys.builtin_module_names:
            return None
        parent = name.rpartition('.')[0]
        if parent:
            if not self._modules.has(parent):
                return None
        else:
            path = self._modules.dirs
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is None or not isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            return None
        spec.loader = _Loader(name, spec.origin, self._modules)
        spec.cached = None
        return spec


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
        self._finder = _Finder(self)
        sys.meta_path.insert(0, self._finder)

    def has(self, name):
        """Whether an app module of that name has been imported, or is being imported."""
        module = sys.modules.get(name)
        return isinstance(getattr(getattr(module, '__spec__', None), 'loader', None), _Loader)

    def is_app(self, name):
        """Whether name is an app module, imported or not."""
        return name in self._loaded or self._finder.find_spec(name) is not None

    def exists(self, name):
        """Whether a module, whose package has been imported, can be found."""
        try:
            return importlib.util.find_spec(name) is not None
        except (ImportError, ValueError):
            return False

    def load(self, name):
        """Import a module. An import that has failed fails again without being tried, until a file was saved."""
        if name in self._failed:
            raise self._failed[name]
        try:
            return importlib.import_module(name)
        except BaseException as error:
            self._failed[name] = error
            raise

    def files(self):
        """The files of the app modules, by name."""
        return {name: loaded.path for name, loaded in sorted(self._loaded.items())}

    def has_run(self, module, path, text, run):
        """Note that an app module's top level has run whole."""
        before = self._loaded.get(module.__name__)
        self._loaded[module.__name__] = Loaded(module, path, text, run)
        if before is not None:  # importlib.reload
            before.run.end()

    def changed(self, paths):
        """Run the modules of saved files again, and the app modules that import them.

        Returns the names of those that are live now, and the tracebacks of those
        that failed and go on as they were.
        """
        self._failed.clear()
        saved = {os.path.realpath(path) for path in paths}
        texts_now = {}
        for name, loaded in self._loaded.items():
            if loaded.path in saved:
                text = _read(loaded.path)
                if text is not None and text != loaded.tried:
                    texts_now[name] = text
        imports = {name: texts.imports(name, loaded.module, texts_now.get(name, loaded.text)) & self._loaded.keys()
                   for name, loaded in self._loaded.items()}
        reloaded, failed = [], {}
        for name in _after_imports(imports):
            if name in texts_now or imports[name] & set(reloaded):
                loaded = self._loaded[name]
                try:
                    self._again(name, loaded, texts_now.get(name, loaded.text))
                    reloaded.append(name)
                except BaseException as error:
                    failed[name] = tracebacks.trimmed(error)
        return reloaded, failed

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
            namespace.clear()
            namespace.update(before)
            for new in set(self._loaded) - known:  # imported by the run that failed
                self._loaded.pop(new).run.end()
                sys.modules.pop(new, None)
            raise
        for old in gone:
            namespace.pop(old, None)
        loaded.run.end()
        loaded.text, loaded.run = text, run


def _read(path):
    """The file's octets, or None if it is gone."""
    try:
        with open(path, 'rb') as file:
            return file.read()
    except OSError:
        return None


def _after_imports(imports):
    """The names, each after those it imports; in a circle, in some order."""
    order, seen = [], set()

    def visit(name):
        if name in seen:
            return
        seen.add(name)
        for imported in sorted(imports[name]):
            visit(imported)
        order.append(name)

    for name in sorted(imports):
        visit(name)
    return order
