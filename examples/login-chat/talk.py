"""A room for each role. Who may come in is said in gramex.yaml, and decided before these functions run."""
from blinker import signal


def open(handler):
    signal('role ' + handler.path_args[0]).connect(handler.write_message)
    handler.write_message({'you': handler.current_user.id})


def on_message(handler, message):
    user = handler.current_user
    signal('role ' + handler.path_args[0]).send({'from': user.id, 'name': user.name, 'text': message[:2000]})
