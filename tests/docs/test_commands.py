"""Every command in the documents does what its page says."""

import re
import shutil

import pytest

from letterbox.local.home import REPOSITORY
from tests.docs.conftest import Reader
from tests.docs.pages import Page, pages

SHOWN = {"output", "text", "json", "toml", "yaml", "ini", "html", "sql", "promql", "traceql", "logql", "http", "env"}
COMMANDS = {"sh", "bash", "shell", "console"}
LOOKS_TYPED = re.compile(r"^\s*(\$ |(sudo |\w+=\S+ )*(make|letterbox|docker|curl|python3?|git|ssh|terraform|restic) )")
TYPED = sorted(
    (page for page in pages() if any(command.runs for command in page.commands)), key=lambda page: page.needs
)
"""What needs more programs comes last: it adds them to the stack that all pages share."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", TYPED, ids=lambda page: page.path)
def test_every_command_of_a_page_does_what_the_page_says(reader: Reader, page: Page) -> None:
    missing = [program for program in page.needs if shutil.which(program) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} missing: see {page.path}")
    assert reader.follow(page.path) > 0


def test_at_most_one_command_in_ten_is_not_run_and_each_says_why() -> None:
    commands = [(page, command) for page in pages() for command in page.commands]
    left_out = [(page, command) for page, command in commands if "not run" in command.notes]
    for page, command in left_out:
        assert len(command.notes["not run"].split()) >= 3, f"{page.path}:{command.line} gives no reason"
    listed = "\n".join(f"{page.path}:{command.line}: {command.text}" for page, command in left_out)
    assert len(left_out) * 10 <= len(commands), f"{len(left_out)} of {len(commands)} are not run:\n{listed}"


def test_commands_that_another_test_runs_are_run_there() -> None:
    for page in pages():
        for command in page.commands:
            if (test := command.notes.get("run by")) is None:
                continue
            file = REPOSITORY / test
            assert test.startswith("tests/"), f"{page.path}:{command.line} names no test: {test}"
            assert file.is_file(), f"{page.path}:{command.line}: there is no {test}"
            names = (page.path, page.path.rpartition("/")[2], f"{page.path.rpartition('/')[0]}/")
            text = file.read_text(encoding="utf-8")
            assert any(name in text for name in names if len(name) > 1), f"{test} does not speak of {page.path}"


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.path)
def test_a_page_hides_no_command_in_a_block_that_is_not_typed(page: Page) -> None:
    for block in page.blocks:
        where = f"{page.path}:{block.line}"
        assert block.language in SHOWN | COMMANDS, f"{where}: what is in this block? {block.language!r}"
        if block.language not in COMMANDS | {"output"}:
            hidden = [line for line in block.lines if LOOKS_TYPED.match(line)]
            assert not hidden, f"{where}: a command in a block that is not typed: {hidden[0]}"
