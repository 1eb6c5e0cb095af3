"""What other modules share."""


class TimeoutError(Exception):
    """Something took longer than it may."""
