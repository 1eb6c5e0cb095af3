"""What a module's top-level code has made: receivers, timers.

While a module runs (is imported or run again after an edit), `current` is its
Run. Whoever makes something that goes on by itself tells it with own(). When
a later run of the module has succeeded, the earlier Run is ended; when a run
fails, that Run is ended at once. What functions make belongs to no Run.
"""


class Run:
    """One run of one module's top level."""

    def __init__(self, module):
        self.module = module  # its name
        self._stops = []

    def end(self):
        """Stop everything this run has made, the latest first."""
        while self._stops:
            self._stops.pop()()


current = None  # the Run under way, or None


def own(stop):
    """Call stop when the run under way is ended; without one, never."""
    if current is not None:
        current._stops.append(stop)
