"""The fields of a form: what is required, what is allowed, and what is said when it is not."""

import re
from dataclasses import dataclass, field

TEXT_LIMITS = {"name": 200, "email": 320, "subject": 200, "message": 20_000}
REQUIRED = ("name", "email", "message")
METADATA_VALUE_CHARACTERS = 1_000
METADATA_NAME_CHARACTERS = 64
HONEYPOT = "website"
TOKEN = "token"  # noqa: S105 - the name of a field
RETURN_FIELDS = ("return_to", "_next")
RESERVED = frozenset({HONEYPOT, TOKEN, "form", *RETURN_FIELDS})

LABELS = {"name": "Your name", "email": "Your e-mail address", "subject": "The subject", "message": "Your message"}

_EMAIL = re.compile(r"[^\s@<>()\[\],;:\\\"]+@[^\s@<>()\[\],;:\\\".]+(\.[^\s@<>()\[\],;:\\\".]+)+")
_NOT_TEXT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Message:
    """A valid message, cleaned."""

    name: str
    email: str
    subject: str
    message: str
    metadata: dict[str, str]


@dataclass(slots=True)
class Checked:
    """The outcome of a check: the message, or what is wrong with each field."""

    message: Message | None = None
    errors: list[dict[str, str]] = field(default_factory=list)


def check(fields: dict[str, str], max_metadata: int) -> Checked:
    """Check all fields at once; the errors name each wrong one."""
    errors: list[dict[str, str]] = []
    texts = {name: _text(name, fields.get(name, ""), errors) for name in TEXT_LIMITS}
    if texts["email"] and not _EMAIL.fullmatch(texts["email"]) and not any(e["field"] == "email" for e in errors):
        errors.append(error("email", "Your e-mail address does not look right; it should be like name@example.org."))
    metadata = _metadata(fields, max_metadata, errors)
    if errors:
        return Checked(errors=errors)
    return Checked(Message(texts["name"], texts["email"], texts["subject"], texts["message"], metadata))


def error(name: str, message: str) -> dict[str, str]:
    """One entry of a problem's list of errors."""
    return {"field": name, "message": message}


def _text(name: str, value: str, errors: list[dict[str, str]]) -> str:
    value = value.replace("\r\n", "\n").strip()
    if not value and name in REQUIRED:
        errors.append(error(name, f"{LABELS[name]} is missing."))
    elif len(value) > TEXT_LIMITS[name]:
        errors.append(error(name, f"{LABELS[name]} may have at most {TEXT_LIMITS[name]} characters."))
    elif not _clean(value) or (name != "message" and ("\n" in value or "\r" in value)):
        errors.append(error(name, f"{LABELS[name]} holds characters that are not allowed."))
    return value


def _metadata(fields: dict[str, str], most: int, errors: list[dict[str, str]]) -> dict[str, str]:
    extra = {name: value for name, value in fields.items() if name not in TEXT_LIMITS and name not in RESERVED}
    if len(extra) > most:
        errors.append(error("metadata", f"The form has more than {most} further fields."))
        return {}
    for name, value in extra.items():
        if not name or len(name) > METADATA_NAME_CHARACTERS or not _clean(name) or not name.isprintable():
            errors.append(error("metadata", "The name of a further field is not allowed."))
        elif len(value) > METADATA_VALUE_CHARACTERS or not _clean(value):
            errors.append(error(name, f"This field may have at most {METADATA_VALUE_CHARACTERS} characters of text."))
    return extra


def _clean(text: str) -> bool:
    """Whether the text holds no control characters and no half of a surrogate pair."""
    return _NOT_TEXT.search(text) is None
