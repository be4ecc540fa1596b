"""Whose fault it is: the small closed set of errors that events are published and consumed with."""


class Transient(Exception):
    """A dependency is away or refuses for now; the message is tried again as long as it lasts."""

    def __init__(self, dependency: str, detail: str = "") -> None:
        super().__init__(f"{dependency}: {detail}" if detail else dependency)
        self.dependency = dependency
        self.detail = detail


class NotPublished(Transient):
    """The event is certainly not stored: the client was not connected, or the stream refused it for now."""


class OutcomeUnknown(Transient):
    """The event may or may not be stored: no answer came in time. Repeat it with the same id to find out."""


class SubjectTaken(Exception):
    """Another event already holds this subject; a subject holds one event for ever."""

    def __init__(self, subject: str) -> None:
        super().__init__(f"another event already holds the subject {subject}")
        self.subject = subject


class InvalidEvent(Exception):
    """What arrived is no event of the catalogue: a required header is missing or the payload does not validate."""
