"""The text of `function:`."""

import asyncio
import unittest

from tests import apps
from parley_worker import expr

CHAT = '''
import types
seen = []
def on_message(handler, message): seen.append((handler, message)); return 'said ' + message
def args(*args, **kwargs): return args, kwargs
async def later(*args): return args
def generates(handler, message): yield message
async def generates_async(handler, message): yield message
@types.coroutine
def old_style(handler, message):
    if False: yield
    return message
class Bot:
    def hears(self, handler, message): return 'bot ' + message
bot = Bot()
late = None
LIMIT = 5
'''


class Base(apps.App):
    names = ('handler', 'message')

    def setUp(self):
        super().setUp()
        self.save(chat=CHAT)

    def compile(self, *steps):
        full = [{'name': '', 'args': None, 'kwargs': None, 'where': 'gramex.yaml:9:19',
                 **(step if isinstance(step, dict) else {'function': step})} for step in steps]
        return expr.compile_hook(full, self.names)

    def run_(self, *steps, handler='H', message='m'):
        value = self.compile(*steps).resolve(self.modules)(handler, message)
        if expr.needs_await(value):
            async def wait():
                return await value
            value = asyncio.run(wait())
        return value

    def fault(self, *steps):
        with self.assertRaises(expr.Fault) as caught:
            self.compile(*steps).resolve(self.modules)
        self.assertEqual(caught.exception.where, 'gramex.yaml:9:19')
        return caught.exception


class Paths(Base):
    def test_a_bare_function_gets_the_variables(self):
        self.assertEqual(self.run_('chat.on_message'), 'said m')
        self.assertEqual(self.run_('  chat.args  '), (('H', 'm'), {}))

    def test_a_method_of_an_object_of_a_module(self):
        self.assertEqual(self.run_('chat.bot.hears'), 'bot m')

    def test_a_function_of_a_package(self):
        self.package('bots', 'name = "bots"')
        self.save(bots__echo='def on_message(handler, message): return message * 2')
        self.assertEqual(self.run_('bots.echo.on_message'), 'mm')

    def test_a_function_of_a_folder_that_is_no_package(self):
        self.save(plain__echo='def on_message(handler, message): return message * 3')
        self.assertEqual(self.run_('plain.echo.on_message'), 'mmm')
        self.assertIn('plain.echo', self.modules.files())

    def test_the_standard_library_and_builtins(self):
        self.assertEqual(self.run_('os.path.join', message='m', handler='h'), 'h/m')
        self.assertEqual(self.run_({'function': 'len', 'args': ['=message']}), 1)
        self.assertEqual(self.run_({'function': 'str.upper', 'args': ['=message']}), 'M')

    def test_an_app_module_may_have_the_name_of_a_builtin(self):
        self.save(filter='def on_message(handler, message): return "mine"')
        self.assertEqual(self.run_('filter.on_message'), 'mine')

    def test_what_is_no_function_is_the_value(self):
        self.assertEqual(self.run_('chat.LIMIT'), 5)
        self.assertEqual(self.run_('handler'), 'H')

    def test_a_function_that_comes_later(self):
        call = self.compile('chat.late').resolve(self.modules)
        self.assertIsNone(call('H', 'm'))
        __import__('chat').late = lambda handler, message: 'now ' + message
        self.assertEqual(call('H', 'm'), 'now m')

    def test_a_replaced_function_is_used(self):
        call = self.compile('chat.on_message').resolve(self.modules)
        __import__('chat').on_message = lambda handler, message: 'other'
        self.assertEqual(call('H', 'm'), 'other')


class Arguments(Base):
    def test_they(self):
        for args, kwargs, want in (
            (['=message', '=handler', '==x', 'y', 5, None, [1], ' =z'], None,
             (('m', 'H', '=x', 'y', 5, None, [1], ' =z'), {})),
            ([], None, ((), {})),
            ([], {'a': '=message', 'b': '==', 'c': 'x'}, ((), {'a': 'm', 'b': '=', 'c': 'x'})),
            (['=message'], {'limit': 3}, (('m',), {'limit': 3})),
            ('=message', None, (('m',), {})),   # one that is no list, as in Gramex
            (None, {'limit': 3}, (('H', 'm'), {'limit': 3})),  # kwargs alone: all variables before them, as in Gramex
            (['=message.upper() + handler', '=len(message)', '=[x for x in message]'], None, (('MH', 1, ['m']), {})),
        ):
            with self.subTest(args=args, kwargs=kwargs):
                self.assertEqual(self.run_({'function': 'chat.args', 'args': args, 'kwargs': kwargs}), want)

    def test_faults(self):
        for step, want in (
            ({'function': 'chat.args', 'args': ['=mesage']},
             'chat.args: =mesage is no variable here: there are handler, message (did you mean message?) '
             '(==mesage is the text)'),
            ({'function': 'chat.args', 'args': ['=1 +']}, '1 +: SyntaxError: '),
            ({'function': 'handler.close()', 'args': []},
             'handler.close(): args: and kwargs: go with the bare name of a function, as module.function'),
        ):
            with self.subTest(step):
                self.assertIn(want, self.fault(step).message)


