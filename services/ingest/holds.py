"""Why a submission is held: it is kept and read, but no mail goes out until the owner releases it. Never dropped."""

from services.ingest.form import HONEYPOT


def reason(fields: dict[str, str]) -> str | None:
    """The reason to hold a submission with these fields, or None."""
    if fields.get(HONEYPOT, "").strip():
        return "honeypot"
    return None
