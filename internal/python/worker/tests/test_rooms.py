"""Rooms, over blinker and over its stand-in, each in a Python of its own."""

import importlib.util
import sys
import unittest

from tests import fakes


class Rooms(unittest.TestCase):
    def test_stand_in(self):
        fakes.passes(self, 'tests.rooms_rules', 'stand-in', sys.executable)

    def test_debians_blinker(self):
        fakes.needs(self, 'blinker', 'python3-blinker')
        fakes.passes(self, 'tests.rooms_rules', 'real', fakes.SYSTEM_PYTHON)

    def test_blinker_of_this_python(self):
        library = 'stand-in' if importlib.util.find_spec('blinker') is None else 'real'
        fakes.passes(self, 'tests.rooms_rules', library, sys.executable)
