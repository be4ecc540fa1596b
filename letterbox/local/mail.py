"""The local catch-all: takes every mail, keeps each as a file, and shows them on a page.

A mail is answered with 250 only when its file is on disk, and a stop waits for open connections: whoever was about to
hear that would otherwise not know what became of the mail. While there is a file `refuse` in its folder it takes none,
as a mail server that has blocked this sender: so that one can try what happens then.
"""

import asyncio
import email
import email.policy
import itertools
import os
import signal
import sys
import time
from email.message import EmailMessage
from html import escape
from pathlib import Path

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from letterbox.local.home import REPOSITORY, Home
from letterbox.local.part import Part

PORTS = ("mail", "mail-page")
FOLDER = web.AppKey("folder", Path)
SHOWN = 500
CONNECTIONS_END_SECONDS = 8.0
REFUSE = "refuse"
CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'"
STYLE = (
    "body{font:1rem/1.5 system-ui,'DejaVu Sans',sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.5rem;border-bottom:1px solid #c9d1da}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f3f5f8;padding:1rem;border-radius:.4rem}"
)


def mail_part(home: Home, ports: dict[str, int]) -> Part:
    """The server as a part of the stack."""
    page = f"http://127.0.0.1:{ports['mail-page']}"
    places = [str(home.folder("mail")), str(ports["mail"]), str(ports["mail-page"])]
    return Part(
        name="mail",
        command=[sys.executable, "-m", "letterbox.local.mail", *places],
        address=page,
        health=f"{page}/health",
        environment={"PYTHONPATH": str(REPOSITORY), "PYTHONUNBUFFERED": "1"},
    )


class Keeper:
    """Keeps each mail as `<time>-<number>.eml`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """Take every recipient, or none."""
        if (self._folder / REFUSE).exists():
            return "550 this sender is blocked"
        envelope.rcpt_tos.append(address)
        return "250 go on"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Write the mail to disk, then accept it."""
        name = f"{time.time_ns()}-{next(self._numbers)}.eml"
        content = envelope.content if isinstance(envelope.content, bytes) else (envelope.content or "").encode()
        recipients = ", ".join(envelope.rcpt_tos)
        await asyncio.to_thread(self._write, name, f"X-Envelope-To: {recipients}\r\n".encode() + content)
        return "250 kept"

    def _write(self, name: str, content: bytes) -> None:
        draft = self._folder / f".{name}"
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._folder / name)


class Connection(SMTP):
    """One client; `connections` holds those that are open."""

    def __init__(self, keeper: Keeper, connections: set["Connection"]) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(keeper, enable_SMTPUTF8=True, data_size_limit=40 << 20, ident="letterbox catch-all", loop=loop)
        self._connections = connections
        self.ended = loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._connections.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """End."""
        self._connections.discard(self)
        self.ended.set_result(None)
        super().connection_lost(error)


def page_app(folder: Path) -> web.Application:
    """The page that shows the mails."""
    app = web.Application()
    app[FOLDER] = folder
    app.router.add_get("/", show_all)
    app.router.add_get("/favicon.ico", nothing)
    app.router.add_get("/health", healthy)
    app.router.add_get("/messages.json", list_all)
    app.router.add_get("/messages/{id}.eml", raw)
    app.router.add_get("/messages/{id}", show_one)
    return app


async def nothing(_request: web.Request) -> web.Response:
    """The icon that browsers ask for."""
    return web.Response(status=204)


async def healthy(_request: web.Request) -> web.Response:
    """200 while the process answers, however many mails there are."""
    return web.Response()


async def list_all(request: web.Request) -> web.Response:
    """All mails as JSON, the newest first."""
    return web.json_response([_summary(file) for file in _files(request.app[FOLDER])])


async def show_all(request: web.Request) -> web.Response:
    """All mails as a page, the newest first."""
    rows = "".join(
        f'<tr><td><a href="/messages/{escape(mail["id"])}">{escape(mail["subject"]) or "(no subject)"}</a></td>'
        f"<td>{escape(mail['to'])}</td><td>{escape(mail['from'])}</td><td>{escape(mail['date'])}</td></tr>"
        for mail in map(_summary, _files(request.app[FOLDER])[:SHOWN])
    )
    body = f"<table><tr><th>Subject<th>To<th>From<th>Date</tr>{rows}</table>" if rows else "<p>No mail yet.</p>"
    return _page("Caught mail", f"<h1>Caught mail</h1><p>Nothing here left this machine.</p>{body}")


async def show_one(request: web.Request) -> web.Response:
    """One mail: its headers and its text."""
    mail = _read(_file(request))
    text = mail.get_body(preferencelist=("plain", "html"))
    names = ("From", "To", "Reply-To", "Subject", "Date", "Message-ID", "Auto-Submitted")
    headers = "".join(f"<tr><th>{name}<td>{escape(str(mail[name]))}</tr>" for name in names if mail[name])
    content = escape(text.get_content()) if text is not None else "(no text)"
    back = '<p><a href="/">All mails</a></p>'
    return _page("Mail", f"{back}<table>{headers}</table><pre>{content}</pre>")


async def raw(request: web.Request) -> web.Response:
    """One mail as it was received."""
    return web.Response(body=_file(request).read_bytes(), content_type="message/rfc822")


def _files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9]*.eml"), key=lambda file: file.name, reverse=True)


def _file(request: web.Request) -> Path:
    name = request.match_info["id"]
    file = request.app[FOLDER] / f"{name}.eml"
    if not name.replace("-", "").isdigit() or not file.is_file():
        raise web.HTTPNotFound
    return file


def _read(file: Path) -> EmailMessage:
    return email.message_from_bytes(file.read_bytes(), policy=email.policy.default)


def _summary(file: Path) -> dict[str, str]:
    mail = _read(file)
    return {
        "id": file.stem,
        "from": str(mail["From"] or ""),
        "to": str(mail["To"] or mail["X-Envelope-To"] or ""),
        "subject": str(mail["Subject"] or ""),
        "date": str(mail["Date"] or ""),
    }


def _page(title: str, body: str) -> web.Response:
    text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>{body}'
    return web.Response(text=text, content_type="text/html", headers={"Content-Security-Policy": CSP})


async def _serve(folder: Path, smtp_port: int, page_port: int, host: str = "127.0.0.1") -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    keeper = Keeper(folder)
    connections: set[Connection] = set()
    server = await loop.create_server(lambda: Connection(keeper, connections), host, smtp_port)
    runner = web.AppRunner(page_app(folder), access_log=None)
    await runner.setup()
    await web.TCPSite(runner, host, page_port).start()
    await stop.wait()
    server.close()
    if connections:
        await asyncio.wait([one.ended for one in connections], timeout=CONNECTIONS_END_SECONDS)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(_serve(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:5]))
