"""The local catch-all, stopped: who has begun to hand a mail over hears what became of it."""

import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.ports import free_port


@pytest.fixture
def catch_all(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The process and its port."""
    port = free_port()
    command = [sys.executable, "-m", "letterbox.local.mail", str(tmp_path), str(port), str(free_port())]
    with subprocess.Popen(command) as process:
        try:
            _wait_until(port, listens=True)
            yield process, port
        finally:
            process.kill()


def test_a_mail_that_is_being_handed_over_is_answered_before_it_ends(
    catch_all: tuple[subprocess.Popen[bytes], int], tmp_path: Path
) -> None:
    process, port = catch_all
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        client.ehlo()
        client.mail("form@example.org")
        client.rcpt("owner@example.org")
        assert client.docmd("DATA")[0] == 354
        process.send_signal(signal.SIGTERM)
        _wait_until(port, listens=False)
        client.send(b"Subject: late\r\n\r\nStill here.\r\n.\r\n")
        assert client.getreply()[0] == 250
    assert process.wait(10) == 0
    assert [b"Still here." in file.read_bytes() for file in tmp_path.glob("*.eml")] == [True]


def _wait_until(port: int, *, listens: bool) -> None:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with socket.socket() as probe:
            if (probe.connect_ex(("127.0.0.1", port)) == 0) == listens:
                return
        time.sleep(0.05)
    raise AssertionError(f"port {port}: listens is not {listens}")