class Expressions(Base):
    def test_they(self):
        for text, want in {
            'message + "!"': 'm!',
            'chat.on_message(handler, message.upper())': 'said M',
            'json.dumps({"a": [message]}, sort_keys=True)': '{"a": ["m"]}',
            'os.path.join("a", message)': 'a/m',
            'xml.sax.saxutils.escape("<")': '&lt;',
            '"%s" % len(message) if handler else None': '1',
            '[message + c for c in "ab" if c != message]': ['ma', 'mb'],
            '[json for json in "xy"]': ['x', 'y'],
            '{k: v for k, v in zip(message, [handler])}': {'m': 'H'},
            '(lambda json: json + message)(1 * "j")': 'jm',
            '(lambda x=message: x)()': 'm',
            '[[y for y in x] for x in [message]]': [['m']],
            '[x := message, x]': ['m', 'm'],
            'f"{message!r:>5}"': "  'm'",
            '[base64.b64encode(x) for x in [b"a"]][0]': b'YQ==',
            'sorted(message, key=lambda c: colorsys.rgb_to_hls(0, 0, 0))': ['m'],
            '(chat.LIMIT +\n 1)': 6,
            'await chat.later(message)': ('m',),
            '[await chat.later(x) for x in message]': [('m',)],
            'chat.later(message)': ('m',),
            'None': None,
            '...': ...,
        }.items():
            with self.subTest(text):
                self.assertEqual(self.run_(text), want)

    def test_a_variable_wins_over_a_module(self):
        self.save(message='on = 1')
        self.assertEqual(self.run_('message.upper()'), 'M')

    def test_a_reloaded_module_is_seen(self):
        call = self.compile('chat.on_message(1, "a") + str(chat.LIMIT)').resolve(self.modules)
        self.assertEqual(call('H', 'm'), 'said a5')
        self.reloads(chat='def on_message(h, m): return "new "\nLIMIT = 6')
        self.assertEqual(call('H', 'm'), 'new 6')


class Pipelines(Base):
    def test_the_last_value_counts_and_names_are_variables(self):
        self.assertEqual(self.run_({'function': 'message.upper()', 'name': 'loud'},
                                   {'function': 'loud + message', 'name': 'both'}, 'both * 2'), 'MmMm')

    def test_every_step_gets_the_hooks_variables(self):
        self.assertEqual(self.run_({'function': 'message.upper()', 'name': 'loud'}, 'chat.args'), (('H', 'm'), {}))

    def test_a_name_may_replace_a_variable(self):
        self.assertEqual(self.run_({'function': 'message + "1"', 'name': 'message'},
                                   {'function': 'message + "2"', 'name': 'message'}, 'chat.args'), (('H', 'm12'), {}))

    def test_args_may_name_a_step(self):
        self.assertEqual(self.run_({'function': 'message * 2', 'name': 'twice'},
                                   {'function': 'chat.args', 'args': ['=twice', '=twice + "!"']}), (('mm', 'mm!'), {}))

    def test_each_await_ends_before_the_next_step(self):
        self.save(slow='''
import asyncio
order = []
async def step(name):
    order.append(name + ' begins')
    await asyncio.sleep(0)
    order.append(name + ' ends')
    return name
''')
        self.assertEqual(self.run_({'function': 'slow.step("a")', 'name': 'a'}, 'slow.order.append("between")',
                                   {'function': 'slow.step(a + "b")', 'name': 'b'}, 'b + a'), 'aba')
        self.assertEqual(__import__('slow').order, ['a begins', 'a ends', 'between', 'ab begins', 'ab ends'])

    def test_a_step_that_raises_ends_it(self):
        with self.assertRaises(ZeroDivisionError):
            self.run_('1 / 0', 'chat.on_message')
        self.assertEqual(__import__('chat').seen, [])

    def test_names(self):
        self.assertEqual(self.compile('chat.on_message').name, 'chat.on_message')
        self.assertEqual(self.compile('a.b', 'c.d').name, 'a.b → c.d')
        for name in ('class', 'a b', '1', 'x=1): pass\ndef f('):
            with self.subTest(name):
                self.assertIn('is no name of a variable', self.fault({'function': 'message', 'name': name}, '1').message)


