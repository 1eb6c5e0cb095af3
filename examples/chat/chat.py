"""A chat room: whatever one person says, everybody hears."""
import json

from blinker import signal


def open(handler):
    signal('chat').connect(handler.write_message)
    handler.write_message({'you': handler.id})


def on_message(handler, message):
    said = json.loads(message)
    signal('chat').send({
        'from': handler.id,
        'name': said['name'][:40],
        'text': said['text'][:2000],
    })
