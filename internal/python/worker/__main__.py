"""Starts the worker: python3 DIR, with the link as file descriptor 3."""

import sys

from parley_worker import worker

sys.path.pop(0)  # this folder: the worker's files are none of the app's modules
worker.main(3)
