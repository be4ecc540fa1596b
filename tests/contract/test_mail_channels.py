"""What every mail channel promises: what is known after an attempt, whatever the provider did.

SMTP against a real server in this process, SES against moto's server; moto has no bad moods, so SES's answers of that
kind come from a server that gives them by script.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Any, cast

import pytest
from aiobotocore.session import get_session
from aiohttp import web
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.server import ThreadedMotoServer
from moto.ses.models import ses_backends

from libs.events.errors import Transient
from services.notifier.channels import (
    NOT_HANDED_OVER,
    Deferred,
    MailChannel,
    Refused,
    SmtpChannel,
    Uncertain,
    ses_channel,
)
from tests.support.relay import relaying

REGION = "eu-west-1"
SENDER = "letterbox@letterbox.example"
DROP, SILENCE = "drop", "silence"


def mail(sender: str = SENDER, text: str = "Good morning.") -> EmailMessage:
    message = EmailMessage(policy=SMTP_POLICY)
    message["From"] = Address("Letterbox", addr_spec=sender)
    message["To"] = Address(addr_spec="ada@visitor.example")
    message["Subject"] = "Grüße"
    message.set_content(text)
    return message


@dataclass
class Postman:
    """The other side of SMTP: keeps what it takes, and answers a step as `moods` says."""

    moods: dict[str, str] = field(default_factory=dict)
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    steps: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def _mood(self, step: str, server: SMTP) -> str | None:
        self.steps.put_nowait(step)
        mood = self.moods.get(step)
        if mood == DROP and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        if mood == SILENCE:
            await asyncio.sleep(3600)
        return mood

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name, as the next two
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self._mood("MAIL", server) or "250 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.rcpt_tos.append(address)
        return await self._mood("RCPT", server) or "250 OK"

    async def handle_DATA(self, server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if mood := await self._mood("DATA", server):
            return mood
        self.taken.append((envelope.rcpt_tos[0], cast(bytes, envelope.original_content)))
        return "250 2.0.0 queued as 4711"


def only_with_the_right_password(
    _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, login: LoginPassword
) -> AuthResult:
    return AuthResult(success=login == LoginPassword(b"letterbox", b"secret"), handled=False)


@asynccontextmanager
async def listening(postman: Postman, **more: Any) -> AsyncIterator[int]:
    """The postman's port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(postman, loop=loop, **more), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


@dataclass
class Provider:
    """One channel, the way to break it, and what its provider took."""

    channel: MailChannel
    postman: Postman | None = None

    def taken(self) -> list[tuple[str, bytes]]:
        if self.postman is not None:
            return self.postman.taken
        sent = ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages
        return [(one.destinations[0], one.raw_data.encode()) for one in sent]


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    """The address of a fresh AWS."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(autouse=True)
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """What AWS's own chain finds here."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)


@pytest.fixture(params=["smtp", "ses"])
async def provider(request: pytest.FixtureRequest, moto: str) -> AsyncIterator[Provider]:
    """Each kind of channel, with a provider that takes mails from SENDER alone."""
    if request.param == "smtp":
        postman = Postman()
        async with listening(postman) as port:
            yield Provider(SmtpChannel("127.0.0.1", port), postman)
        return
    ses_backends[DEFAULT_ACCOUNT_ID][REGION].sent_messages.clear()
    async with get_session().create_client("sesv2", region_name=REGION, endpoint_url=moto) as owner:
        await owner.create_email_identity(EmailIdentity=SENDER)
    async with ses_channel(REGION, moto) as channel:
        yield Provider(channel)


async def test_a_mail_arrives_as_it_was_written_and_the_provider_gives_it_a_name(provider: Provider) -> None:
    text = "Dear Ada,\n.\n..two dots\nÄpfel und Öl\n" + "long " * 400 + "\nFrom here on\n"
    name = await provider.channel.send(mail(text=text))
    assert name
    assert name.isprintable()
    ((recipient, content),) = provider.taken()
    assert recipient == "ada@visitor.example"
    arrived = message_from_bytes(content, policy=SMTP_POLICY)
    assert arrived["Subject"] == "Grüße"
    assert arrived.get_content().replace("\r\n", "\n") == text


async def test_a_mail_that_will_never_be_taken_is_refused_without_naming_an_address(provider: Provider) -> None:
    if provider.postman is not None:
        provider.postman.moods["RCPT"] = "550 5.1.1 no mailbox ada@visitor.example here"
    with pytest.raises(Refused) as refused:  # SES takes mail from verified addresses alone
        await provider.channel.send(mail(sender="stranger@nowhere.example"))
    assert "@" not in refused.value.reason
    assert provider.taken() == []


async def test_when_nobody_listens_the_mail_can_be_sent_later(unused_tcp_port: int, moto: str) -> None:
    async with ses_channel(REGION, f"http://127.0.0.1:{unused_tcp_port}") as ses:
        channel: MailChannel
        for channel in (ses, SmtpChannel("127.0.0.1", unused_tcp_port)):
            with pytest.raises(Transient):
                await channel.send(mail())
            with pytest.raises(Transient):
                await channel.check()


