"""Import and reload of an app's modules. Each sentence of the rules on reload is a test."""

import importlib
import os
import sys
import unittest

from tests import apps
from parley_worker import texts


def live(name):
    return sys.modules[name]


class Import(apps.App):
    def test_modules_are_found_beside_the_config(self):
        self.save(chat='x = 1')
        self.assertEqual(self.modules.load('chat').x, 1)
        self.assertEqual(self.modules.files(), {'chat': os.path.join(self.folder, 'chat.py')})

    def test_only_app_modules_are_files(self):
        self.save(chat='import json, colorsys')
        self.modules.load('chat')
        self.modules.load('os.path')
        self.assertEqual(list(self.modules.files()), ['chat'])

    def test_packages_and_what_they_import(self):
        self.package('bots', 'from . import echo')
        self.save(bots__echo='from .deep import leaf', bots__deep__leaf='x = 5', chat='import bots.echo')
        self.modules.load('chat')
        self.assertEqual(live('chat').bots.echo.leaf.x, 5)
        self.assertEqual(list(self.modules.files()), ['bots', 'bots.deep.leaf', 'bots.echo', 'chat'])

    def test_what_is_installed_below_the_apps_folder_is_no_app_module(self):
        site = 'venv__lib__python3__site-packages__'
        self.save(**{site + 'other': 'x = 1', 'lib__mine': 'x = 1'})
        sys.path += [os.path.join(self.folder, *site.split('__')), os.path.join(self.folder, 'lib')]
        self.modules.load('other')
        self.modules.load('mine')
        self.assertEqual(list(self.modules.files()), ['mine'])

    def test_no_octet_code_is_used(self):
        self.save(chat='x = 1')
        self.modules.load('chat')
        self.assertFalse(os.path.exists(os.path.join(self.folder, '__pycache__')))

    def test_a_failed_import_is_not_tried_again_until_something_is_saved(self):
        self.save(chat='1 / 0')
        for _ in range(2):
            with self.assertRaises(ZeroDivisionError):
                self.modules.load('chat')
        self.save(chat='x = 1')
        with self.assertRaises(ZeroDivisionError):
            self.modules.load('chat')

    def test_a_failed_import_undoes_what_it_has_made(self):
        self.save(chat='from parley_worker import runs\nruns.made("a"); runs.made("b")\n1 / 0')
        with self.assertRaises(ZeroDivisionError):
            self.modules.load('chat')
        self.assertEqual(self.stopped, ['b', 'a'])
        self.assertNotIn('chat', sys.modules)

    def test_names(self):
        self.package('bots')
        self.save(chat='', **{'not-a-name': ''})
        self.assertEqual(self.modules.names(), ['bots', 'chat'])


