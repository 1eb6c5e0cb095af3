import time

from blinker import signal


def open(handler):
    signal('lobby').connect(handler.write_message)


def on_message(handler, message):
    if message == 'end':
        handler.close(4001, 'enough')
        return
    who = handler.session.get('name', 'somebody')
    signal('lobby').send({'who': who, 'said': message, 'at': time.time()})


def cart(handler):
    return {
        'cart': handler.session.get('cart'),
        'language': handler.request.headers.get('Accept-Language'),
        'theme': handler.get_cookie('theme'),
    }
