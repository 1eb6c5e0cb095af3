"""A bot that answers, and speaks up by itself when you have been silent for a while."""
import random

from tornado.ioloop import PeriodicCallback

ANSWERS = [
    'Tell me more about “{}”.',
    '“{}”? I would not have thought of that.',
    'You say “{}”. How long have you felt that way?',
    'I will remember “{}”.',
]
THOUGHTS = [
    'Still there?',
    'I could count the pixels meanwhile.',
    'Silence suits you.',
    'Did you know that sockets dream of messages?',
    'Take your time. I have plenty.',
    'I was about to say something. It has gone.',
]


def open(handler):
    handler.write_message({'text': 'Hello! Say something, or wait and see.'})
    # Every 4 to 12 seconds: 8 on average, half as much more or less at random.
    handler.silence = PeriodicCallback(lambda: think_aloud(handler), 8000, jitter=1)
    handler.silence.start()


def on_message(handler, message):
    handler.write_message({'text': random.choice(ANSWERS).format(message)})
    handler.silence.stop()
    handler.silence.start()  # the silence begins anew


def on_close(handler):
    handler.silence.stop()


def think_aloud(handler):
    handler.write_message({'text': random.choice(THOUGHTS), 'unasked': True})
