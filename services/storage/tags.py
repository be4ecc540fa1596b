"""Changed tags of documents, from `document.tagged`: the newest reading's newest change counts, in whatever order."""

from collections.abc import Sequence

from libs.events.catalogue import MESSAGE, DocumentTagged, Event
from libs.events.delivery import Received
from libs.postgres.pool import Connection

MERGE_TAGS = """
update document_states s set tags_generation = n.generation, tags_revision = n.revision, tagged = n.tagged
from unnest($1::text[], $2::int[], $3::int[], $4::jsonb[]) as n (document_id, generation, revision, tagged)
where s.document_id = n.document_id and (n.generation, n.revision) > (s.tags_generation, s.tags_revision)
"""


async def write(connection: Connection, received: Sequence[Received[Event]]) -> None:
    """Take the changes of a batch into the states of their documents, which have to be there."""
    newest: dict[str, DocumentTagged] = {}
    for one in received:
        event = one.event
        if not isinstance(event, DocumentTagged):
            continue
        known = newest.get(event.document_id)
        if known is None or (event.generation, event.revision) > (known.generation, known.revision):
            newest[event.document_id] = event
    if newest:
        rows = [(name, e.generation, e.revision, _said(e)) for name, e in sorted(newest.items())]
        await connection.execute(MERGE_TAGS, *map(list, zip(*rows, strict=True)))


def _said(event: DocumentTagged) -> dict[str, object]:
    known = {"tags", "rules"} if event.number == MESSAGE else {"document_type", "tags", "rules"}
    return event.model_dump(mode="json", include=known)
