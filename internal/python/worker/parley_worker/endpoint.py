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
        self.functions = {}  # hook: expr.Function; without those that do not compile
        self.faults = {}     # hook: expr.Fault
        self._wrong = {}     # hook: expr.Fault of its text, which no saved module repairs
        for hook, steps in config['hooks'].items():
            try:
                self.functions[hook] = expr.compile_hook(steps, VARS.get(hook, ('handler',)))
            except expr.Fault as fault:
                self._wrong[hook] = fault
        self.faults = dict(self._wrong)

    def resolve(self, modules):
        """Import what the functions name, and note what cannot be found."""
        self.faults = dict(self._wrong)
        for hook, function in self.functions.items():
            try:
                function.resolve(modules)
            except expr.Fault as fault:
                self.faults[hook] = fault

    def fault_list(self):
        return [{'endpoint': self.name, 'hook': hook, 'where': fault.where, 'message': fault.message,
                 'traceback': fault.traceback} for hook, fault in self.faults.items()]
