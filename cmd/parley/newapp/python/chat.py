"""A chat room: whatever one person says, everybody hears."""
import json

from blinker import signal


def open(handler):
    signal('lobby').connect(handler.write_message)
    handler.write_message({'you': handler.id})


def on_message(handler, message):
    said = json.loads(message)
    signal('lobby').send({'from': handler.id, 'text': said['text'][:500]})
