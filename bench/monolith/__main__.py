"""`python -m bench.monolith PORT`: the form, the record, the kept text, the mails and the index in one process.

Best practice for its kind: uvicorn on uvloop, an asyncpg pool, one aiobotocore client, one index writer in a thread of
its own. The answer goes out after the row is committed; the rest happens in background tasks.
"""

import asyncio
import json
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Annotated, Any

import aiosmtplib
import asyncpg
import uvicorn
from aiobotocore.session import get_session
from fastapi import BackgroundTasks, FastAPI
from pydantic import BaseModel, StringConstraints

from libs.index.protocol import IndexedDocument
from libs.index.tantivy import TantivyIndex
from services.indexer.language import detect
from services.indexer.tags import DEFAULT_RULES, Rules

BUCKET = "pretamane-data"
SCHEMA = """
create table if not exists messages (
    id text primary key, name text, email text, subject text, message text, metadata jsonb, created_at timestamptz,
    status text not null default 'stored')
"""
INSERT = """
insert into messages (id, name, email, subject, message, metadata, created_at)
values ($1, $2, $3, $4, $5, $6, $7)
"""


class Submission(BaseModel):
    """The form's fields."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    email: Annotated[str, StringConstraints(min_length=3, max_length=320)]
    subject: Annotated[str, StringConstraints(max_length=200)] = ""
    message: Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class Gatherer:
    """Index writes, each at once or gathered for some time."""

    def __init__(self, index: TantivyIndex, seconds: float) -> None:
        self._index = index
        self._seconds = seconds
        self._waiting: list[tuple[IndexedDocument, asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None

    async def write(self, document: IndexedDocument) -> None:
        """Returns when the document is searchable."""
        if not self._seconds:
            await self._index.write([document])
            return
        written: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((document, written))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._flush())
        await written

    async def _flush(self) -> None:
        while self._waiting:
            await asyncio.sleep(self._seconds)
            group, self._waiting = self._waiting, []
            await self._index.write([document for document, _ in group])
            for _, written in group:
                written.set_result(None)


def application() -> FastAPI:
    """The application with all its resources."""
    held: dict[str, Any] = {"smtp_slots": asyncio.Semaphore(4)}
    rules = Rules.load(DEFAULT_RULES)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        index = TantivyIndex(Path(os.environ["MONOLITH_INDEX"]), writer=True)
        gather = int(os.environ["MONOLITH_GATHER_MILLISECONDS"]) / 1000
        password = os.environ["MONOLITH_DSN_PASSWORD"]
        async with (
            asyncpg.create_pool(os.environ["MONOLITH_DSN"], password=password, min_size=4, max_size=10) as pool,
            get_session().create_client(
                "s3",
                endpoint_url=os.environ["MONOLITH_S3"],
                region_name="us-east-1",
                aws_access_key_id=os.environ["MONOLITH_S3_KEY"],
                aws_secret_access_key=os.environ["MONOLITH_S3_SECRET"],
            ) as s3,
        ):
            await pool.execute(SCHEMA)
            held.update(pool=pool, s3=s3, index=index, gatherer=Gatherer(index, gather))
            yield
        await index.close()

    app = FastAPI(lifespan=lifespan)

    async def mail(identity: str, recipient: str, subject: str, text: str) -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "monolith@localhost", recipient, subject
        message.set_content(f"{text}\n\n{identity}")
        async with held["smtp_slots"]:
            await aiosmtplib.send(message, hostname="127.0.0.1", port=int(os.environ["MONOLITH_SMTP_PORT"]))

    async def finish(identity: str, given: Submission, created: datetime) -> None:
        language = detect(given.message)
        tagged = rules.apply(given.message, "message", "text/plain", language)
        kept = {"id": identity, "text": given.message, "language": language, "tags": tagged.tags}
        await held["s3"].put_object(Bucket=BUCKET, Key=f"text/{identity}/0.json", Body=json.dumps(kept).encode())
        await held["gatherer"].write(
            IndexedDocument(
                document_id=f"{identity}-0", contact_id=identity, filename="message", title=given.subject,
                text=given.message, contact_name=given.name, document_type="message", tags=tagged.tags,
                language=language, status="indexed", created_at=created, size=len(given.message),
            )
        )  # fmt: skip
        await held["pool"].execute("update messages set status = 'indexed' where id = $1", identity)

    async def tell(identity: str, given: Submission) -> None:
        await mail(identity, "owner@localhost", f"New message: {given.subject}", given.message[:300])
        await mail(identity, given.email, "We have your message", "Thank you.")

    @app.post("/contact", status_code=202)
    async def accept(given: Submission, background: BackgroundTasks) -> dict[str, str]:
        identity, created = uuid.uuid4().hex, datetime.now(UTC)
        await held["pool"].execute(
            INSERT,
            identity, given.name, given.email, given.subject, given.message, "{}", created,
        )  # fmt: skip
        background.add_task(finish, identity, given, created)
        background.add_task(tell, identity, given)
        return {"id": identity}

    @app.get("/count")
    async def count() -> dict[str, int]:
        return {"total": await held["index"].count()}

    return app


if __name__ == "__main__":
    uvicorn.run(application(), host="127.0.0.1", port=int(sys.argv[1]), loop="uvloop", log_level="warning")
