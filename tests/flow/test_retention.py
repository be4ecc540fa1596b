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
        ids = [(await visitor.send(files=[("a.txt", b"Some text.")])).id for _ in range(4)]
        for one in ids:
            await visitor.ended(one)
        old, invoice, message, new = ids
        async with record(visitor) as sql:

            async def known() -> bool:
                return bool(await sql.fetchval("select count(*) = 4 from document_states where details <> '{}'"))

            await eventually(known)
            age = "update contact_submissions set created_at = now() - make_interval(days => $2) where id = $1"
            await sql.execute(
                "update document_states set details = jsonb_set(details, '{document_type}', '\"invoice\"') "
                "where submission_id = $1 and details <> '{}'",
                invoice,
            )
            for one, days in ((old, 366), (invoice, 31), (message, 31)):
                await sql.execute(age, one, days)

            async def erased() -> bool:
                rows = await sql.fetch("select submission_id, reason from erasures where final_at is not null")
                return {(row[0], row[1]) for row in rows} == {(old, "retention"), (invoice, "retention")}

            await eventually(erased)
        for one, status in ((old, "erased"), (invoice, "erased"), (message, "done"), (new, "done")):
            assert (await visitor.journey(one))["status"] == status
