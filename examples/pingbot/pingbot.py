"""Answers what it hears: text with text, bytes with the same bytes."""


def open(handler):
    print('Opened for', handler.session['id'])


def on_message(handler, message):
    if isinstance(message, bytes):
        handler.write_message(message, binary=True)
    else:
        handler.write_message('Got message: ' + message)


def on_close(handler):
    print('Closed for', handler.session['id'])
