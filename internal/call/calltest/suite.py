"""The functions of calltest.Texts and calltest.Code in Python.

Each function has the name of its field in snake case: Code.SlowOpen is
suite.slow_open.
"""
import asyncio

from blinker import signal


def echo(handler, message):
    handler.write_message(message, isinstance(message, bytes))


def join(handler):
    signal('lobby').connect(handler.write_message)


def say(handler, message):
    signal('lobby').send(message)


def open(handler):
    handler.write_message('open')


async def slow_open(handler):
    await asyncio.sleep(0.05)
    handler.write_message('open')


def open_raise(handler):
    raise ValueError('no way')


def message(handler, message):
    if message == 'stop':
        handler.close(4321, 'bye')
    else:
        handler.write_message(message)


async def slow_message(handler, message):
    if message == 'slow':
        await asyncio.sleep(0.05)
    echo(handler, message)


async def stuck_message(handler, message):
    if message == 'stuck':
        await asyncio.get_running_loop().create_future()
    echo(handler, message)


def message_raise(handler, message):
    raise ValueError('no way')


def message_session(handler, message):
    if message == 'delete':
        del handler.session['k']
    else:
        handler.session['k'] = message


def message_print(handler, message):
    print(message)


def message_ping(handler, message):
    handler.ping(message.encode())


def close_log(handler):
    print('closed', handler.close_code or None, handler.close_reason or None)


def close_raise(handler):
    raise ValueError('no way')


def pong_echo(handler, data):
    handler.write_message(data, True)


def select(handler, subprotocols):
    handler.kept = subprotocols[0]
    return handler.kept


def select_none(handler, subprotocols):
    return None


def select_raise(handler, subprotocols):
    raise ValueError('no way')


def open_kept(handler):
    handler.write_message(handler.kept)


def function_text(handler):
    return 'héllo'


def function_binary(handler):
    return b'\xff\x00'


def function_json(handler):
    return {'a': [1]}


def function_none(handler):
    return None


def function_raise(handler):
    raise ValueError('no way')


async def function_stuck(handler):
    await asyncio.get_running_loop().create_future()


def function_post(handler):
    return handler.request.method + ' ' + handler.request.body.decode()
