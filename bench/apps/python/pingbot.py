"""The functions of examples/pingbot, without its prints; echo answers with what it heard."""


def on_message(handler, message):
    if isinstance(message, bytes):
        handler.write_message(message, binary=True)
    else:
        handler.write_message('Got message: ' + message)


def echo(handler, message):
    handler.write_message(message, binary=isinstance(message, bytes))
