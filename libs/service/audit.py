"""The audit log: who asked, looked, took and decided what. The logger `audit`; the trace id comes by itself.

It is the one log that may hold words a person typed (the owner's own), and it never holds a key. Its lines are written
at once and whatever the log level.
"""

import logging

from prometheus_client import Counter

from libs.service.log_fields import AUDIT

log = logging.getLogger(AUDIT)

RECORDS = Counter("audit_records_total", "Lines of the audit log.", ["action"])


def record(action: str, key_id: str | None, **fields: object) -> None:
    """One line: the owner's key `key_id` did `action`; None when it was nobody's key."""
    RECORDS.labels(action).inc()
    log.info(action, extra={"stream": AUDIT, "action": action, "key_id": key_id, **fields})
