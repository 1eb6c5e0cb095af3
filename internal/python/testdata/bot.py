"""Functions for the end-to-end tests of the runtime."""
import asyncio
import os
import time

from blinker import signal


def echo(handler, message):
    handler.write_message(message, binary=isinstance(message, bytes))


async def slow(handler, message):
    await asyncio.sleep(float(message))
    handler.write_message(message)


def sleepy(handler, message):
    time.sleep(float(message))
    handler.write_message(message)


def obey(handler, message):
    word, _, rest = message.partition(' ')
    if word == 'raise':
        raise ValueError(rest)
    if word == 'print':
        print(rest)
    elif word == 'close':
        handler.close(4001, rest)
    elif word == 'ping':
        handler.ping(rest)
    elif word == 'join':
        signal(rest).connect(handler.write_message)
    elif word == 'say':
        signal('lobby').send(rest)
    elif word == 'set':
        handler.session['mine'] = rest
    elif word == 'get':
        handler.write_message(str(handler.session.get(rest)))
    elif word == 'pid':
        handler.write_message(str(os.getpid()))
    elif word == 'big':
        handler.write_message(b'x' * int(rest), binary=True)
    elif word == 'many':
        for _ in range(int(rest)):
            handler.write_message(b'x' * 1000, binary=True)
    elif word == 'about':
        handler.write_message({
            'id': handler.id, 'name': handler.name, 'args': handler.args, 'path': handler.request.path,
            'agent': handler.request.headers.get('User-Agent'), 'chosen': handler.selected_subprotocol,
            'marked': getattr(handler, 'marked', None), 'path_args': handler.path_args,
        })


def leave(handler):
    print('left with', handler.close_code, handler.close_reason)


def choose(handler, subprotocols):
    handler.marked = 'by choose'
    return subprotocols[-1]


def page(handler):
    kind = handler.get_arg('kind')
    if kind == 'raise':
        raise KeyError('no')
    if kind == 'none':
        return None
    if kind == 'bytes':
        return b'\xff'
    if kind == 'dict':
        handler.set_status(201)
        handler.set_header('X-Kind', 'dict')
        return {'body': handler.request.body.decode(), 'n': [1, 2]}
    return 'text'
