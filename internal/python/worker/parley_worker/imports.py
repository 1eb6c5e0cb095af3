"""Rules for packages that an app may import, whether they are installed or not.

Nothing is imported before the app does it.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


class Rule:
    """What to do when a module is imported.

    standin is the file or folder, beside this one, that is imported under the
    module's name if no such module is installed; '' for none. patch(module)
    is called when the module, or the one that stands in, has run.
    """

    def __init__(self, patch, standin=''):
        self.patch = patch
        self.standin = standin


class _Loader(importlib.abc.Loader):
    """Loads with another loader, then calls patch."""

    def __init__(self, loader, patch):
        self._loader = loader
        self._patch = patch

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__loader__ = module.__spec__.loader = self._loader  # for those who ask for source or data
        self._loader.exec_module(module)
        self._patch(module)


class _Finder(importlib.abc.MetaPathFinder):
    """Asks all other finders, then looks for a stand-in."""

    def __init__(self, rules):
        self._rules = rules

    def find_spec(self, name, path=None, target=None):
        rule = self._rules.get(name)
        if rule is None:
            self._check_part(name, path)
            return None
        spec = self._elsewhere(name, path, target) or _standin(name, rule.standin)
        if spec is not None and hasattr(spec.loader, 'exec_module'):
            spec.loader = _Loader(spec.loader, rule.patch)
        return spec

    def _check_part(self, name, path):
        """Raise an error that helps if name is a part of a package that its stand-in lacks."""
        package = name.rpartition('.')[0]
        if package not in self._rules or not any(place.startswith(_HERE) for place in path or ()):
            return
        if importlib.machinery.PathFinder.find_spec(name, path) is None:
            raise ModuleNotFoundError(
                f'No module named {name!r}: {package} is not installed, and Parley stands in for some of it only; '
                f'install {package}', name=name)

    def _elsewhere(self, name, path, target):
        for finder in sys.meta_path:
            find = getattr(finder, 'find_spec', None)
            if finder is not self and find is not None:
                spec = find(name, path, target)
                if spec is not None:
                    return spec
        return None


def _standin(name, place):
    if not place:
        return None
    place = os.path.join(_HERE, place)
    if place.endswith('.py'):
        return importlib.util.spec_from_file_location(name, place)
    return importlib.util.spec_from_file_location(
        name, os.path.join(place, '__init__.py'), submodule_search_locations=[place])


def serve(rules):
    """Apply rules, {module name: Rule}, to imports from now on, and to what is imported already."""
    sys.meta_path.insert(0, _Finder(rules))
    for name, rule in rules.items():
        if name in sys.modules:
            rule.patch(sys.modules[name])