class Reload(apps.App):
    """The paragraph on reload, sentence by sentence."""

    def test_the_same_modules_dictionary_is_updated_in_place(self):
        self.save(chat='def f(): return 1\n')
        module = self.modules.load('chat')
        namespace, function = module.__dict__, module.f
        self.assertEqual(self.reloads(chat='def f(): return 2\n'), ['chat'])
        self.assertIs(live('chat'), module)
        self.assertIs(module.__dict__, namespace)
        self.assertEqual((module.f(), function()), (2, 1))

    def test_functions_already_running_see_it(self):
        self.save(chat='x = [1]\ndef g(): return 1\ndef run():\n    while True: yield g(), x[0]\n')
        running = self.modules.load('chat').run()
        self.assertEqual(next(running), (1, 1))
        self.reloads(chat='x = [2]\ndef g(): return 2\n')
        self.assertEqual(next(running), (2, 2))

    def test_names_that_the_text_no_longer_defines_go(self):
        self.save(chat='''
import json as j
from os import path, sep as s
a = b = 1
c, [d, *e] = 1, (2, 3)
for f in (1,): pass
with open(__file__) as g: pass
def h(): pass
async def i(): pass
class K: inner = 1
if (l := 1): m = 1
else: n = 1
try: o = 1
except Exception as p: pass
q: int = 1
r = [t for u in (1,) if (t := u)]
v = lambda w: 1
x = 1
''')
        module = self.modules.load('chat')
        self.reloads(chat='x = 1\n')
        self.assertEqual([name for name in vars(module) if not name.startswith('__')], ['x'])

    def test_names_that_nobody_reads_in_the_text_stay_if_others_have_set_them(self):
        self.save(chat='x = 1\n')
        module = self.modules.load('chat')
        module.patched = 5
        self.reloads(chat='x = 2\n')
        self.assertEqual(module.patched, 5)

    def test_only_then_is_the_old_run_ended(self):
        self.save(chat='from parley_worker import runs\nruns.made("old")\n')
        self.modules.load('chat')
        self.save(chat='from parley_worker import runs\nruns.made("new")\nsaw = list(stopped)\n')
        live('chat').stopped = self.stopped
        self.assertEqual(self.modules.changed([os.path.join(self.folder, 'chat.py')]), (['chat'], {}))
        self.assertEqual((live('chat').saw, self.stopped), ([], ['old']))

    def test_if_it_fails_the_old_goes_on(self):
        self.save(chat='from parley_worker import runs\nruns.made("old")\nx = 1\ny = 2\ndef f(): return x + y\n')
        module = self.modules.load('chat')
        before = dict(vars(module))
        for text in ('x = 10\ndef f(): return 0\nnew = 1\ndel y\n1 / 0\n', 'x = 10\nraise SystemExit\n', 'x = \n',
                     'return 5\n', 'x = "\0"\n', b'# coding: nonsense\n', b'x = "\xff"\n'):
            with self.subTest(text):
                reloaded, failed = self.edit(chat=text)
                self.assertEqual((reloaded, list(failed)), ([], ['chat']))
                self.assertEqual(vars(module), before)
                self.assertEqual((module.f(), self.stopped), (3, []))

    def test_if_it_fails_whatever_the_failed_run_made_is_undone(self):
        self.save(chat='x = 1\n')
        self.modules.load('chat')
        self.package('bots')
        self.save(other='from parley_worker import runs\nruns.made("others")\n', bots__echo='')
        self.edit(chat='from parley_worker import runs\nruns.made("mine")\nimport other, bots.echo\n1 / 0\n')
        self.assertEqual(sorted(self.stopped), ['mine', 'others'])
        self.assertEqual(list(self.modules.files()), ['chat'])
        self.assertTrue({'other', 'bots', 'bots.echo'}.isdisjoint(sys.modules))
        self.assertEqual(self.reloads(chat='import other, bots.echo\nx = bots.echo\n'), ['chat'])
        self.assertEqual(list(self.modules.files()), ['bots', 'bots.echo', 'chat', 'other'])

    def test_if_it_fails_the_log_says_why(self):
        path, = self.save(chat='x = 1\n')
        self.modules.load('chat')
        _, failed = self.edit(chat='def f():\n    1 / 0\nf()\n')
        self.assertEqual(failed['chat'].splitlines()[:2],
                         ['Traceback (most recent call last):', f'  File "{path}", line 3, in <module>'])
        _, failed = self.edit(chat='def f(:\n')
        self.assertEqual(failed['chat'].splitlines()[:3], [f'  File "{path}", line 1', '    def f(:', '          ^'])
        self.assertIn('SyntaxError', failed['chat'])

    def test_what_functions_have_made_lives_on(self):
        self.save(chat='from parley_worker import runs\ndef f(): runs.made("by a function")\n')
        self.modules.load('chat').f()
        self.reloads(chat='x = 1\n')
        self.assertEqual(self.stopped, [])

    def test_a_name_keeps_its_live_value_if_its_statement_is_unchanged(self):
        starts = ['{}', '[]', 'dict()', 'list()', 'set()', 'deque()', 'collections.deque()', 'defaultdict(list)',
                  'collections.defaultdict(int)', '0', '-1', '"text"', 'None', 'True', '(1, 2)', '[1, [2]]',
                  '{"a": 1}', '{1, 2}', 'b"x"', '{  }']
        text = 'import collections\nfrom collections import deque, defaultdict\n'
        text += ''.join(f'x{at} = {value}\n' for at, value in enumerate(starts))
        self.save(chat=text)
        module = self.modules.load('chat')
        for at in range(len(starts)):
            setattr(module, f'x{at}', ['live', at])
        self.reloads(chat='# a line more\n' + text + 'def f(): pass  # changed\n')
        self.assertEqual([getattr(module, f'x{at}') for at in range(len(starts))],
                         [['live', at] for at in range(len(starts))])

    def test_everything_else_is_run_again(self):
        statements = ['x = dict(a=1)', 'x = list("ab")', 'x = set([1])', 'x = f"{1}"', 'x = 1 + 1', 'x = object()',
                      'x = [y for y in ()]', 'x = 1\nx = 2', 'x = 0\nx += 1', 'if True: x = {}', 'x = None or {}',
                      'x = deque([1])', 'x = defaultdict(lambda: 1)', 'x = defaultdict(int, a=1)', 'x = len("a")',
                      'for x in (1,): pass', 'y = {}\nx = y', 'import os as x', 'x, y = dict(), len("")']
        begin = 'from collections import deque, defaultdict\n'
        for statement in statements:
            with self.subTest(statement):
                self.save(chat=begin + statement)
                module = self.modules.load('chat')
                module.x = 'live'
                self.reloads(chat=begin + statement + '\n# changed')
                self.assertNotEqual(module.x, 'live')
                self.modules.files()
                self.modules._loaded.clear()
                del sys.modules['chat']

    def test_a_changed_statement_is_run_again(self):
        self.save(chat='x = {}\nlimit = 5\n')
        module = self.modules.load('chat')
        module.x['a'] = 1
        self.reloads(chat='x = { }\nlimit = 6\n')
        self.assertEqual((module.x, module.limit), ({}, 6))

    def test_the_chat_info_of_a_bot_survives_an_edit(self):
        text = 'chat_info = {}  # of all\ndef open(handler): chat_info[handler] = 1\n'
        self.save(bot=text)
        module = self.modules.load('bot')
        info = module.chat_info
        module.open('h')
        self.reloads(bot='"""A bot."""\nimport json\n' + text.replace('= 1', '= 2'))
        self.assertIs(module.chat_info, info)
        module.open('i')
        self.assertEqual(info, {'h': 1, 'i': 2})

    def test_several_names_of_one_statement(self):
        text = 'a = b = {}\nc, d = [], 0\n[e, f] = (1, 2)\ng: dict = {}\n'
        self.save(chat=text)
        module = self.modules.load('chat')
        for name in 'abcdefg':
            setattr(module, name, 'live ' + name)
        self.reloads(chat=text + 'z = 1\n')
        self.assertEqual([getattr(module, name) for name in 'abcdefgz'], [f'live {name}' for name in 'abcdefg'] + [1])

    def test_a_name_that_was_deleted_begins_again(self):
        self.save(chat='x = {}\n')
        module = self.modules.load('chat')
        del module.x
        self.reloads(chat='x = {}\ny = 1\n')
        self.assertEqual(module.x, {})

    def test_the_idiom_of_try_and_name_error(self):
        text = 'try:\n    cache\nexcept NameError:\n    cache = {}\n'
        self.save(chat=text)
        module = self.modules.load('chat')
        module.cache['a'] = 1
        self.reloads(chat=text + 'x = 1\n')
        self.assertEqual(module.cache, {'a': 1})

    def test_a_name_that_functions_count_up(self):
        text = 'count = 0\ndef f():\n    global count\n    count += 1\n'
        self.save(chat=text)
        module = self.modules.load('chat')
        module.f()
        self.reloads(chat=text + 'x = 1\n')
        module.f()
        self.assertEqual(module.count, 2)

    def test_a_global_of_functions_stays_while_a_function_names_it(self):
        self.save(chat='def f():\n    global seen\n    seen = 1\n')
        module = self.modules.load('chat')
        module.f()
        self.reloads(chat='def g():\n    global seen\n    seen = 2\n')
        self.assertEqual(module.seen, 1)
        self.reloads(chat='x = 1\n')
        self.assertFalse(hasattr(module, 'seen'))

    def test_what_a_star_has_imported(self):
        self.save(tools='def f(): return 1\ndef g(): return 1\n', chat='from tools import *\nx = f()\n')
        module = self.modules.load('chat')
        self.reloads(chat='x = 2\n')
        self.assertEqual([name for name in vars(module) if not name.startswith('__')], ['x'])

    def test_statements_in_other_codings_and_line_ends(self):
        for coding, end in (('utf-8', '\n'), ('latin-1', '\n'), ('utf-8-sig', '\r\n'), ('utf-8', '\r')):
            with self.subTest(coding=coding, end=end):
                text = f'# coding: {coding}{end}é = "ü"; x = {{"ö":{end} "é"}}; y = {{}}{end}'
                self.save(chat=text.encode(coding))
                module = self.modules.load('chat')
                self.assertEqual((module.é, module.x), ('ü', {'ö': 'é'}))
                module.é, module.x, module.y = 'live', 'live', 'live'
                self.assertEqual(self.reloads(chat=(text + f'z = 1{end}').encode(coding)), ['chat'])
                self.assertEqual((module.é, module.x, module.y, module.z), ('live', 'live', 'live', 1))
                self.modules._loaded.clear()
                del sys.modules['chat']

    def test_decorators_classes_and_instances_are_made_again(self):
        text = '''
def twice(f): return lambda: 2 * f()
@twice
def f(): return {n}
class Bot:
    kind = {n}
    def hears(self): return {n}
bot = Bot()
'''
        self.save(chat=text.format(n=1))
        module = self.modules.load('chat')
        old = module.bot
        self.reloads(chat=text.format(n=5))
        self.assertEqual((module.f(), module.bot.hears(), module.Bot.kind, old.hears()), (10, 5, 5, 1))
        self.assertIs(type(module.bot), module.Bot)

    def test_the_docstring_and_future_imports(self):
        self.save(chat='"""One."""\nfrom __future__ import annotations\nx = {}\ndef f(a: nothing): pass\n')
        module = self.modules.load('chat')
        module.x['a'] = 1
        self.reloads(chat='"""Two."""\nfrom __future__ import annotations\nx = {}\ndef f(a: nothing2): pass\n')
        self.assertEqual((module.__doc__, module.x, module.f.__annotations__), ('Two.', {'a': 1}, {'a': 'nothing2'}))


