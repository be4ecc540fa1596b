"""The one schema of log lines: every field that a line may have. docs/logs.md is written from it."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["string", "integer", "number", "boolean", "object", "array"]

AUDIT = "audit"
"""What `stream` says on every line of the audit log, and the name of its logger."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field: its JSON type, and what it means."""

    kind: Kind
    meaning: str


ALWAYS = {
    "ts": Field("string", "When: RFC 3339, UTC, milliseconds."),
    "level": Field("string", "`debug`, `info`, `warning`, `error` or `critical`."),
    "service": Field("string", "Who: `ingest`, `storage`, `indexer`, `notifier` or `search`."),
    "logger": Field("string", "The module that wrote the line; `audit` for the audit log."),
    "message": Field("string", "What happened, in the same words each time."),
}
"""Fields of every line."""

TRACED = {
    "trace_id": Field("string", "32 hexadecimal digits: the visitor's request that this is part of."),
    "span_id": Field("string", "16 hexadecimal digits: the step."),
}
"""Fields of every line about a request or an event."""

AUDITED = {
    "stream": Field("string", "`audit` on every line of the audit log, missing on all others."),
    "action": Field("string", "What was done: `search`, `view`, `download`, `released`, `erase`, `login`, ..."),
    "key_id": Field("string", "Who: the id of the owner's key; null when it was nobody's key."),
}
"""Fields of every line of the audit log."""

SOMETIMES = {
    "added": Field("array", "Ids of the owner's keys that are new."),
    "contact_id": Field("string", "A submission's id, as the owner's interface calls it."),
    "count": Field("integer", "How many."),
    "degraded": Field("boolean", "Whether a search was answered without PostgreSQL."),
    "deliveries": Field("integer", "How often the message was delivered, this time included."),
    "dependency": Field("string", "What was away: `nats`, `postgres`, `object-store`, `index`, `mail`, ..."),
    "document_id": Field("string", "A document."),
    "durable": Field("string", "The consumer."),
    "error": Field("string", "What went wrong: an error's type, or what a server said; holds ids only."),
    "event_id": Field("string", "`ce-id` of an event."),
    "event_type": Field("string", "Its type."),
    "exception": Field("object", "`type` and `frames` of an unexpected error; not its text."),
    "family": Field("string", "Sort of file: `pdf`, `word`, `table`, ..."),
    "filters": Field("object", "Filters of a search."),
    "form": Field("string", "Name of the form."),
    "generation": Field("string", "Generation of the search index."),
    "instances": Field("integer", "How many of this service there are."),
    "kind": Field("string", "What sort of finding."),
    "left": Field("integer", "Bytes of a download that were missing."),
    "like": Field("string", "The document that a search asked for the like of."),
    "method": Field("string", "HTTP method."),
    "migration": Field("string", "A step of the schema."),
    "ocr": Field("boolean", "Whether text was read from pictures."),
    "ops_port": Field("integer", "Port of metrics and health."),
    "outcome": Field("string", "How it ended."),
    "owner": Field("string", "What became of the mail to the owner."),
    "page": Field("integer", "Page of a document, from 1."),
    "reason": Field("string", "Why, as a word for machines."),
    "removed": Field("array", "Ids of the owner's keys that are gone."),
    "route": Field("string", "Template of the path, without ids."),
    "scan": Field("string", "What the virus scanner said."),
    "seconds": Field("number", "How long it took."),
    "sender": Field("string", "What became of the answer to the sender."),
    "sequence": Field("integer", "Place in the stream."),
    "signature": Field("string", "What the virus scanner found."),
    "status": Field("integer", "HTTP status of the answer."),
    "subject": Field("string", "Subject of an event: its type and ids."),
    "submission_id": Field("string", "A submission."),
    "total": Field("integer", "How many were found."),
    "what": Field("string", "What the ledger found missing: ids only."),
    "words": Field("string", "What the owner searched for; in the audit log alone."),
}
"""Fields of some lines."""

FIELDS = {**ALWAYS, **TRACED, **AUDITED, **SOMETIMES}
