"""Mail channels: how a finished mail leaves. Two implementations of one protocol, held to one contract suite."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import TYPE_CHECKING, Protocol

import aiosmtplib
from aiobotocore.config import AioConfig
from aiobotocore.session import get_session
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError
from botocore.exceptions import ConnectionError as AwsConnectionError

from libs.events.errors import Transient
from services.notifier.settings import Settings

if TYPE_CHECKING:
    from types_aiobotocore_sesv2.client import SESV2Client

COMMAND_SECONDS = 10.0
BUSY_CODES = (
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
    "LimitExceededException",
    "SendingPausedException",
)
"""What SES answers when the same mail may be taken later."""


class Refused(Exception):
    """The mail server will never take this mail; the text says why, without addresses."""


class Uncertain(Exception):
    """The mail was handed over and no answer came: it may have been taken."""


class MailChannel(Protocol):
    """Takes finished mails."""

    async def send(self, message: EmailMessage) -> str:
        """Hand a mail over; returns what the server calls it.

        Raises Transient when it surely was not taken and may be later, Refused when it never will be, Uncertain when
        nobody can tell.
        """

    async def check(self) -> None:
        """Raise Transient unless the server answers."""


class SmtpChannel:
    """Any SMTP server; a connection for each mail."""

    def __init__(
        self, host: str, port: int, tls: str = "none", user: str | None = None, password: str | None = None
    ) -> None:
        self._host = host
        self._port = port
        self._tls = tls
        self._user = user
        self._password = password

    async def send(self, message: EmailMessage) -> str:
        """Hand a mail over; see MailChannel."""
        async with self._connection() as smtp:
            try:
                await smtp.mail(_address(message, "From"))
                await smtp.rcpt(_address(message, "To"))
            except aiosmtplib.SMTPResponseException as error:
                raise _answered(error) from None
            except (aiosmtplib.SMTPException, OSError) as error:
                raise Transient("mail", type(error).__name__) from None
            try:
                answer = await smtp.data(message.as_bytes())
            except aiosmtplib.SMTPResponseException as error:
                raise _answered(error) from None
            except (aiosmtplib.SMTPException, OSError) as error:
                raise Uncertain(type(error).__name__) from None
        return " ".join(answer.message.split())[:200]

    async def check(self) -> None:
        """Raise Transient unless the server answers."""
        async with self._connection() as smtp:
            await smtp.noop()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        smtp = aiosmtplib.SMTP(
            hostname=self._host,
            port=self._port,
            use_tls=self._tls == "tls",
            start_tls=self._tls == "starttls",
            username=self._user,
            password=self._password,
            timeout=COMMAND_SECONDS,
        )
        try:
            await smtp.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise Transient("mail", type(error).__name__) from None
        try:
            yield smtp
        finally:
            smtp.close()


class SesChannel:
    """AWS SES, API version 2, with the mail as it is."""

    def __init__(self, client: "SESV2Client") -> None:
        self._client = client

    async def send(self, message: EmailMessage) -> str:
        """Hand a mail over; see MailChannel."""
        try:
            answer = await self._client.send_email(
                FromEmailAddress=_address(message, "From"),
                Destination={"ToAddresses": [_address(message, "To")]},
                Content={"Raw": {"Data": message.as_bytes()}},
            )
        except ClientError as error:
            code = error.response.get("Error", {}).get("Code", "unknown")
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
            if code in BUSY_CODES or status >= 500:
                raise Transient("mail", code) from None
            raise Refused(code) from None
        except (EndpointConnectionError, AwsConnectionError) as error:
            raise Transient("mail", type(error).__name__) from None
        except (BotoCoreError, OSError) as error:
            raise Uncertain(type(error).__name__) from None
        return answer["MessageId"]

    async def check(self) -> None:
        """Raise Transient unless SES answers."""
        try:
            await self._client.get_account()
        except (BotoCoreError, ClientError, OSError) as error:
            raise Transient("mail", type(error).__name__) from None


@asynccontextmanager
async def mail_channel(settings: Settings) -> AsyncIterator[MailChannel]:
    """The channel that the settings choose."""
    if settings.mail_channel == "smtp":
        password = settings.smtp_password.get_secret_value() if settings.smtp_password else None
        yield SmtpChannel(settings.smtp_host, settings.smtp_port, settings.smtp_tls, settings.smtp_user, password)
        return
    async with ses_client(settings.ses_region, settings.ses_endpoint_url) as client:
        yield SesChannel(client)


@asynccontextmanager
async def ses_client(region: str, endpoint_url: str | None) -> AsyncIterator["SESV2Client"]:
    """A client of SES with AWS's usual credentials; it never repeats a request by itself (that could send twice)."""
    config = AioConfig(connect_timeout=5, read_timeout=15, retries={"total_max_attempts": 1})
    async with get_session().create_client(
        "sesv2", region_name=region, endpoint_url=endpoint_url, config=config
    ) as client:
        yield client


def _address(message: EmailMessage, header: str) -> str:
    return str(message[header].addresses[0].addr_spec)


def _answered(error: aiosmtplib.SMTPResponseException) -> Exception:
    """An SMTP answer: 4xx asks to come back later, 5xx is final (RFC 5321, 4.2.1)."""
    if 400 <= error.code < 500:
        return Transient("mail", f"SMTP {error.code}")
    return Refused(f"SMTP {error.code}")
