"""handler.session: what is sent of it, and what comes for it."""

import copy
import json
import math
import pickle
import unittest

from tests import fakes  # noqa: F401
from parley_worker.session import Session, SessionError, Sessions


def new(**values):
    return Session('s1', values)


class Changes(unittest.TestCase):
    def expect(self, session, changes):
        found, error = session.take_changes()
        self.assertIsNone(error)
        self.assertEqual({key: None if text is None else json.loads(text) for key, text in found.items()}, changes)
        self.assertEqual(session.take_changes(), ({}, None), 'they are told once')

    def test_setting(self):
        session = new()
        session['a'] = 1
        session['b'] = {'x': [1, None, True, 2.5, 'é']}
        self.expect(session, {'a': 1, 'b': {'x': [1, None, True, 2.5, 'é']}})

    def test_setting_what_it_is_already_is_told(self):
        session = new(a=1)
        session['a'] = 1
        self.expect(session, {'a': 1})

    def test_deleting(self):
        for name, how in {
            'del': lambda s: s.__delitem__('a'),
            'pop': lambda s: self.assertEqual(s.pop('a'), [1]),
            'pop with default': lambda s: self.assertEqual(s.pop('a', 5), [1]),
            'popitem': lambda s: self.assertEqual(s.popitem(), ('a', [1])),
            'clear': lambda s: s.clear(),
        }.items():
            with self.subTest(name):
                session = new(a=[1])
                how(session)
                self.expect(session, {'a': None})
                self.assertEqual(dict(session), {'id': 's1'})

    def test_what_is_not_there(self):
        session = new()
        self.assertEqual(session.pop('a', 5), 5)
        for how in (lambda: session.pop('a'), lambda: session['a'], lambda: session.__delitem__('a'),
                    lambda: session.__delitem__(5), session.popitem):
            with self.assertRaises(KeyError):
                how()
        self.assertIsNone(session.get('a'))
        self.assertEqual(session.get('a', 7), 7)
        self.expect(session, {})

    def test_setdefault(self):
        session = new(a=1)
        self.assertEqual(session.setdefault('a', 5), 1)
        self.expect(session, {})
        session.setdefault('b', []).append(3)
        self.expect(session, {'b': [3]})

    def test_update(self):
        session = new()
        session.update({'a': 1}, b=2)
        session.update([('c', 3)])
        session |= {'d': 4}
        self.assertIsInstance(session, Session)
        self.expect(session, {'a': 1, 'b': 2, 'c': 3, 'd': 4})

    def test_reading_does_not_change(self):
        session = new(a=1, b='x', c=[1], d={'k': []})
        self.assertEqual((session['a'], session.get('b'), session['c'], len(session)), (1, 'x', [1], 5))
        self.assertTrue('a' in session and 'z' not in session)
        list(session), list(session.keys()), list(session.items()), list(session.values()), repr(session)
        self.expect(session, {})

    def test_nested_changes(self):
        for name, give in {
            'item': lambda s: s['cart'],
            'get': lambda s: s.get('cart'),
            'setdefault': lambda s: s.setdefault('cart', []),
            'items': lambda s: dict(s.items())['cart'],
            'values': lambda s: [value for value in s.values() if value != 's1'][0],
            'copy': lambda s: s.copy()['cart'],
            'dict': lambda s: dict(s)['cart'],
            'unpacking': lambda s: {**s}['cart'],
            'or': lambda s: (s | {})['cart'],
            'ror': lambda s: ({} | s)['cart'],
            'copy.copy': lambda s: copy.copy(s)['cart'],
        }.items():
            with self.subTest(name):
                session = new(cart=[1])
                cart = give(session)
                self.expect(session, {})
                cart.append(2)
                self.expect(session, {'cart': [1, 2]})
                cart.append(3)
                self.expect(session, {'cart': [1, 2, 3]})

    def test_deeply_nested(self):
        session = new(a={'b': [{'c': 1}]})
        session['a']['b'][0]['c'] = 2
        self.expect(session, {'a': {'b': [{'c': 2}]}})

    def test_a_value_that_was_set_may_be_changed_later(self):
        session, cart = new(), []
        session['cart'] = cart
        self.expect(session, {'cart': []})
        cart.append(1)
        self.expect(session, {'cart': [1]})

    def test_what_was_deleted_is_not_compared(self):
        session = new(cart=[1])
        cart = session['cart']
        del session['cart']
        cart.append(2)
        self.expect(session, {'cart': None})
        session['cart'] = 'none'
        self.expect(session, {'cart': 'none'})

    def test_the_id(self):
        session = new()
        self.assertFalse(session)  # as long as nobody looks at it
        self.assertIs(session.with_id(), session)
        self.assertEqual(session['id'], 's1')
        for how in (lambda: session.__setitem__('id', 2), lambda: session.__delitem__('id'), lambda: session.pop('id'),
                    lambda: session.update(id=3)):
            with self.assertRaisesRegex(SessionError, 'id cannot be changed'):
                how()
        session.clear()
        self.assertEqual(session['id'], 's1')

    def test_copies_are_plain(self):
        session = new(a=[1])
        for plain in (copy.copy(session), copy.deepcopy(session), pickle.loads(pickle.dumps(session)), session.copy(),
                      session | {}, Session.fromkeys(['id', 'a'])):
            self.assertIs(type(plain), dict)
            self.assertEqual(set(plain), {'id', 'a'})
        self.assertEqual(json.loads(json.dumps(session)), {'id': 's1', 'a': [1]})


