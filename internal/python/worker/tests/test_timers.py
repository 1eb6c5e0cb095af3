"""Timers, over Tornado and over its stand-in, each in a Python of its own."""

import importlib.util
import sys
import unittest

from tests import fakes


class Timers(unittest.TestCase):
    def test_stand_in(self):
        fakes.passes(self, 'tests.timers_rules', 'stand-in', sys.executable)

    def test_debians_tornado(self):
        fakes.needs(self, 'tornado', 'python3-tornado')
        fakes.passes(self, 'tests.timers_rules', 'real', fakes.SYSTEM_PYTHON)

    def test_tornado_of_this_python(self):
        library = 'stand-in' if importlib.util.find_spec('tornado') is None else 'real'
        fakes.passes(self, 'tests.timers_rules', library, sys.executable)
