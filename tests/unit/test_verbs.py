"""The operator's command: each verb is there, and loads no more than it needs."""

import subprocess
import sys

import pytest

from letterbox.__main__ import VERBS, main


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_tells_how_it_is_used(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["letterbox", verb, "--help"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert f"usage: letterbox {verb}" in capsys.readouterr().out


def test_status_does_not_wait_for_the_clients_of_other_verbs() -> None:
    program = "import sys; from letterbox.__main__ import main\ntry: main()\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, "status", "--help"], capture_output=True, text=True)
    assert "letterbox.status" in done.stdout.split()
    assert not {"aiobotocore", "nats", "letterbox.verify"} & set(done.stdout.split())