class Dependents(apps.App):
    def setUp(self):
        super().setUp()
        self.ran = []
        sys.modules['ran'] = self.ran
        self.addCleanup(sys.modules.pop, 'ran')

    def text(self, name, more=''):
        return f'{more}\nimport sys\nsys.modules["ran"].append("{name}")\n'

    def start(self, *names, **files):
        self.save(**{name: self.text(name, text) for name, text in files.items()})
        for name in names:
            self.modules.load(name)
        self.ran.clear()

    def again(self, **files):
        self.ran.clear()
        reloaded = self.reloads(**{name: self.text(name, text) for name, text in files.items()})
        self.assertEqual(reloaded, self.ran)
        return reloaded

    def test_app_modules_that_import_the_changed_one_are_run_after_it(self):
        self.start('top', 'apart', leaf='def f(): return 1', middle='from leaf import f', top='import middle\nx = middle.f()',
                   apart='')
        self.assertEqual(self.again(leaf='def f(): return 2'), ['leaf', 'middle', 'top'])
        self.assertEqual(live('top').x, 2)
        self.assertEqual(self.again(middle='from leaf import f '), ['middle', 'top'])
        self.assertEqual(self.again(top='import middle\nx=3'), ['top'])

    def test_two_saved_at_once(self):
        self.start('a', a='import b', b='')
        self.assertEqual(self.again(a='import b ', b='x = 1'), ['b', 'a'])

    def test_relative_imports(self):
        self.package('bots')
        self.start('top', bots__leaf='x = 1', bots__middle='from .leaf import x', bots__other='from . import leaf',
                   top='from bots import middle, other')
        self.reloads(bots__leaf='x = 2')
        self.assertEqual(self.ran, ['bots__middle', 'bots__other', 'top'])
        self.assertEqual(live('bots.middle').x, 2)

    def test_circles(self):
        self.start('a', a='import b\ndef f(): return 1', b='import a')
        self.assertEqual(self.again(a='import b\ndef f(): return 2'), ['a', 'b'])
        self.assertEqual(self.again(b='import a '), ['b', 'a'])

    def test_a_circle_of_a_package_and_its_part(self):
        self.package('bots', 'from . import echo')
        self.start('bots', bots__echo='from . import __name__ as n')
        self.assertEqual(self.reloads(bots__echo='from . import __name__ as n\nx = 2'), ['bots.echo', 'bots'])
        self.assertIs(live('bots').echo, live('bots.echo'))

    def test_a_part_stays_when_its_package_no_longer_imports_it(self):
        self.package('bots', 'from . import echo')
        self.start('bots', bots__echo='')
        path = self.package('bots', 'x = 1')
        self.assertEqual(self.modules.changed([path]), (['bots'], {}))
        self.assertIs(importlib.import_module('bots').echo, live('bots.echo'))

    def test_imports_in_functions_do_not_count(self):
        self.start('a', 'b', a='def f(): import b', b='')
        self.assertEqual(self.again(b='x = 1'), ['b'])

    def test_a_dependent_keeps_its_live_values(self):
        self.start('a', a='import b\ninfo = {}', b='')
        live('a').info['x'] = 1
        self.again(b='y = 1')
        self.assertEqual(live('a').info, {'x': 1})

    def test_a_dependent_that_fails_goes_on_alone(self):
        self.start('a', 'c', a='import b\nassert b.x == 1', b='x = 1', c='import b')
        reloaded, failed = self.edit(b='x = 2')
        self.assertEqual((reloaded, list(failed)), (['b', 'c'], ['a']))
        self.assertEqual(self.reloads(b='x = 1'), ['b', 'a', 'c'])

    def test_dependents_of_what_failed_are_not_run(self):
        self.start('a', a='import b', b='')
        self.edit(b='1 / 0')
        self.assertEqual(self.ran, [])


