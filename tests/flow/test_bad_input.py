"""Whatever arrives at the public door is answered in words, and leaves nothing behind that was not accepted."""

import json
from urllib.parse import quote

import aiohttp
import pytest

from tests.support.visitor import Answer, Visitor, good

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=cut"


def part(name: str, content: bytes, about: bytes = b"") -> bytes:
    """One part of a multipart body, with its delimiter."""
    return b'--cut\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name.encode(), about, content)


def multipart(*parts: bytes) -> bytes:
    """A whole multipart body with good fields before `parts`."""
    return b"".join(part(name, value.encode()) for name, value in good().items()) + b"".join(parts) + b"--cut--\r\n"


async def post(visitor: Visitor, kind: str, body: object, **headers: str) -> Answer:
    """Post `body` as it is."""
    return await visitor.ask("POST", "/contact", data=body, headers={"Content-Type": kind, **headers})


async def test_all_wrong_fields_are_named_at_once(visitor: Visitor) -> None:
    answer = await visitor.send({"name": " ", "email": "ada@", "subject": "x" * 201, "message": "x" * 20_001})
    assert answer.status == 422
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.wrong_fields == ["name", "subject", "message", "email"]
    assert all(error["message"] for error in answer.body["errors"])
    nothing = await post(visitor, "application/json", b"{}")
    assert nothing.wrong_fields == ["name", "email", "message"]


async def test_control_characters_and_further_fields_beyond_the_limit_are_refused(visitor: Visitor) -> None:
    assert (await visitor.send({"name": "A\x00da"})).wrong_fields == ["name"]
    assert (await visitor.send({"subject": "Hi\r\nBcc: all@example.org"})).wrong_fields == ["subject"]
    assert (await visitor.send({"phone": "x" * 1001})).wrong_fields == ["phone"]
    assert (await visitor.send({f"field{n}": "x" for n in range(65)})).wrong_fields == ["metadata"]
    assert (await visitor.send({f"field{n}": "x" for n in range(64)})).status == 202


LATIN = "name=Müller".encode("latin-1")
BROKEN = [
    ("application/json", b'{"name": ', 400),
    ("application/json", '{"name": "Müller"}'.encode("latin-1"), 400),
    ("application/json", b"[1, 2]", 400),
    ("application/json", b"[" * 100_000, 400),
    ("application/json", b'{"name": ' + b"9" * 10_000 + b"}", 400),
    ("application/json", json.dumps(good({"message": "\ud800"})).encode(), 422),
    ("application/json", json.dumps({**good(), "name": {"first": "Ada"}}).encode(), 422),
    ("application/json", json.dumps({**good(), "\ud800": ["x"]}).encode(), 422),
    (URLENCODED, LATIN, 400),
    (URLENCODED, b"name=M%FCller", 400),
    (f"{URLENCODED}; charset=iso-8859-1", b"name=M%FCller", 400),
    (MULTIPART, multipart(part("phone", "Müller".encode("latin-1"))), 400),
    (MULTIPART, b"", 400),
    (MULTIPART, b"no part at all", 400),
    ("multipart/form-data", multipart(), 400),
    ("multipart/form-data; boundary=" + "x" * 200, multipart(), 400),
    (MULTIPART, multipart(part("a", b"", b"\r\nContent-Type: multipart/mixed; boundary=deep")), 400),
    (MULTIPART, multipart(b"--cut\r\nno header\r\n\r\nx\r\n"), 400),
    ("text/plain", b"hello", 415),
    ("application/xml", b"<hello/>", 415),
]


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
@pytest.mark.parametrize(("kind", "body", "status"), BROKEN)
async def test_a_body_that_cannot_be_read_is_refused_in_words(
    visitor: Visitor, accept: str, kind: str, body: bytes, status: int
) -> None:
    answer = await post(visitor, kind, body, Accept=accept)
    assert answer.status == status
    assert answer.headers["Content-Type"].startswith("text/html" if accept == "text/html" else "application/problem")


async def test_a_compressed_body_is_refused(visitor: Visitor) -> None:
    assert (await post(visitor, "application/json", b"\x1f\x8b", **{"Content-Encoding": "gzip"})).status == 415


async def test_utf8_is_understood_in_all_three_encodings_percent_encoded_or_not(visitor: Visitor) -> None:
    fields = good({"name": "Jörg Łukasz 山田 🐙"})
    plain = "&".join(f"{name}={value.replace(' ', '+')}" for name, value in fields.items())
    coded = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
    body = b"".join(part(name, value.encode()) for name, value in fields.items()) + b"--cut--\r\n"
    for kind, content in (
        ("application/json", json.dumps(fields)),
        (URLENCODED, coded),
        (URLENCODED, plain.encode()),
        (MULTIPART, body),
    ):
        sent = await post(visitor, kind, content)
        await visitor.ended(sent.id)
        owners, _ = visitor.mails(sent.id)
        assert "Jörg Łukasz 山田 🐙" in owners.get_body(("plain",)).get_content()  # type: ignore[union-attr]