class NotJSON(unittest.TestCase):
    def test_it_raises_and_names_the_key(self):
        circle = []
        circle.append(circle)
        for value in (object(), {1, 2}, b'x', [object()], {'a': {(1, 2): 3}}, math.nan, [math.inf], circle):
            session = new(thing='before')
            with self.subTest(value=repr(value)), self.assertRaisesRegex(SessionError, "session key 'thing'"):
                session['thing'] = value
            self.assertEqual(session['thing'], 'before')
            self.assertEqual(session.take_changes(), ({}, None))

    def test_in_update_and_setdefault(self):
        for how in (lambda s: s.update(thing=object()), lambda s: s.setdefault('thing', object())):
            with self.assertRaisesRegex(SessionError, "'thing'"):
                how(new())

    def test_keys_are_text(self):
        with self.assertRaisesRegex(SessionError, 'session key 5: keys are str, not int'):
            new()[5] = 1

    def test_nested_later_is_told_once_and_the_rest_is_sent(self):
        session = new(cart=[], other=1)
        session['cart'].append(object())
        session['other'] = 2
        changes, error = session.take_changes()
        self.assertEqual(changes, {'other': '2'})
        self.assertRegex(str(error), "session key 'cart': Object of type object is not JSON serializable")
        self.assertEqual(session.take_changes(), ({}, None))
        session['cart'].clear()
        self.assertEqual(session.take_changes(), ({'cart': '[]'}, None))


class Order(unittest.TestCase):
    def test_a_foreign_change_is_applied(self):
        session = new(a=1, b=2)
        session.changed_elsewhere(False, {'a': 5, 'c': [1]}, ['b'])
        self.assertEqual(dict(session), {'id': 's1', 'a': 5, 'c': [1]})
        self.assertEqual(session.take_changes(), ({}, None))

    def test_a_foreign_change_of_what_was_handed_out_is_no_change_of_ours(self):
        session = new(a=[1])
        session['a']
        session.changed_elsewhere(False, {'a': [2]}, [])
        self.assertEqual(session.take_changes(), ({}, None))
        session['a'].append(3)
        self.assertEqual(session.take_changes()[0], {'a': '[2,3]'})

    def test_ours_under_way_wins_until_it_has_come_back(self):
        session = new(a=1)
        session['a'] = 2
        session.take_changes()
        session.changed_elsewhere(False, {'a': 9, 'b': 9}, [])
        self.assertEqual((session['a'], session['b']), (2, 9))
        session.changed_elsewhere(True, {'a': 2}, [])
        self.assertEqual(session['a'], 2)
        session.changed_elsewhere(False, {'a': 10}, [])
        self.assertEqual(session['a'], 10)

    def test_two_of_ours_under_way(self):
        session = new()
        for value in (1, 2):
            session['a'] = value
            session.take_changes()
        session.changed_elsewhere(True, {'a': 1}, [])
        self.assertEqual(session['a'], 2)
        session.changed_elsewhere(False, {}, ['a'])
        self.assertEqual(session['a'], 2)
        session.changed_elsewhere(True, {'a': 2}, [])
        session.changed_elsewhere(False, {}, ['a'])
        self.assertNotIn('a', session)

    def test_ours_not_sent_yet_wins(self):
        session = new(a=1)
        session['a'] = 2
        session.changed_elsewhere(False, {'a': 9}, [])
        self.assertEqual(session['a'], 2)
        session = new(a=[1])
        session['a'].append(2)
        session.changed_elsewhere(False, {'a': [9]}, [])
        self.assertEqual(session['a'], [1, 2])
        self.assertEqual(session.take_changes()[0], {'a': '[1,2]'})

    def test_our_deletion_under_way(self):
        session = new(a=1)
        del session['a']
        session.take_changes()
        session.changed_elsewhere(False, {'a': 9}, [])
        self.assertNotIn('a', session)
        session.changed_elsewhere(True, {}, ['a'])
        session.changed_elsewhere(False, {'a': 10}, [])
        self.assertEqual(session['a'], 10)

    def test_ours_of_an_object_that_nobody_holds_any_more(self):
        session = new()  # its connection has come before the change of an earlier one
        session.changed_elsewhere(True, {'a': 1}, [])
        self.assertEqual(session['a'], 1)

    def test_what_does_not_come_back(self):
        session = new(a=1)
        session['a'] = 2
        session.take_changes()
        session.forget_pending()
        session.changed_elsewhere(False, {'a': 3}, [])
        self.assertEqual(session['a'], 3)


class Holding(unittest.TestCase):
    def test_one_object_per_id_while_it_is_held(self):
        sessions = Sessions()
        first = sessions.hold('s1', {'a': 1})
        self.assertIs(sessions.hold('s1', {'a': 2}), first)
        self.assertEqual(first['a'], 1)
        sessions.release(first)
        self.assertIs(sessions.get('s1'), first)
        sessions.release(first)
        self.assertIsNone(sessions.get('s1'))
        self.assertEqual(len(sessions), 0)
        self.assertEqual(sessions.hold('s1', {'a': 2})['a'], 2)

    def test_an_untouched_session_notes_nothing(self):
        session = new(a=1, b='x')
        session['id'], session['b'], session.get('a')
        self.assertIsNone(session.notes)


if __name__ == '__main__':
    unittest.main()
