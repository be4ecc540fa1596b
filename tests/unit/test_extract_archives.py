"""ZIP archives: their files are documents of their own; bombs are refused before they go off."""

import io
import zipfile

import pytest

from services.indexer.sandbox import Limits, Sandbox, Unreadable
from tests.support import documents, files

ZIP = "application/zip"


async def test_an_archive_is_the_list_of_its_files_and_the_files(reader: Sandbox) -> None:
    inner = documents.packed(("deep.txt", "The harbour bell rings."))
    content = documents.packed(
        ("notes/offer.txt", files.SENTENCE), ("more.zip", inner), ("__MACOSX/._more.zip", "litter"), ("empty/", "")
    )
    extracted = await reader.read(content, ZIP, Limits())
    assert extracted.pages == ("notes/offer.txt\nmore.zip",)
    assert [(member.filename, member.content) for member in extracted.members] == [
        ("notes/offer.txt", files.SENTENCE.encode()),
        ("more.zip", inner),
    ]


async def test_a_path_out_of_the_archive_is_only_a_name(reader: Sandbox) -> None:
    extracted = await reader.read(documents.packed(("../../etc/cron.d/x", "data")), ZIP, Limits())
    assert extracted.members[0].filename == "../../etc/cron.d/x"


async def test_no_more_is_taken_out_than_allowed(reader: Sandbox) -> None:
    content = documents.packed(*((f"{number}.txt", "x" * 100) for number in range(5)))
    extracted = await reader.read(content, ZIP, Limits(members=3))
    assert len(extracted.members) == 3
    assert "zipfile: 2 left out, too many" in extracted.route
    assert extracted.left_out == ("3.txt", "4.txt")
    extracted = await reader.read(content, ZIP, Limits(members_bytes=250))
    assert len(extracted.members) == 2
    assert "zipfile: 3 left out, too large together" in extracted.route


async def test_an_archive_that_says_it_unpacks_to_more_than_allowed_is_refused(reader: Sandbox) -> None:
    content = documents.packed(("a.txt", "x" * 600), ("b.txt", "x" * 600))
    with pytest.raises(Unreadable) as refusal:
        await reader.read(content, ZIP, Limits(unpacked_bytes=1000))
    assert refusal.value.reason == "too_large"


def bomb(mebibytes: int) -> bytes:
    """Unpacks to so much, and says so."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("zeros", "w") as file:
        for _ in range(mebibytes):
            file.write(bytes(1 << 20))
    return out.getvalue()


def liar() -> bytes:
    """Says that it unpacks to 10 bytes, and would to a million."""
    content = documents.packed(("first", ""), ("zeros", bytes(1_000_000)))
    return content.replace((1_000_000).to_bytes(4, "little"), (10).to_bytes(4, "little"))


def with_password() -> bytes:
    """Marked as encrypted, in both places that say so."""
    content = bytearray(documents.packed(("secret.txt", "x")))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (bomb(1024), "too_large"),
        (bomb(100), "too_large"),
        (liar(), "broken"),
        (with_password(), "encrypted"),
        (documents.packed(*((str(number), "") for number in range(10_001))), "too_large"),
        (documents.packed(), "no_text"),
        (b"PK\x03\x04 and nothing", "broken"),
    ],
    ids=["bomb", "smaller bomb", "a size that is a lie", "password", "too many files", "nothing in it", "no archive"],
)
async def test_an_archive_that_cannot_be_opened_says_why(reader: Sandbox, content: bytes, reason: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        await reader.read(content, ZIP, Limits(memory_bytes=512 << 20))
    assert refusal.value.reason == reason