FILE = part("files", b"A text that is cut off somewhere", b'; filename="a.txt"')


@pytest.mark.parametrize("missing", [2, 12, 30, len(FILE) - 8, len(FILE) + 40])
async def test_a_multipart_body_that_ends_too_early_leaves_nothing(visitor: Visitor, missing: int) -> None:
    before = await visitor.staged()
    answer = await post(visitor, MULTIPART, multipart(FILE)[: -missing - 4])
    assert answer.status == 400
    assert await visitor.staged() == before


RTL = "\u202e"
NAMES = [
    (b'; filename="../../../etc/passwd.txt"', "passwd.txt"),
    (b'; filename="C:\\\\Windows\\\\notes.txt"', "notes.txt"),
    (b"; filename*=UTF-8''..%2F..%2Fup.txt", "up.txt"),
    (b"; filename*=UTF-8''a%00b.txt", "a b.txt"),
    (b"; filename*=UTF-8''a%0d%0ab.txt", "a b.txt"),
    (f'; filename="invoice{RTL}fdp.txt"'.encode(), "invoicefdp.txt"),
    (b'; filename="' + b"x" * 4000 + b'.txt"', "x" * 251 + ".txt"),
    (b'; filename="M\xfcller.txt"', "M ller.txt"),
    (b'; filename=".."', "file"),
    (b'; filename=""', "file"),
]


@pytest.mark.parametrize(("about", "shown"), NAMES)
async def test_a_file_name_is_only_ever_shown_and_harmless(visitor: Visitor, about: bytes, shown: str) -> None:
    sent = await post(visitor, MULTIPART, multipart(part("files", b"A quiet text.", about)))
    await visitor.ended(sent.id)
    names = {hit["document_id"]: hit["filename"] for hit in await visitor.found("", contact_id=sent.id)}
    assert names[f"{sent.id}-1"] == shown
    for key in await visitor.staged(sent.id):
        assert shown not in key


async def test_a_file_name_with_a_bare_nul_is_malformed(visitor: Visitor) -> None:
    answer = await post(visitor, MULTIPART, multipart(part("files", b"x", b'; filename="a\x00b.txt"')))
    assert answer.status == 400


REFUSED = [
    ("setup.exe", b"MZ\x90\x00" + bytes(200)),
    ("invoice.pdf", b"MZ\x90\x00" + bytes(5 << 20)),
    ("picture.svg", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"><script/></svg>'),
    ("picture.txt", b"<svg onload=alert(1)>"),
    ("all.7z", b"7z\xbc\xaf\x27\x1c" + bytes(100)),
    ("run.txt", b"#!/bin/sh\nrm -rf /\n"),
    ("noise.txt", bytes(range(256)) * 20),
]


@pytest.mark.parametrize(("name", "content"), REFUSED, ids=[name for name, _ in REFUSED])
async def test_what_a_file_is_counts_and_not_its_name(visitor: Visitor, name: str, content: bytes) -> None:
    before = await visitor.staged()
    answer = await visitor.send(files=[("fine.txt", b"fine"), (name, content)])
    assert (answer.status, answer.wrong_fields) == (415, ["files"])
    assert name in answer.text
    assert await visitor.staged() == before


async def test_who_fills_in_the_honeypot_is_held_kept_and_found_but_no_mail_goes_out(visitor: Visitor) -> None:
    sent = await visitor.send(
        {"website": "https://spam.example", "message": "Cheap marlinspikes"}, [("a.txt", b"Ahoy")]
    )
    journey = await visitor.ended(sent.id)
    assert journey["status"] == "held"
    assert {hit["document_id"] for hit in await visitor.found("marlinspikes")} == {f"{sent.id}-0"}
    assert len(await visitor.staged(sent.id)) == 1
    after = await visitor.send()
    await visitor.ended(after.id)  # mails go out in order, so one for the held submission would be here by now
    assert visitor.mails(sent.id) == []
    assert "website" not in (await visitor.ask("GET", f"/contact/{sent.id}")).text


async def test_a_form_nobody_knows_and_a_method_nobody_offers(visitor: Visitor) -> None:
    assert (await visitor.send(params={"form": "nobody"})).status == 404
    assert (await visitor.ask("GET", "/contact", params={"form": "nobody"})).status == 404
    refused = await visitor.ask("PUT", "/contact")
    assert refused.status == 405
    assert refused.headers["Content-Type"].startswith("application/problem+json")


async def test_no_file_chosen_in_a_browser_is_no_file(visitor: Visitor) -> None:
    empty = part("files", b"", b'; filename=""\r\nContent-Type: application/octet-stream')
    sent = await post(visitor, MULTIPART, multipart(empty))
    assert await visitor.staged(sent.id) == []
    assert (await visitor.ended(sent.id))["status"] == "done"


async def test_an_expectation_is_met_before_the_body_is_sent(visitor: Visitor) -> None:
    async with (
        aiohttp.ClientSession() as curl,
        curl.post(f"{visitor.door}/contact", json=good(), expect100=True) as response,
    ):
        assert response.status == 202
