"""Who keeps something going that the top level of modules has started.

A module's top level may start what another run, or a function, has started
before: connect the same receiver, start the same timer. It stops only when
the last of those runs has ended, and never if a function has started it.
"""

import sys

from . import runs


class Claims:
    """Things that go on, by key, and the runs that want them to."""

    def __init__(self):
        self._holders = {}  # key: set of runs.Run; None in it stands for functions

    def started(self, key, went_on, stop):
        """Note that the code that calls has started key, which may have gone on before.

        stop() is called when the last run that has started it ends.
        """
        run = run_under_way()
        holders = self._holders.get(key)
        if run is None:
            if holders is not None:
                holders.add(None)
            return
        if holders is None:
            holders = self._holders[key] = {None} if went_on else set()
        if run not in holders:
            holders.add(run)
            runs.own(lambda: self._ended(key, run, stop))

    def _ended(self, key, run, stop):
        holders = self._holders.get(key, ())
        if run not in holders:
            return
        holders.discard(run)
        if not holders:
            stop()
        if not holders - {None}:
            self._holders.pop(key, None)


def run_under_way():
    """The Run whose module's top level is calling, or None.

    Not that of an app module that imports the caller's module: a library may
    start things while it is imported, and is not run again.
    """
    run = runs.current
    frame = sys._getframe(1) if run is not None else None
    while frame is not None:
        if frame.f_code.co_name == '<module>':
            return run if frame.f_globals.get('__name__') == run.module else None
        frame = frame.f_back
    return None
