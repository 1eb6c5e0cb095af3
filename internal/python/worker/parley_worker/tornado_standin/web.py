"""The errors of requests."""

import http.client


class HTTPError(Exception):
    """An answer with an HTTP status."""

    def __init__(self, status_code=500, log_message=None, *args, reason=None):
        super().__init__(status_code, log_message)
        self.status_code = status_code
        self.log_message = log_message
        self.args = args
        self.reason = reason

    def __str__(self):
        reason = self.reason or http.client.responses.get(self.status_code, 'Unknown')
        text = f'HTTP {self.status_code}: {reason}'
        if not self.log_message:
            return text
        return f'{text} ({self.log_message % self.args if self.args else self.log_message})'


class MissingArgumentError(HTTPError):
    """A request lacks an argument."""

    def __init__(self, arg_name):
        super().__init__(400, f'Missing argument {arg_name}')
        self.arg_name = arg_name