class Repair(apps.App):
    def test_a_module_whose_first_import_failed(self):
        self.save(chat='1 / 0\n')
        with self.assertRaises(ZeroDivisionError):
            self.modules.load('chat')
        self.assertEqual(self.reloads(chat='x = 1\n'), ['chat'])
        self.assertEqual(self.modules.load('chat').x, 1)

    def test_one_that_needs_another_that_failed(self):
        self.save(chat='import tools\n', tools='def f(:\n')
        with self.assertRaises(SyntaxError):
            self.modules.load('chat')
        self.assertEqual(self.reloads(tools='def f(): pass\n'), ['tools', 'chat'])

    def test_a_module_that_was_not_there(self):
        with self.assertRaises(ModuleNotFoundError):
            self.modules.load('chat')
        self.assertEqual(self.reloads(chat='x = 1\n'), ['chat'])

    def test_an_import_that_fails_again(self):
        self.save(chat='1 / 0\n')
        with self.assertRaises(ZeroDivisionError):
            self.modules.load('chat')
        self.assertEqual(self.reloads(chat='x\n'), [])
        with self.assertRaises(NameError):
            self.modules.load('chat')

    def test_a_failed_edit(self):
        self.save(chat='x = 1\n')
        self.modules.load('chat')
        self.edit(chat='1 / 0\n')
        self.assertEqual(self.reloads(chat='x = 2\n'), ['chat'])
        self.assertEqual(live('chat').x, 2)

    def test_a_failed_edit_that_is_taken_back(self):
        self.save(chat='x = 1\n')
        self.modules.load('chat')
        self.edit(chat='1 / 0\n')
        self.assertEqual(self.reloads(chat='x = 1\n'), ['chat'])

    def test_a_failed_edit_whose_need_comes_later_is_tried_again_and_told_once(self):
        self.save(chat='x = 1\n')
        self.modules.load('chat')
        _, failed = self.edit(chat='import tools\nx = tools.y\n')
        self.assertEqual(list(failed), ['chat'])
        self.assertEqual(self.edit(other=''), ([], {}))
        self.assertEqual(self.reloads(tools='y = 5\n'), ['chat'])
        self.assertEqual(live('chat').x, 5)

    def test_a_text_that_is_saved_unchanged_is_not_run(self):
        self.save(chat='x = object()\n')
        before = self.modules.load('chat').x
        self.assertEqual(self.reloads(chat='x = object()\n'), [])
        self.assertIs(live('chat').x, before)

    def test_a_deleted_file_changes_nothing(self):
        path, = self.save(chat='x = 1\n')
        self.modules.load('chat')
        os.remove(path)
        self.assertEqual(self.modules.changed([path]), ([], {}))
        self.assertEqual(live('chat').x, 1)
        self.assertEqual(self.reloads(chat='x = 2\n'), ['chat'])

    def test_other_files_change_nothing(self):
        self.save(chat='x = 1\n')
        self.modules.load('chat')
        self.assertEqual(self.reloads(other='1 / 0\n'), [])

    def test_importlib_reload_by_the_app(self):
        self.save(chat='from parley_worker import runs\nruns.made("a")\n')
        module = self.modules.load('chat')
        importlib.reload(module)
        self.assertEqual(self.stopped, ['a'])
        self.assertEqual(self.reloads(chat='x = 1\n'), ['chat'])
        self.assertEqual(self.stopped, ['a', 'a'])


class Texts(unittest.TestCase):
    def test_a_long_text_is_merged_at_once(self):
        text = ''.join(f'x{at} = {at}\n' for at in range(20_000)).encode()  # more than linear would not end
        tree, gone = texts.merge(text, text, 'x.py', {f'x{at}': at for at in range(20_000)})
        self.assertEqual((tree.body, gone), ([], set()))


if __name__ == '__main__':
    unittest.main()
