"""A peer: Tornado, with the functions of ../../apps/python as its users write them. Usage: server.py PORT"""
import asyncio
import sys

import tornado.web
import tornado.websocket


class Echo(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        self.write_message(message, binary=isinstance(message, bytes))


class PingBot(tornado.websocket.WebSocketHandler):
    def on_message(self, message):
        if isinstance(message, bytes):
            self.write_message(message, binary=True)
        else:
            self.write_message('Got message: ' + message)


class Room(tornado.websocket.WebSocketHandler):
    members = set()

    def open(self):
        self.members.add(self)

    def on_message(self, message):
        for member in self.members:
            member.write_message(message)

    def on_close(self):
        self.members.discard(self)


async def main():
    app = tornado.web.Application([('/echo', Echo), ('/pingbot', PingBot), ('/room', Room)])
    app.listen(int(sys.argv[1]), '127.0.0.1')
    await asyncio.Event().wait()


asyncio.run(main())
