"""The audit log: who asked, looked and took what. The logger `audit`; the trace id comes by itself.

It is the one log that may hold words a person typed (the owner's own), and it never holds a key.
"""

import logging

log = logging.getLogger("audit")


def record(action: str, key_id: str | None, **fields: object) -> None:
    """One line: the owner's key `key_id` did `action`; None when it was nobody's key."""
    log.info(action, extra={"action": action, "key_id": key_id, **fields})