SMTP_ANSWERS = [
    ({"RCPT": "451 4.3.0 busy"}, Deferred),
    ({"RCPT": "421 going away"}, Transient),
    ({"RCPT": "552 5.2.2 mailbox full"}, Refused),
    ({"RCPT": DROP}, Transient),
    ({"RCPT": SILENCE}, Transient),
    ({"MAIL": "451 busy"}, Transient),
    ({"MAIL": "550 we do not know you"}, Transient),
    ({"DATA": "451 4.3.0 busy"}, Transient),
    ({"DATA": "554 5.7.1 looks like spam to ada@visitor.example"}, Refused),
    ({"DATA": "530 log in first"}, Transient),
    ({"DATA": DROP}, Uncertain),
    ({"DATA": SILENCE}, Uncertain),
]


@pytest.mark.parametrize(("moods", "outcome"), SMTP_ANSWERS, ids=[str(moods) for moods, _ in SMTP_ANSWERS])
async def test_what_an_smtp_server_says_at_each_step_decides(moods: dict[str, str], outcome: type[Exception]) -> None:
    postman = Postman(moods)
    async with listening(postman) as port:
        channel = SmtpChannel("127.0.0.1", port, handover_seconds=0.5, answer_seconds=0.5)
        with pytest.raises(outcome) as raised:
            await channel.send(mail())
        assert type(raised.value) is outcome or outcome is Transient
        assert "@" not in str(raised.value)
        assert postman.taken == []
        postman.moods.clear()
        assert "4711" in await channel.send(mail())
        assert len(postman.taken) == 1


@pytest.mark.parametrize(("step", "surely_not_sent"), [("MAIL", True), ("RCPT", True), ("DATA", False)])
async def test_who_is_cancelled_knows_that_nothing_was_sent_until_the_message_was_handed_over(
    step: str, surely_not_sent: bool
) -> None:
    postman = Postman({step: SILENCE})
    async with listening(postman) as port:
        sending = asyncio.create_task(SmtpChannel("127.0.0.1", port).send(mail()))
        while await asyncio.wait_for(postman.steps.get(), 20) != step:
            pass
        sending.cancel()
        with pytest.raises(asyncio.CancelledError) as cancelled:
            await sending
    assert (NOT_HANDED_OVER in cancelled.value.args) == surely_not_sent
    assert sending.cancelled()


async def test_a_check_that_takes_too_long_can_be_timed_out() -> None:
    silent = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    async with silent:
        channel = SmtpChannel("127.0.0.1", silent.sockets[0].getsockname()[1])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await channel.check()


@pytest.mark.filterwarnings("ignore:Requiring AUTH:UserWarning")
async def test_a_wrong_password_is_our_fault_and_not_the_mails() -> None:
    postman = Postman()
    async with listening(
        postman, authenticator=only_with_the_right_password, auth_required=True, auth_require_tls=False
    ) as port:
        with pytest.raises(Transient):
            await SmtpChannel("127.0.0.1", port, user="letterbox", password="wrong").send(mail())
        with pytest.raises(Transient):
            await SmtpChannel("127.0.0.1", port).send(mail())
        assert postman.taken == []
        await SmtpChannel("127.0.0.1", port, user="letterbox", password="secret").send(mail())
    assert len(postman.taken) == 1


async def test_a_server_without_encryption_gets_nothing_when_encryption_is_wanted() -> None:
    postman = Postman()
    async with listening(postman) as port:
        for tls in ("starttls", "tls"):
            with pytest.raises(Transient):
                await SmtpChannel("127.0.0.1", port, tls, handover_seconds=0.5).send(mail())
    assert postman.taken == []


async def test_when_ses_goes_away_with_the_mail_in_hand_nobody_can_tell(moto: str) -> None:
    host, _, port = moto.removeprefix("http://").partition(":")
    async with relaying(host, int(port)) as relay, ses_channel(REGION, f"http://127.0.0.1:{relay.port}") as channel:
        relay.hang()
        sending = asyncio.create_task(channel.send(mail()))
        while not relay.passed:
            assert not sending.done()
            await asyncio.sleep(0.01)
        await relay.cut()
        with pytest.raises(Uncertain):
            await sending


SES_ANSWERS = [
    (429, "TooManyRequestsException", Transient),
    (400, "LimitExceededException", Transient),
    (400, "SendingPausedException", Transient),
    (400, "AccountSuspendedException", Transient),
    (403, "UnrecognizedClientException", Transient),
    (503, "ServiceUnavailable", Transient),
    (400, "MessageRejected", Refused),
    (400, "BadRequestException", Refused),
    (500, "InternalFailure", Uncertain),
]


@pytest.mark.parametrize(("status", "code", "outcome"), SES_ANSWERS, ids=[code for _, code, _ in SES_ANSWERS])
async def test_what_ses_answers_decides_and_is_asked_once(status: int, code: str, outcome: type[Exception]) -> None:
    asked = 0

    async def answer(_request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        body = {"message": "about ada@visitor.example"}
        return web.json_response(body, status=status, headers={"x-amzn-ErrorType": code})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with ses_channel(REGION, f"http://127.0.0.1:{runner.addresses[0][1]}") as channel:
            with pytest.raises(outcome) as raised:
                await channel.send(mail())
    finally:
        await runner.cleanup()
    assert "@" not in str(raised.value)
    assert asked == 1
