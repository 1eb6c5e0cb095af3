"""Tasks and callbacks that functions start: whose they are, and what becomes of their errors."""

import asyncio
import weakref

from . import here


class Tasks:
    """Notes which connection's code has made each task of the loop."""

    def __init__(self, worker, loop):
        self._worker = worker
        self._origins = weakref.WeakKeyDictionary()  # task: Connection
        loop.set_task_factory(self._new)
        loop.set_exception_handler(self._lost)

    def _new(self, loop, coroutine, **options):
        task = asyncio.Task(coroutine, loop=loop, **options)
        context = options.get('context')
        connection = here.connection.get() if context is None else context.get(here.connection)
        if connection is not None:
            self._origins[task] = connection
            task.add_done_callback(self._done, context=context)
        return task

    def _done(self, _):
        """A task has ended: what it printed and changed goes out. Runs in its connection's context."""
        error = self._worker.finished()
        if error is not None:
            self._worker.raised(error, 'a task')

    def stopped_loop(self, error):
        """Log what has stopped the loop: SystemExit or KeyboardInterrupt, raised by a task or callback."""
        origin = None
        for task, connection in list(self._origins.items()):
            if task.done() and not task.cancelled() and task.exception() is error:
                origin = connection
        self._log(origin, error)

    def _lost(self, _, context):
        """Log what asyncio tells: an exception that nobody has looked at."""
        task = context.get('task') or context.get('future')
        connection = self._origins.get(task) if task is not None else None
        inside = getattr(context.get('handle'), '_context', None)
        if inside is not None:  # a callback knows its context
            connection = inside.get(here.connection)
        error = context.get('exception')
        self._log(connection, error or context['message'])

    def _log(self, connection, error):
        """Log an exception, or a text, of what this connection's code has started."""
        token = here.connection.set(connection)
        try:
            if isinstance(error, str):
                self._worker.warn(error)
            elif connection is None or not connection.says_left(error):
                self._worker.raised(error, 'a task or callback')
        finally:
            here.connection.reset(token)
