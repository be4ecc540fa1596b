"""What the operator is told when something cannot be done."""


class CannotStart(Exception):
    """The local stack cannot be started; the text says why and what to do."""
