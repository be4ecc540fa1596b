"""Who comes in: keys in a file, sessions, wrong keys, addresses, and the name a file is downloaded by."""

import hashlib
import json
from ipaddress import ip_network
from pathlib import Path
from unittest.mock import Mock

import pytest
from aiohttp.test_utils import make_mocked_request

from services.search.attempts import ADDRESSES, BURST, EVERY_SECONDS, Attempts, address_of
from services.search.download import attachment
from services.search.keys import Keys
from services.search.login import own_page
from services.search.sessions import LIFETIME_SECONDS, Sessions

SECRET = "s" * 40


class Clock:
    """A clock that the test turns."""

    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def write(path: Path, **keys: str) -> None:
    entries = [{"id": name, "sha256": hashlib.sha256(key.encode()).hexdigest()} for name, key in keys.items()]
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps({"keys": entries}))
    fresh.replace(path)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.json"


def test_a_key_is_known_by_its_hash(path: Path) -> None:
    write(path, owner="lbx_right", partner="lbx_other")
    keys = Keys(path)
    found = keys.match("lbx_other")
    assert found is not None
    assert found.id == "partner"
    assert keys.match("lbx_wrong") is None
    assert keys.match("") is None
    assert keys.match("\udce9") is None


def test_a_new_keys_file_counts_at_once(path: Path) -> None:
    keys = Keys(path)
    assert keys.match("lbx_first") is None
    write(path, owner="lbx_first")
    assert keys.match("lbx_first") is not None
    write(path, owner="lbx_second")
    assert keys.match("lbx_first") is None
    assert keys.match("lbx_second") is not None


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"keys": [{"id": "owner"}]}', '{"keys": [{"id": "o", "sha256": "abc"}]}']
)
def test_a_broken_keys_file_keeps_the_old_keys_and_is_reported(
    path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(path, owner="lbx_right")
    keys = Keys(path)
    assert keys.match("lbx_right") is not None
    path.write_text(content)
    assert keys.match("lbx_right") is not None
    assert [record.levelname for record in caplog.records if "keys file" in record.message] == ["ERROR"]


def test_a_keys_file_that_is_gone_keeps_the_old_keys(path: Path) -> None:
    write(path, owner="lbx_right")
    keys = Keys(path)
    assert keys.match("lbx_right") is not None
    path.unlink()
    assert keys.match("lbx_right") is not None


async def test_without_any_key_the_door_is_not_ready(path: Path) -> None:
    keys = Keys(path)
    with pytest.raises(LookupError):
        await keys.check()
    write(path, owner="lbx_right")
    await keys.check()


def session_of(path: Path, clock: Clock, secret: str = SECRET) -> tuple[Sessions, Keys]:
    keys = Keys(path)
    return Sessions(secret, keys, secure=True, clock=clock), keys


def test_a_session_ends_by_itself(path: Path) -> None:
    write(path, owner="lbx_right")
    clock = Clock()
    sessions, keys = session_of(path, clock)
    owner = keys.match("lbx_right")
    assert owner is not None
    token = sessions.token(owner)
    assert sessions.owner(token) == owner
    clock.now += LIFETIME_SECONDS
    assert sessions.owner(token) is None


def test_a_session_ends_when_its_key_leaves_the_file_or_is_replaced(path: Path) -> None:
    write(path, owner="lbx_right", partner="lbx_other")
    sessions, keys = session_of(path, Clock())
    owner, partner = keys.match("lbx_right"), keys.match("lbx_other")
    assert owner is not None
    assert partner is not None
    tokens = sessions.token(owner), sessions.token(partner)
    write(path, owner="lbx_replaced")
    assert [sessions.owner(token) for token in tokens] == [None, None]


def test_a_session_that_was_changed_or_signed_by_another_is_none(path: Path) -> None:
    write(path, owner="lbx_right", partner="lbx_other")
    sessions, keys = session_of(path, Clock())
    strangers, _ = session_of(path, Clock(), secret="t" * 40)
    owner = keys.match("lbx_right")
    assert owner is not None
    name, until, signature = sessions.token(owner).split(":")
    forged = [
        f"partner:{until}:{signature}",
        f"{name}:{int(until) + 1}:{signature}",
        f"{name}:{until}:{signature[:-1]}",
        f"{name}:{until}:",
        "::",
        "",
        "\udce9:1:2",
        strangers.token(owner),
    ]
    assert [sessions.owner(token) for token in forged] == [None] * len(forged)


def test_who_tries_too_many_wrong_keys_has_to_wait_and_nobody_else() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    assert [attempts.wrong("192.0.2.1") for _ in range(BURST)] == [None] * BURST
    wait = attempts.wrong("192.0.2.1")
    assert wait is not None
    assert wait >= 1
    assert attempts.wrong("192.0.2.2") is None
    clock.now += EVERY_SECONDS
    assert attempts.wrong("192.0.2.1") is None
    assert attempts.wrong("192.0.2.1") is not None


def test_the_memory_of_wrong_keys_is_bounded_and_forgets_the_oldest() -> None:
    attempts = Attempts(Clock())
    assert [attempts.wrong("first") for _ in range(BURST + 1)][-1] is not None
    for number in range(ADDRESSES):
        attempts.wrong(str(number))
    assert attempts.wrong("first") is None


def asked_from(peer: str, *forwarded: str) -> str:
    transport = Mock()
    transport.get_extra_info = lambda name, default=None: (peer, 1) if name == "peername" else default
    request = make_mocked_request("GET", "/", transport=transport)
    headers = request.headers.copy()
    for value in forwarded:
        headers.add("X-Forwarded-For", value)
    return address_of(request.clone(headers=headers), [ip_network("127.0.0.1/32")])


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("192.0.2.7", (), "192.0.2.7"),
        ("192.0.2.7", ("198.51.100.1",), "192.0.2.7"),
        ("127.0.0.1", ("198.51.100.1, 203.0.113.9",), "203.0.113.9"),
        ("127.0.0.1", ("198.51.100.1", "203.0.113.9"), "203.0.113.9"),
        ("::ffff:127.0.0.1", ("203.0.113.9",), "203.0.113.9"),
        ("127.0.0.1", ("nonsense",), "127.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", (), "2001:db8:1:2::/64"),
    ],
)
def test_the_address_is_the_peers_unless_a_trusted_proxy_tells_another(
    peer: str, forwarded: tuple[str, ...], address: str
) -> None:
    assert asked_from(peer, *forwarded) == address


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/search", "/search"),
        ("/search?q=oak%20tree&tag=a", "/search?q=oak%20tree&tag=a"),
        ("/search/documents/0-1", "/search/documents/0-1"),
        ("https://example.net/search", "/search"),
        ("//example.net", "/search"),
        ("/search\\@example.net", "/search"),
        ("/searching", "/search"),
        ("/grafana/d/1?from=now", "/grafana/d/1?from=now"),
        ("/grafanas/", "/search"),
        ("/search\r\nSet-Cookie: a=b", "/search"),
        (None, "/search"),
    ],
)
def test_after_the_login_nobody_is_led_to_another_site(wanted: str | None, led_to: str) -> None:
    assert own_page(wanted) == led_to


@pytest.mark.parametrize(
    ("filename", "header"),
    [
        ("a.pdf", "attachment; filename=\"a.pdf\"; filename*=UTF-8''a.pdf"),
        ("Übersicht 1.pdf", "attachment; filename=\"Ubersicht 1.pdf\"; filename*=UTF-8''%C3%9Cbersicht%201.pdf"),
        ('a"b\\c/d.pdf', "attachment; filename=\"a_b_c_d.pdf\"; filename*=UTF-8''a%22b%5Cc%2Fd.pdf"),
        ("a\r\nX: y.pdf", "attachment; filename=\"aX: y.pdf\"; filename*=UTF-8''aX%3A%20y.pdf"),
        ("fdp.\u202eexe", "attachment; filename=\"fdp.exe\"; filename*=UTF-8''fdp.exe"),
        ("請求書", "attachment; filename=\"document\"; filename*=UTF-8''%E8%AB%8B%E6%B1%82%E6%9B%B8"),
        ("\x00", "attachment; filename=\"document\"; filename*=UTF-8''document"),
    ],
)
def test_a_file_is_downloaded_by_its_name_whatever_is_in_it(filename: str, header: str) -> None:
    assert attachment(filename) == header
