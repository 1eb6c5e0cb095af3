"""The endpoints of the config, with their functions compiled."""

from . import expr
from .handler import Settings

VARS = {
    'on_message': ('handler', 'message'),
    'on_pong': ('handler', 'data'),
    'select_subprotocol': ('handler', 'subprotocols'),
}


class Endpoint:
    """One entry under url: whose functions run here."""

    def __init__(self, config):
        self.name = config['name']
        self.kwargs = Settings.of(config['kwargs'])
        self.conf = Settings(name=self.name, kwargs=self.kwargs)
        self.calls = {}       # hook: what to call; it raises if the hook has a fault
        self.on_message = {'': _nothing}, '', ''  # where on_message is, as the attribute `place` of expr._direct
        self.faults = {}      # hook: expr.Fault
        self._functions = {}  # hook: expr.Function; without those that do not compile
        self._wrong = {}      # hook: expr.Fault of its text, which no saved module repairs
        for hook, steps in config['hooks'].items():
            try:
                self._functions[hook] = expr.compile_hook(steps, VARS.get(hook, ('handler',)))
            except expr.Fault as fault:
                self._wrong[hook] = fault

    def resolve(self, modules):
        """Import what the functions name, and note what cannot be found."""
        faults = dict(self._wrong)
        for hook, function in self._functions.items():
            try:
                self.calls[hook] = function.resolve(modules)
            except expr.Fault as fault:
                faults[hook] = fault
        for hook, fault in faults.items():
            self.calls[hook] = _refusal(fault)
        if 'on_message' in self.calls:
            call = self.calls['on_message']
            self.on_message = getattr(call, 'place', None) or ({'': call}, '', '')
        self.faults = faults

    def fault_list(self):
        return [{'endpoint': self.name, 'hook': hook, 'where': fault.where, 'message': fault.message,
                 'traceback': fault.traceback} for hook, fault in self.faults.items()]


def _nothing(handler, message):
    """What stands for an on_message that is not there."""


def _refusal(fault):
    """What stands for a function with a fault: a connection may be open, or opening, when its module breaks."""
    def refuse(*_):
        raise fault.with_traceback(None)
    return refuse
