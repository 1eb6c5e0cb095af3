"""A chat room: whatever one person says, everybody hears."""
import json

from blinker import signal


def open(handler):
    handler.write_message({'you': handler.id})
    signal('lobby').connect(handler.write_message)


def on_message(handler, message):
    said = json.loads(message)
    signal('lobby').send({'from': handler.id, 'text': said['text'][:500]})
