"""Gives each visitor a session with something in it."""


def visit(handler):
    handler.session['visits'] = handler.session.get('visits', 0) + 1
    return 'welcome'