class Generators(Base):
    def test_they_are_an_error_that_names_the_function(self):
        for text in ('chat.generates', 'chat.generates_async', 'chat.generates(handler, message)',
                     '(x for x in message)', '(await chat.later(x) for x in message)'):
            with self.subTest(text), self.assertRaises(TypeError) as caught:
                self.run_(text)
            self.assertIn(f'{text} is a generator function', str(caught.exception))

    def test_types_coroutine_is_none(self):
        self.assertEqual(self.run_('chat.old_style'), 'm')

    def test_yield(self):
        self.assertIn('an expression cannot yield', self.fault('(yield message)').message)


class Faults(Base):
    def test_messages(self):
        self.save(broken='def f(:\n', raises='import chat\n1 / 0\n', exits='raise SystemExit(3)',
                  needs='import nothing_like_it')
        for text, want in {
            'chat.on_mesage': 'module chat (chat.py) has no on_mesage (did you mean on_message?)',
            'chat.zzz': 'module chat (chat.py) has no zzz',
            'chat.on_mesage(message)': 'module chat (chat.py) has no on_mesage (did you mean on_message?)',
            'chat.bot.heard': 'chat.bot.heard: Bot object has no heard (did you mean hears?)',
            'chta.on_message': f'chta is no built-in and no module: looked for chta.py in {self.folder} and on '
                               "Python's path (did you mean chat?)",
            'mesage + "x"': 'mesage is no variable here (handler, message), no built-in and no module: looked for '
                            f"mesage.py in {self.folder} and on Python's path (did you mean message?)",
            'os.path.joyn(message)': 'module posixpath (posixpath.py) has no joyn (did you mean join?)',
            'xml.sax.nothing.x': 'module xml.sax (__init__.py) has no nothing',
            'str.uper': 'str.uper: type object has no uper (did you mean upper?)',
            'chat.on_message(': 'chat.on_message(: SyntaxError: ',
            'a b': 'a b: SyntaxError: ',
            'x = 1': 'x = 1: SyntaxError: ',
            '': ': SyntaxError: ',
            'message\0': 'null byte',
            'lambda: await message': "'await' outside async function",
            'broken.f': 'module broken: SyntaxError: invalid syntax (broken.py, line 1)',
            'raises.f': 'module raises: ZeroDivisionError: division by zero',
            'exits.f': 'module exits: SystemExit: 3',
            'needs.f': "module needs: ModuleNotFoundError: No module named 'nothing_like_it'",
        }.items():
            with self.subTest(text):
                self.assertIn(want, self.fault(text).message)

    def test_too_deep(self):
        self.fault('(' * 5000 + ')' * 5000)
        self.fault('-' * 100_000 + '1')

    def test_lines_of_a_text_with_several(self):
        self.assertIn('(line 2, column ', self.fault('[message,\n a b]').message)

    def test_the_traceback_of_a_syntax_error_is_file_line_and_caret(self):
        path, = self.save(broken='def f(:\n')
        self.assertEqual(self.fault('broken.f').traceback.splitlines()[:3],
                         [f'  File "{path}", line 1', '    def f(:', '          ^'])

    def test_the_traceback_begins_with_the_apps_first_frame(self):
        path, = self.save(raises='def inner():\n    1 / 0\ninner()\n')
        outer, = self.save(outer='import raises\n')
        lines = self.fault('outer.f').traceback.splitlines()
        self.assertEqual(lines[0], 'Traceback (most recent call last):')
        files = [line.strip() for line in lines if line.strip().startswith('File')]
        self.assertEqual(files, [f'File "{outer}", line 1, in <module>', f'File "{path}", line 3, in <module>',
                                 f'File "{path}", line 2, in inner'])
        self.assertEqual(lines[-1], 'ZeroDivisionError: division by zero')

    def test_a_module_that_hides_the_apps(self):
        self.save(json='def on_message(handler, message): return 1')
        self.assertRegex(self.fault('json.on_message').message,
                         r"module json is Python's own \(.*\), which hides json.py and has no on_message: "
                         r'give the file another name')

    def test_a_fault_lasts_until_something_is_saved(self):
        self.save(broken='import chat\nchat.seen.append(1)\n1 / 0\n')
        function = self.compile('broken.f')
        for _ in range(3):
            with self.assertRaises(expr.Fault):
                function.resolve(self.modules)
        self.assertEqual(__import__('chat').seen, [1])
        self.assertEqual(self.reloads(broken='def f(handler, message): return 7'), ['broken'])
        self.assertEqual(function.resolve(self.modules)('H', 'm'), 7)


if __name__ == '__main__':
    unittest.main()
