"""Retention: what is over is erased by the same erasure, by form and by document type; the rest stays."""

from tests.flow.test_verify import record
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, eventually, visiting

SETTINGS = {
    "LETTERBOX_RETENTION": '{"form:*": 365, "type:invoice": 30}',
    "LETTERBOX_RETENTION_EVERY_SECONDS": "0.5",
}


async def test_the_shortest_rule_that_applies_erases_the_submission() -> None:
    async with (
        isolated_stack(environment={"ingest": RATES_OFF, "storage": SETTINGS}) as stack,
        visiting(stack) as visitor,
    ):
        ids = [(await visitor.send(files=[("a.txt", b"Some text.")])).id for _ in range(6)]
        for one in ids:
            await visitor.ended(one)
        old, invoice, message, new, made, unmade = ids
        async with record(visitor) as sql:

            async def known() -> bool:
                return bool(
                    await sql.fetchval("select count(*) = 6 from document_states where details ? 'document_type'")
                )

            await eventually(known)
            age = "update contact_submissions set created_at = now() - make_interval(days => $2) where id = $1"
            for one in (invoice, unmade):
                await sql.execute(
                    "update document_states set details = jsonb_set(details, '{document_type}', '\"invoice\"') "
                    "where submission_id = $1 and details ? 'document_type'",
                    one,
                )
            for one, kind in ((made, "invoice"), (unmade, "document")):  # changed rules said so
                await sql.execute(
                    "update document_states set tags_revision = 1, tags_generation = 1, "
                    "tagged = jsonb_build_object('document_type', $2::text) "
                    "where submission_id = $1 and details ? 'document_type'",
                    one, kind,
                )  # fmt: skip
            for one, days in ((old, 366), (invoice, 31), (message, 31), (made, 31), (unmade, 31)):
                await sql.execute(age, one, days)

            async def erased() -> bool:
                rows = await sql.fetch("select submission_id, reason from erasures where final_at is not null")
                return {(row[0], row[1]) for row in rows} == {(one, "retention") for one in (old, invoice, made)}

            await eventually(erased)
        for one, status in (
            (old, "erased"),
            (invoice, "erased"),
            (made, "erased"),
            (message, "done"),
            (new, "done"),
            (unmade, "done"),
        ):
            assert (await visitor.journey(one))["status"] == status
