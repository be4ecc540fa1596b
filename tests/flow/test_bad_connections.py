"""Bodies that are too large, too long, too slow or lie about their length, and clients that are too many."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.flow.test_bad_input import FILE, MULTIPART, URLENCODED, multipart, part, post
from tests.support.stack import isolated_stack
from tests.support.visitor import RATES_OFF, Visitor, eventually, good, visiting

GIB = 1 << 30


@asynccontextmanager
async def connected(
    visitor: Visitor, source: str = "127.0.0.1"
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A bare connection to ingest, from the address `source`."""
    place = urlsplit(visitor.stack.address("ingest"))
    reader, writer = await asyncio.open_connection(place.hostname, place.port, local_addr=(source, 0))
    try:
        yield reader, writer
    finally:
        writer.close()


def head(kind: str, *lines: str) -> bytes:
    """The beginning of a request, up to its body."""
    return "\r\n".join(["POST /contact HTTP/1.1", "Host: x", f"Content-Type: {kind}", *lines, "", ""]).encode()


async def answered(reader: asyncio.StreamReader) -> tuple[int, str]:
    """(status, headers) of the answer on a bare connection."""
    async with asyncio.timeout(30):
        text = (await reader.readuntil(b"\r\n\r\n")).decode()
    return int(text.split()[1]), text


@pytest.mark.parametrize("kind", ["application/json", URLENCODED, MULTIPART])
async def test_ten_thousand_fields_are_too_many(visitor: Visitor, kind: str) -> None:
    many = {f"field{n}": "x" for n in range(10_000)}
    bodies = {
        "application/json": json.dumps(many).encode(),
        URLENCODED: "&".join(f"{name}={value}" for name, value in many.items()).encode(),
        MULTIPART: b"".join(part(name, b"x") for name in many) + b"--cut--\r\n",
    }
    assert (await post(visitor, kind, bodies[kind])).status == 413


async def test_text_without_end_is_cut_off_at_its_limit(visitor: Visitor) -> None:
    for kind in ("application/json", URLENCODED):
        assert (await post(visitor, kind, b"x" * (2 << 20))).status == 413
    assert (await post(visitor, MULTIPART, multipart(part("phone", b"x" * (200 << 10))))).status == 413


async def test_ten_gibibytes_that_are_announced_are_refused_before_they_are_sent(visitor: Visitor) -> None:
    async with connected(visitor) as (reader, writer):
        writer.write(head(MULTIPART, f"Content-Length: {10 * GIB}"))
        status, headers = await answered(reader)
    assert status == 413
    assert "Connection: close" in headers


async def test_ten_gibibytes_in_chunks_are_refused_at_the_limit_of_a_file(visitor: Visitor) -> None:
    before = await visitor.staged()
    sent, piece = 0, b"x" * (256 << 10)
    async with connected(visitor) as (reader, writer):
        writer.write(head(MULTIPART, "Transfer-Encoding: chunked"))
        start = multipart()[: -len(b"--cut--\r\n")] + FILE[:-2]
        writer.write(b"%x\r\n%s\r\n" % (len(start), start))
        answer = asyncio.create_task(answered(reader))
        while not answer.done() and sent < 10 * GIB:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            sent += len(piece)
            await writer.drain()
        status, _ = await answer
    assert status == 413
    assert 25 << 20 < sent < 64 << 20
    assert await visitor.staged() == before


@pytest.mark.parametrize("door", ["caddy", "ingest"])
async def test_a_file_that_is_too_large_or_one_too_many_is_named(visitor: Visitor, door: str) -> None:
    before = await visitor.staged()
    at = visitor.stack.address(door)
    large = await visitor.send(files=[("a.txt", b"ok"), ("big.txt", b"x" * (25 << 20) + b"x")], at=at)
    assert (large.status, large.wrong_fields) == (413, ["files"])
    assert "big.txt" in large.text
    many = await visitor.send(files=[(f"{n}.txt", b"ok") for n in range(6)], at=at)
    assert (many.status, many.wrong_fields) == (413, ["files"])
    assert await visitor.staged() == before


async def test_a_body_shorter_than_it_says_is_given_up(visitor: Visitor) -> None:
    async with connected(visitor) as (reader, writer):
        writer.write(head("application/json", "Content-Length: 5000") + json.dumps(good()).encode())
        assert (await answered(reader))[0] == 408


async def test_a_body_longer_than_it_says_is_no_second_request(visitor: Visitor) -> None:
    body = json.dumps(good()).encode()
    async with connected(visitor) as (reader, writer):
        writer.write(head("application/json", f"Content-Length: {len(body) - 4}") + body)
        assert (await answered(reader))[0] == 400
        rest = await asyncio.wait_for(reader.read(), 30)
    assert b" 202 " not in rest


@pytest.mark.parametrize("length", ["-1", "12, 13", "0x10", "9" * 30])
async def test_a_length_that_is_no_length_is_refused(visitor: Visitor, length: str) -> None:
    async with connected(visitor) as (reader, writer):
        writer.write(head("application/json", f"Content-Length: {length}") + json.dumps(good()).encode())
        assert (await answered(reader))[0] in (400, 413)


async def test_a_client_that_sends_a_byte_a_second_is_cut_off(visitor: Visitor) -> None:
    async with connected(visitor) as (reader, writer):
        writer.write(head("application/json", "Content-Length: 5000"))
        answer = asyncio.create_task(answered(reader))
        for byte in json.dumps(good()).encode():
            writer.write(bytes([byte]))
            done, _ = await asyncio.wait([answer], timeout=1)  # each pause is shorter than the longest allowed
            if done:
                break
        status, headers = await answer
    assert status == 408
    assert "Connection: close" in headers


