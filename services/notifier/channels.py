"""Ways a mail leaves: SMTP and Amazon SES, behind one protocol with one contract suite.

What matters is what is known after an attempt. Until the message was handed over nothing was sent, and the attempt may
be repeated (`Transient`). Once it was handed over, only the provider's answer tells what became of it; without one the
outcome is `Uncertain`, and repeating could send the mail twice. What the provider will never take is `Refused`.
Of what a provider says only its codes are passed on, because providers quote addresses.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import TYPE_CHECKING, Protocol

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from aiohttp import ClientConnectorError
from aiosmtplib import SMTP, SMTPException, SMTPRecipientRefused, SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, HTTPClientError
from botocore.parsers import ResponseParserError

from libs.events.errors import Transient
from services.notifier.settings import Settings

if TYPE_CHECKING:
    from types_aiobotocore_sesv2.client import SESV2Client

HANDOVER_SECONDS = 30.0
"""How long a provider may take until it has the message."""
ANSWER_SECONDS = 60.0
"""How long it may take to answer then. Together they bound an attempt; the ledger's lease is longer (sent.py)."""

NOT_HANDED_OVER = "not handed over"
READY_FOR_MESSAGE = 354
LOGIN_REQUIRED = 530
"""The one 5xx that is about us and not about the mail (RFC 4954, RFC 3207)."""

SES_FOR_NOW = frozenset(
    {
        "AccountSuspendedException",
        "ExpiredTokenException",
        "IncompleteSignature",
        "IncompleteSignatureException",
        "InvalidClientTokenId",
        "LimitExceededException",
        "MailFromDomainNotVerifiedException",
        "RequestExpired",
        "SendingPausedException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "UnrecognizedClientException",
    }
)
"""Answers with status 400 that are about the account or the moment; any other 400 is about the mail."""
SES_FOR_NOW_STATUS = frozenset({401, 403, 404, 408, 429, 503})


class Refused(Exception):
    """The provider will never take this mail; `reason` is for people and holds no address."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Uncertain(Exception):
    """The mail was handed over and no answer came: it may have been sent. `reason` is for people."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Deferred(Transient):
    """The server is there and puts off this one recipient; other mails may well go. `reason` is for people."""

    def __init__(self, codes: str) -> None:
        super().__init__("mail", f"the recipient was put off ({codes})")
        self.reason = f"The mail server put off the recipient ({codes})."


class MailChannel(Protocol):
    """A way to send a mail to the one address in its To."""

    async def send(self, message: EmailMessage) -> str:
        """Send it, and return what the provider calls it. Raises Transient, Refused or Uncertain.

        Cancelled, it raises CancelledError(NOT_HANDED_OVER) where it knows that nothing was sent.
        """

    async def check(self) -> None:
        """Raise Transient unless the provider answers."""


@dataclass(frozen=True, slots=True)
class SmtpChannel:
    """An SMTP server. Each mail has a connection of its own: none can have gone stale."""

    host: str
    port: int
    tls: str = "none"
    """`none`, `starttls` or `tls`; the certificate is checked."""
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    handover_seconds: float = HANDOVER_SECONDS
    answer_seconds: float = ANSWER_SECONDS

    async def send(self, message: EmailMessage) -> str:
        """Send it, and return the server's words of acceptance, which name its queue entry."""
        sender, recipient = envelope(message)
        client = self._client(sender)
        try:
            with _nothing_handed_over():
                async with asyncio.timeout(self.handover_seconds):
                    protocol = await _announce(client, sender, recipient)
                protocol.write(_wire_form(message))
            return await self._answer(protocol)
        finally:
            client.close()

    async def check(self) -> None:
        """Raise Transient unless the server greets."""
        client = self._client("check@localhost")
        try:
            with _nothing_handed_over():
                await client.connect()
        finally:
            client.close()

    def _client(self, sender: str) -> SMTP:
        return SMTP(
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            # Looking up this machine's own name can take seconds, and in a container it is no name others know.
            local_hostname=domain(sender),
            timeout=self.handover_seconds,
            use_tls=self.tls == "tls",
            start_tls=self.tls == "starttls",
        )

    async def _answer(self, protocol: SMTPProtocol) -> str:
        try:
            async with asyncio.timeout(self.answer_seconds):
                code, text = await protocol.read_response()
        except (SMTPException, OSError):
            raise Uncertain("The mail server took the mail and gave no answer.") from None
        with suppress(SMTPException):
            protocol.write(b"QUIT\r\n")  # a courtesy; waiting for its answer could only lose the one in hand
        if code >= 300:
            raise _refusal(code, text, "message")
        return _printable(text)


async def _announce(client: SMTP, sender: str, recipient: str) -> SMTPProtocol:
    """Everything up to the server's readiness for the message. By hand, to know a break before it from one after."""
    await client.connect()
    await client.mail(sender)
    await client.rcpt(recipient)
    code, text = await client.execute_command(b"DATA")
    if code != READY_FOR_MESSAGE:
        raise _refusal(code, text, "message")
    if client.protocol is None:
        raise SMTPServerDisconnected("Connection lost")
    return client.protocol


