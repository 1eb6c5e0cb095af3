"""The functions of calltest.Texts and calltest.Code in Python.

Each function has the name of its field in snake case: Code.SlowOpen is
suite.slow_open.
"""
import asyncio
import json

from blinker import signal
from tornado.ioloop import IOLoop, PeriodicCallback


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


def open_sees(handler):
    request = handler.request
    handler.write_message(' '.join([
        request.method, request.host, request.path, handler.get_arg('a'), request.headers['X-Test'], handler.get_cookie('theme'),
    ]))


def open_named(handler):
    handler.write_message('{} {}'.format(handler.path_kwargs['room'], handler.path_kwargs['none']))


def message_count(handler, message):
    handler.count = getattr(handler, 'count', 0) + 1
    handler.write_message(str(handler.count))


def message_json(handler, message):
    handler.write_message({'a': [1]})


def message_binary(handler, message):
    handler.write_message(b'\xff\x00', binary=True)


def message_said(handler, message):
    raise ValueError(message)


def message_late_write(handler, message):
    handler.close(4321, 'bye')
    handler.write_message('late')


def message_late_say(handler, message):
    handler.close(4321, 'bye')
    signal('lobby').send(message)


def pong_raise(handler, data):
    raise ValueError('no way')


def message_room(handler, message):
    if message == 'join':
        signal('lobby').connect(handler.write_message)
    elif message == 'leave':
        signal('lobby').disconnect(handler.write_message)
    else:
        signal('lobby').send(message)
        handler.write_message('said')


def close_say(handler):
    signal('lobby').send('bye')


def message_get(handler, message):
    handler.write_message(str(handler.session.get(message)))


def message_append(handler, message):
    handler.session.setdefault('list', []).append(message)


def message_session_id(handler, message):
    handler.write_message(handler.session['id'])


def message_session_raise(handler, message):
    handler.session['k'] = message
    raise ValueError('no way')


def close_session(handler):
    handler.session['k'] = 'closed'


def close_count(handler):
    print('counted', handler.count)


def close_write(handler):
    handler.write_message('late')


def open_ticks(handler):
    handler.timer = PeriodicCallback(lambda: handler.write_message('tick'), 20)
    handler.timer.start()


def open_later(handler):
    def later():
        if handler.close_code is None:  # such a timer outlives its connection
            handler.write_message('later')
    IOLoop.current().call_later(0.02, later)


def function_made(handler):
    handler.set_status(201)
    handler.add_header('X-A', 1)
    handler.add_header('X-A', '2')
    return 'made'


def function_redirect(handler):
    handler.redirect('/there')


def function_arg(handler):
    return handler.get_arg('a')


def function_session(handler):
    handler.session['k'] = 'v'


def message_user(handler, message):
    user = handler.current_user
    handler.write_message(str(user and user.id))


def message_user_value(handler, message):
    handler.write_message(str(handler.current_user.get(message)))


def message_user_deep(handler, message):
    handler.write_message(handler.current_user.deep.er[0])


def message_user_lacks(handler, message):
    handler.current_user.nothing


def message_user_change(handler, message):
    handler.current_user['id'] = 'changed'
    handler.current_user.deep.er.append('changed')
    message_user(handler, message)


def message_login(handler, message):
    if message == 'nobody':
        del handler.session['user']
    else:
        handler.session['user'] = {'id': message}
    message_user(handler, message)


def function_user(handler):
    return handler.current_user.id


def judge(handler):
    return handler.get_arg('a') == '1'


def judge_sees(handler):
    user = handler.current_user
    return handler.path_kwargs['room'] == 'lobby' and handler.session.get('k') == 'v' and user and user.id == 'ann'


def judge_raise(handler):
    raise ValueError('no way')


def judge_writes(handler):
    handler.write_message('x')
    return True


def judge_change(handler):
    handler.session['k'] = 'v'
    return True


def judge_keeps(handler):
    handler.kept = 'kept'
    return True


async def judge_slow(handler):
    await asyncio.sleep(0.05)
    return True


async def judge_stuck(handler):
    await asyncio.get_running_loop().create_future()


# For expressions with args and kwargs.

def say_all(handler, n, text, items, end):
    handler.write_message(' '.join([str(n), text, json.dumps(items), end]))


def say_end(handler, message, end):
    handler.write_message(message + end)


def nothing():
    pass