MIB = 1 << 20
CUT_OFF = multipart(FILE, part("files", b"x" * (12 * MIB), b'; filename="b.txt"'))[: -2 * MIB]
"""One whole file, and the beginning of one that is large enough to be sent in parts."""


async def unfinished(visitor: Visitor) -> list[str]:
    """Keys of uploads in parts that were begun and neither completed nor given up."""
    answer = await visitor.objects.client.list_multipart_uploads(Bucket=visitor.objects.bucket)
    return [upload["Key"] for upload in answer.get("Uploads", [])]


async def staged_in_part(visitor: Visitor) -> Any:
    """The key of the upload that is under way."""
    return await eventually(lambda: unfinished(visitor))


async def test_a_client_that_vanishes_leaves_nothing(visitor: Visitor) -> None:
    before = await visitor.staged()
    async with connected(visitor) as (_, writer):
        writer.write(head(MULTIPART, "Content-Length: 99999999") + CUT_OFF)
        await staged_in_part(visitor)
        assert len(await visitor.staged()) == len(before) + 1

    async def nothing_left() -> bool:
        return await visitor.staged() == before and await unfinished(visitor) == []

    await eventually(nothing_left)


async def test_what_a_killed_ingest_had_begun_is_gone_after_the_janitors_pass_and_nothing_else() -> None:
    parts = ("nats", "postgres", "object-store", "ingest", "storage")
    async with isolated_stack(parts, {"ingest": RATES_OFF}) as stack, visiting(stack) as visitor:
        first = await visitor.send(files=[("a.txt", b"Ahoy")])
        # The store tells times by the second, and the janitor spares what may be as old as the stream.
        await asyncio.sleep(1)
        second = await visitor.send(files=[("a.txt", b"Ahoy")])
        async with connected(visitor) as (_, writer):
            writer.write(head(MULTIPART, "Content-Length: 99999999") + CUT_OFF)
            await staged_in_part(visitor)
            await stack.kill("ingest")
        assert len(await visitor.staged()) == 3
        assert len(await unfinished(visitor)) == 1
        stack.environment["storage"] = {"LETTERBOX_JANITOR_AGE_SECONDS": "0", "LETTERBOX_JANITOR_EVERY_SECONDS": "1"}
        await stack.stop("storage")
        await stack.start("storage")

        async def swept() -> bool:
            return len(await visitor.staged()) < 3 and await unfinished(visitor) == []

        await eventually(swept)
        kept = [*await visitor.staged(first.id), *await visitor.staged(second.id)]
        assert len(kept) == 2
        assert sorted(await visitor.staged()) == sorted(kept)


@pytest.fixture(scope="module")
async def limited() -> AsyncIterator[Visitor]:
    """A visitor of a door that takes few messages an hour."""
    rates = {
        "LETTERBOX_RATE_PER_ADDRESS": "2/hour",
        "LETTERBOX_RATE_PER_FORM": "12/hour",
        "LETTERBOX_FORMS": '["contact", "jobs"]',
    }
    parts = ("nats", "object-store", "ingest", "caddy")
    async with isolated_stack(parts, {"ingest": rates}) as stack, visiting(stack) as visitor:
        yield visitor


async def test_an_address_that_sends_too_much_is_told_when_to_come_back(limited: Visitor) -> None:
    answers = [await limited.send(headers={"X-Forwarded-For": f"198.51.100.{n}"}) for n in range(3)]
    assert [answer.status for answer in answers] == [202, 202, 429]  # the gateway does not pass on what clients claim
    assert int(answers[2].headers["Retry-After"]) > 0
    assert answers[2].headers["Content-Type"].startswith("application/problem+json")


async def test_it_is_told_so_before_its_body_is_read(limited: Visitor) -> None:
    for _ in range(2):
        await limited.send(at=limited.stack.address("ingest"), headers={"X-Forwarded-For": "203.0.113.80"})
    async with connected(limited) as (reader, writer):
        writer.write(head(MULTIPART, "Content-Length: 90000000", "X-Forwarded-For: 203.0.113.80"))
        status, headers = await answered(reader)
    assert status == 429
    assert "Retry-After: " in headers


async def test_the_gateway_is_believed_by_its_last_hop_and_nobody_else_is(limited: Visitor) -> None:
    async def sent(source: str, forwarded: str) -> int:
        async with connected(limited, source) as (reader, writer):
            body = json.dumps({}).encode()
            lines = (f"Content-Length: {len(body)}", f"X-Forwarded-For: {forwarded}", "Connection: close")
            writer.write(head("application/json", *lines) + body)
            return (await answered(reader))[0]

    gateway, other = "127.0.0.1", "127.0.0.2"
    hops = ("203.0.113.7", "192.0.2.1, 203.0.113.7", "192.0.2.2,203.0.113.7")
    assert [await sent(gateway, hop) for hop in hops] == [422, 422, 429]
    assert [await sent(other, f"192.0.2.{n}") for n in range(3)] == [422, 422, 429]


async def test_a_form_that_gets_too_much_is_closed_for_a_while_and_the_others_are_not(limited: Visitor) -> None:
    async def sent(number: int, form: str) -> int:
        at, headers = limited.stack.address("ingest"), {"X-Forwarded-For": f"198.18.0.{number}"}
        return (await limited.send(at=at, headers=headers, params={"form": form})).status

    assert [await sent(number, "jobs") for number in range(13)] == [202] * 12 + [429]
