"""Apps in temporary folders, for tests that import them into this process."""

import os
import sys
import tempfile
import unittest

from tests import fakes  # noqa: F401
from parley_worker import modules, runs


class App(unittest.TestCase):
    """A test with an app's folder. What the test imports is forgotten at its end."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = os.path.realpath(folder.name)
        before = sys.path[:], sys.meta_path[:], set(sys.modules), sys.dont_write_bytecode
        self.addCleanup(self._restore, *before)
        sys.path.insert(0, self.folder)
        self.modules = modules.Modules([self.folder])
        self.stopped = []  # names given to made()
        runs.made = lambda name: runs.own(lambda: self.stopped.append(name))
        self.addCleanup(delattr, runs, 'made')

    def _restore(self, path, meta_path, known, bytecode):
        sys.path[:], sys.meta_path[:], sys.dont_write_bytecode = path, meta_path, bytecode
        for name in set(sys.modules) - known:
            if name in self.modules.files() or self.folder in (getattr(sys.modules[name], '__file__', None) or ''):
                del sys.modules[name]

    def save(self, **files):
        """Write files: chat='text' is chat.py, pkg__sub='text' is pkg/sub.py. Returns their paths."""
        paths = []
        for name, text in files.items():
            path = os.path.join(self.folder, *name.split('__')) + '.py'
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, 'wb') as file:
                file.write(text if isinstance(text, bytes) else text.encode())
            paths.append(path)
        return paths

    def package(self, name, text=''):
        """Make a folder a package."""
        os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        path = os.path.join(self.folder, name, '__init__.py')
        with open(path, 'w') as file:
            file.write(text)
        return path

    def edit(self, **files):
        """Save files and run them again. Returns (reloaded, failed)."""
        return self.modules.changed(self.save(**files))

    def reloads(self, **files):
        """As edit, where nothing may fail. Returns reloaded."""
        reloaded, failed = self.edit(**files)
        self.assertEqual(failed, {})
        return reloaded
