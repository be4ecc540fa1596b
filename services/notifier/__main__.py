"""`python -m services.notifier`."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from libs.events.connect import connected
from libs.events.consume import consuming, each
from libs.events.health import nats_answers
from libs.events.history import History
from libs.events.publish import Publisher
from libs.events.replay import consuming_and_replaying
from libs.events.streams import NOTIFIER_ERASURE, NOTIFIER_MAIL
from libs.postgres.pool import check, postgres_pool
from libs.service.health import Health
from libs.service.lifecycle import run
from services.notifier import handlers
from services.notifier.channels import mail_channel
from services.notifier.handlers import Parts
from services.notifier.sent import Sent
from services.notifier.settings import Settings


@asynccontextmanager
async def start(settings: Settings, health: Health) -> AsyncIterator[None]:
    """Everything notifier is made of, opened in order and closed in reverse."""
    async with AsyncExitStack() as stack:
        pool = await stack.enter_async_context(postgres_pool(settings, most=settings.mail_workers))
        health.needs("postgres", partial(check, pool))
        channel = await stack.enter_async_context(mail_channel(settings))
        health.needs("mail", channel.check)
        nc = await stack.enter_async_context(connected(settings))
        health.needs("nats", partial(nats_answers, nc))
        sent = Sent(pool, again_when_uncertain=settings.mail_uncertain == "again")
        parts, publisher = Parts(History(nc), sent, channel, settings), Publisher(nc, "notifier")
        tell, remember = (each(partial(handler, parts=parts)) for handler in (handlers.replay, handlers.remember))
        mailing = consuming_and_replaying(
            nc, publisher, NOTIFIER_MAIL, lambda effects: tell if effects else remember,
            workers=settings.mail_workers, undo=sent.erase,
        )  # fmt: skip
        await stack.enter_async_context(mailing)
        erase = each(partial(handlers.erase, parts=parts))
        await stack.enter_async_context(consuming(nc, publisher, NOTIFIER_ERASURE, erase))
        yield


if __name__ == "__main__":
    run("notifier", Settings, start)
