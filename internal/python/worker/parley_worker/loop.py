"""The event loop: asyncio's, which takes a short way to the link where there is epoll."""

import asyncio
import select
import selectors


def new():
    """Return a new event loop."""
    if hasattr(selectors, 'EpollSelector'):
        return asyncio.SelectorEventLoop(_selector())
    return asyncio.new_event_loop()


def serve(loop, sock, call):
    """Call call() when sock, which the loop reads already by it, can be read: without the loop if nothing else is to do."""
    selector = getattr(loop, '_selector', None)
    if hasattr(selector, 'serve'):
        selector.serve(loop, sock, call)


def _selector():
    class Selector(selectors.EpollSelector):
        """Serves one descriptor itself while nothing else happens.

        Then a turn costs three system calls and little more; asyncio's way from
        a descriptor to its reader costs as much as some messages.
        """

        def __init__(self):
            super().__init__()
            self._poll = select.epoll.fromfd(self.fileno()).poll
            self._only = None  # what poll returns if the descriptor can be read, and nothing else has happened
            self._call = None
            self._loop = None

        def serve(self, loop, sock, call):
            self._loop, self._only, self._call = loop, [(sock.fileno(), select.EPOLLIN)], call

        def select(self, timeout=None):
            if timeout is None or timeout > 0:
                while True:
                    found = self._poll(timeout, 2)
                    if found != self._only:
                        break
                    self._call()
                    # What the loop has to do shows in two private fields; without them it looks after each call.
                    if timeout is not None or getattr(self._loop, '_ready', 1) or getattr(self._loop, '_scheduled', 1):
                        return []
                if not found:
                    return []
                timeout = 0
            return super().select(timeout)
    return Selector()
