"""A worker that knows a few words, for the tests of the server's side.

Messages: "die N" exits with status N, "sleep" blocks, "loop" burns, "child"
starts a process that outlives its parent's interest, "out X" and "err X" write
to standard output and error, "big N" writes N octets; all else is echoed.
"""
import faulthandler
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

faulthandler.register(signal.SIGUSR1)
link = socket.socket(fileno=3)
stream = link.makefile("rb")


def send(kind, number, payload=b""):
    link.sendall(struct.pack("<IBI", 5 + len(payload), kind, number) + payload)


def act(number, text):
    word, _, rest = text.partition(" ")
    if word == "die":
        os._exit(int(rest))
    elif word == "sleep":
        time.sleep(600)
    elif word == "loop":
        while True:
            pass
    elif word == "child":
        child = subprocess.Popen(["sleep", "600"])
        send(67, number, str(child.pid).encode())
    elif word == "out":
        print(rest, flush=True)
    elif word == "err":
        print(rest, file=sys.stderr, flush=True)
    elif word == "pid":
        send(67, number, str(os.getpid()).encode())
    elif word == "big":
        send(68, number, b"x" * int(rest))
    else:
        send(67, number, text.encode())


while True:
    head = stream.read(9)
    if len(head) < 9:
        sys.exit(0)
    length, kind, number = struct.unpack("<IBI", head)
    payload = stream.read(length - 5)
    if kind == 1:
        report = {"version": 3, "python": sys.version.split()[0], "pid": os.getpid(), "modules": {}, "faults": []}
        send(65, 0, json.dumps(report).encode())
    elif kind == 3:
        act(number, payload.decode())
        send(77, number, struct.pack("<I", len(payload)))
    elif kind == 6:
        send(79, number)
    elif kind == 11:
        send(82, 0, payload)