@contextmanager
def _nothing_handed_over() -> Iterator[None]:
    """What fails in here fails before the server has the message."""
    try:
        yield
    except asyncio.CancelledError:
        raise asyncio.CancelledError(NOT_HANDED_OVER) from None  # of a subclass asyncio.timeout would make nothing
    except SMTPRecipientRefused as error:
        refusal = _refusal(error.code, error.message, "recipient")
        raise refusal if isinstance(refusal, Refused) else Deferred(_codes(error.code, error.message)) from None
    except SMTPResponseException as error:  # the greeting, STARTTLS, the login, our own address: about us, not the mail
        raise Transient("mail", _codes(error.code, error.message)) from None
    except (SMTPException, OSError) as error:
        raise Transient("mail", type(error).__name__) from error


def _refusal(code: int, text: str, what: str) -> Refused | Transient:
    codes = _codes(code, text)
    if code < 500 or code == LOGIN_REQUIRED:
        return Transient("mail", codes)
    return Refused(f"The mail server refused the {what} ({codes}).")


def _codes(code: int, text: str) -> str:
    enhanced = re.match(r"[245]\.\d{1,3}\.\d{1,3}(?!\S)", text)
    return f"{code} {enhanced[0]}" if enhanced else str(code)


def _wire_form(message: EmailMessage) -> bytes:
    """The message as it follows DATA: 7-bit, CRLF ends lines, dots doubled, a dot at its end (RFC 5321, 4.5.2)."""
    content = re.sub(rb"\r\n|\r|\n", b"\r\n", _seven_bit(message))
    end = b".\r\n" if content.endswith(b"\r\n") else b"\r\n.\r\n"
    return re.sub(rb"(?m)^\.", b"..", content) + end


class SesChannel:
    """Amazon SES, version 2 of its API. It puts a Message-ID and a Date of its own in place of the message's."""

    def __init__(self, client: "SESV2Client") -> None:
        self._client = client

    async def send(self, message: EmailMessage) -> str:
        """Send it, and return SES's message id."""
        sender, recipient = envelope(message)
        try:
            answer = await self._client.send_email(
                FromEmailAddress=sender,
                Destination={"ToAddresses": [recipient]},
                Content={"Raw": {"Data": _seven_bit(message)}},
            )
        except ClientError as error:
            raise _ses_refusal(error) from None
        except (HTTPClientError, ResponseParserError):
            raise Uncertain("Amazon SES took the mail and gave no answer.") from None
        except EndpointConnectionError as error:
            # aiobotocore gives this name to every broken connection, also to one that broke while the answer was read.
            if isinstance(error.kwargs.get("error"), ClientConnectorError):
                raise Transient("mail", "cannot connect") from error
            raise Uncertain("Amazon SES took the mail and gave no answer.") from None
        except BotoCoreError as error:
            raise Transient("mail", type(error).__name__) from error
        return _printable(answer["MessageId"])

    async def check(self) -> None:
        """Raise Transient unless SES answers."""
        try:
            await self._client.get_account()
        except (BotoCoreError, ClientError, OSError) as error:
            raise Transient("mail", type(error).__name__) from error


@asynccontextmanager
async def mail_channel(settings: Settings) -> AsyncIterator[MailChannel]:
    """The channel that the settings choose."""
    if settings.mail_channel == "smtp":
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
        user = settings.smtp_user or None
        yield SmtpChannel(settings.smtp_host, settings.smtp_port, settings.smtp_tls, user, password)
        return
    async with ses_channel(settings.ses_region, settings.ses_endpoint_url) as channel:
        yield channel


@asynccontextmanager
async def ses_channel(region: str, endpoint_url: str | None = None) -> AsyncIterator[SesChannel]:
    """SES in `region`, with the credentials AWS's own chain finds (environment, role, ...)."""
    config = AioConfig(
        connect_timeout=HANDOVER_SECONDS,
        read_timeout=ANSWER_SECONDS,
        # Its own second attempt after a time-out could be a second mail.
        retries={"mode": "standard", "total_max_attempts": 1},
        # An idle connection that the other side closes just now would look like a mail without an answer.
        # aiobotocore adds a keepalive_timeout of its own unless it is told that there is none.
        connector_args={"force_close": True, "keepalive_timeout": None},
    )
    async with get_session().create_client(
        "sesv2", region_name=region, endpoint_url=endpoint_url, config=config
    ) as client:
        yield SesChannel(client)


def _ses_refusal(error: ClientError) -> Refused | Transient | Uncertain:
    code = re.sub(r"[^A-Za-z0-9]", "", error.response.get("Error", {}).get("Code", ""))[:64]
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in SES_FOR_NOW or status in SES_FOR_NOW_STATUS:
        return Transient("mail", f"{status} {code}")
    if 400 <= status < 500:
        return Refused(f"Amazon SES refused the mail ({code}).")
    return Uncertain(f"Amazon SES failed with the mail in hand ({status}).")


def envelope(message: EmailMessage) -> tuple[str, str]:
    """(sender, recipient): the one address in From and the one in To. Raises ValueError for any other number."""
    (sender,), (recipient,) = message["From"].addresses, message["To"].addresses
    return sender.addr_spec, recipient.addr_spec


def domain(address: str) -> str:
    """What is right of the `@`."""
    return address.rpartition("@")[2]


def _seven_bit(message: EmailMessage) -> bytes:
    return message.as_bytes(policy=message.policy.clone(linesep="\r\n", cte_type="7bit"))


def _printable(text: str) -> str:
    return re.sub(r"[^\x20-\x7e]+", " ", text)[:200]
