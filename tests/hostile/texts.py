"""Texts, pages and mails."""

import base64
from email.message import EmailMessage
from functools import partial

from tests.corpus import made
from tests.hostile import archives
from tests.hostile.specimen import ANYHOW, READ, Specimen
from tests.support import files

HEAD = "From: a@example.org\r\nTo: b@example.org\r\nSubject: nested\r\nDate: Mon, 1 Jan 2026 00:00:00 +0000\r\n"


def nested_mail(depth: int) -> bytes:
    """A mail in a mail, and so on."""
    inner = f"{HEAD}\r\nthe innermost text\r\n"
    for _ in range(depth):
        inner = f"{HEAD}MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n{inner}"
    return inner.encode()


def nested_parts(depth: int) -> bytes:
    """Parts in parts."""
    body, end = "", ""
    for level in range(depth):
        body += f'Content-Type: multipart/mixed; boundary="b{level}"\r\n\r\n--b{level}\r\n'
        end = f"\r\n--b{level}--{end}"
    return f"{HEAD}MIME-Version: 1.0\r\n{body}Content-Type: text/plain\r\n\r\nthe innermost text{end}".encode()


def many_parts(count: int) -> bytes:
    """A mail of very many parts."""
    part = "--b\r\nContent-Type: text/plain\r\n\r\nx\r\n"
    return f"{HEAD}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{part * count}--b--".encode()


def bombing_mail() -> bytes:
    """A mail with a bomb attached."""
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "a@example.org", "b@example.org", "bomb"
    mail.set_content("The lantern is dark.")
    mail.add_attachment(archives.flat_zip(), maintype="application", subtype="zip", filename="flat.zip")
    return mail.as_bytes()


def header_mail() -> bytes:
    """A mail with a header of five megabytes of encoded words."""
    word = f"=?utf-8?b?{base64.b64encode('ü'.encode() * 20).decode()}?= "
    return f"{HEAD}X-Long: {word * 60_000}\r\n\r\ntext".encode()


SCRIPTS = (
    b"<!doctype html><html><head><title>t</title><script>document.write('stolen ' + document.cookie)</script></head>"
    b"<body><img src=x onerror=alert('stolen')><iframe src='file:///etc/passwd'></iframe><p>The lantern.</p>"
)

TEXTS = (
    Specimen("nothing.txt", lambda: b"", {"empty"}),
    Specimen("one byte.txt", lambda: b"x"),
    Specimen("one byte.pdf", lambda: b"%"),
    Specimen("zeros.txt", lambda: bytes(5 << 20), ANYHOW - {READ}),
    Specimen("one line.txt", lambda: b"lantern " * (4 << 20)),
    Specimen("no spaces.txt", lambda: b"a" * (16 << 20)),
    Specimen("bad letters.txt", lambda: bytes(range(128, 256)) * 8192),
    Specimen("half characters.txt", lambda: b"\xff\xfe" + b"\x00\xd8" * 100_000),
    Specimen("combining.txt", lambda: ("a" + "\u0301" * 1_000_000).encode()),
    Specimen("columns.csv", lambda: b"1," * 1_000_000),
    Specimen("quote.csv", lambda: b'"' + b"a,\n" * 2_000_000),
    Specimen("deep.json", lambda: b"[" * 500_000 + b"]" * 500_000),
    Specimen("digits.json", lambda: b"1" * 2_000_000),
    Specimen("deep.html", lambda: b"<!doctype html>" + b"<div>" * 100_000 + b"text"),
    Specimen("attributes.html", lambda: b"<!doctype html><p " + b"a=1 " * 500_000 + b">text"),
    Specimen("unclosed.html", lambda: b"<!doctype html>" + b"<!-- " * 200_000 + b"<" * 200_000),
    Specimen("references.html", lambda: b"<!doctype html>" + b"&#x1;&#99999999999;&bogus" * 200_000),
    Specimen("scripts.html", lambda: SCRIPTS, {READ}, never="stolen"),
    Specimen("nested.eml", partial(nested_mail, 2000)),
    Specimen("parts.eml", partial(nested_parts, 2000)),
    Specimen("many parts.eml", partial(many_parts, 50_000)),
    Specimen("bomb.eml", bombing_mail),
    Specimen("header.eml", header_mail),
    Specimen("groups.rtf", lambda: rb"{\rtf1 " + b"{" * 500_000),
    Specimen("binary.rtf", lambda: rb"{\rtf1 {\pict\bin2147483647 x}}"),
    Specimen("objects.rtf", lambda: rb"{\rtf1 " + rb"{\object\objdata 0105000002000000}" * 50_000 + b"}"),
    Specimen("letters.rtf", lambda: rb"{\rtf1 " + rb"\u9999999999?" * 300_000 + b"}"),
    Specimen("headings.md", lambda: b"#" * 2_000_000 + b"[" * 2_000_000),
)

DISGUISES = (
    Specimen("paper and archive.pdf", lambda: files.pdf() + made.papers_zip()),
    Specimen("archive and paper.zip", lambda: made.papers_zip() + files.pdf()),
    Specimen("page and paper.html", lambda: b"<html><body>stolen</body></html>\n" + files.pdf()),
    Specimen("picture and script.gif", lambda: b"GIF89a=1;/*" + bytes(32) + b"*/stolen();", ANYHOW - {READ}),
    Specimen("program.pdf", lambda: b"\x7fELF\x02\x01\x01" + bytes(4096), {"unsupported"}),
    Specimen("program.docx", lambda: b"MZ\x90\x00" + bytes(4096), {"unsupported"}),
    Specimen("picture.docx", lambda: files.image("Lighthouse harbour")),
    Specimen("letter.pdf", files.docx, {READ}),
    Specimen("paper.txt", files.pdf, {READ}),
    Specimen("shell.txt", lambda: b"#!/bin/sh\nrm -rf /\n"),
)


def _halves() -> tuple[Specimen, ...]:
    """The first half of a file of each kind."""
    whole = {
        "docx": files.docx, "xlsx": files.xlsx, "pptx": files.pptx, "odt": files.odt, "epub": made.epub,
        "rtf": files.rtf, "html": files.html, "eml": files.eml, "zip": made.papers_zip, "pdf": files.pdf,
        "png": partial(files.image, "cut"), "jpg": partial(files.image, "cut", "JPEG"),
        "tiff": partial(files.image, "cut", "TIFF"), "webp": partial(files.image, "cut", "WEBP"),
        "gif": partial(files.image, "cut", "GIF"),
    }  # fmt: skip
    return tuple(Specimen(f"half.{ending}", partial(_half, make)) for ending, make in whole.items())


def _half(make: "partial[bytes]") -> bytes:
    content = make()
    return content[: len(content) // 2]


HALVES = _halves()
