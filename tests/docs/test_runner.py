"""What types the documents' commands notices what is wrong with a page."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.compare import has_shape
from tests.docs.pages import read
from tests.docs.shell import Differs, Shell, follow


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    folder = tmp_path / "clone"
    folder.mkdir()
    with Shell(folder, {"PATH": os.environ["PATH"]}) as shell:
        yield shell


def page(text: str, **notes: str) -> str:
    return "".join(f"<!-- {name.replace('_', ' ')}: {value} -->\n" for name, value in notes.items()) + text


def test_a_page_whose_commands_succeed_is_followed_to_its_end(shell: Shell) -> None:
    text = (
        '```sh\nname=ada\n# a remark\n\necho "$name" \\\n  > file\n```\n\n```sh\ncat file\n```\n\n```output\nada\n```\n'
    )
    assert follow(read("page.md", text), shell, 1) == 3


def test_a_page_with_a_failing_command_fails_and_names_the_place(shell: Shell) -> None:
    with pytest.raises(Differs, match=r"page\.md:3: false\nended with 1"):
        follow(read("page.md", "```sh\ntrue\nfalse\n```\n"), shell, 1)


def test_a_failure_in_the_middle_of_a_pipe_fails(shell: Shell) -> None:
    with pytest.raises(Differs):
        follow(read("page.md", "```sh\nfalse | cat\n```\n"), shell, 1)


def test_a_command_that_ends_the_shell_fails(shell: Shell) -> None:
    with pytest.raises(Differs, match="the shell has gone"):
        follow(read("page.md", "```sh\nexit 0\n```\n"), shell, 1)


def test_a_page_says_which_status_a_command_ends_with(shell: Shell) -> None:
    assert follow(read("page.md", page("```sh\n(exit 4)\n```\n", exit="4")), shell, 1) == 1
    with pytest.raises(Differs, match="ended with 0, not 4"):
        follow(read("page.md", page("```sh\ntrue\n```\n", exit="4")), shell, 1)


def test_another_output_than_the_page_shows_fails(shell: Shell) -> None:
    text = "```console\n$ echo one; echo two\none\ntwo\n$ echo failed 3\nfailed 0\n```\n"
    with pytest.raises(Differs, match="failed 0"):
        follow(read("page.md", text), shell, 1)


def test_more_output_than_the_page_shows_fails(shell: Shell) -> None:
    with pytest.raises(Differs, match="more was printed"):
        follow(read("page.md", "```console\n$ echo well; echo Traceback\nwell\n```\n"), shell, 1)


def test_what_is_marked_as_not_run_is_not_typed(shell: Shell, tmp_path: Path) -> None:
    text = page("```sh\ntouch made\n```\n", not_run="it would change the reader's machine")
    followed = read("page.md", text)
    assert follow(followed, shell, 1) == 0
    assert [command.text for command in followed.commands] == ["touch made"]
    assert not (tmp_path / "clone/made").exists()


def test_a_note_counts_for_the_next_block_alone() -> None:
    text = page("```sh\none\n```\n\n```sh\ntwo\n```\n", not_run="a reason is given")
    assert [command.runs for command in read("page.md", text).commands] == [False, True]
    text = page("Some words.\n\n```sh\none\n```\n", not_run="a reason is given")
    assert [command.runs for command in read("page.md", text).commands] == [True]


def test_a_here_document_and_a_loop_are_one_command_each() -> None:
    text = "```sh\ncat > a <<'END'\nit's \"one\nEND\nfor i in 1 2; do\n  echo $i\ndone\necho 'two\nlines'\n```\n"
    assert [command.line for command in read("page.md", text).commands] == [2, 5, 8]


def test_the_gateway_of_the_page_is_the_one_of_the_stack(shell: Shell) -> None:
    text = "```console\n$ echo http://127.0.0.1:8080/contact $((1234 + 1))\nhttp://127.0.0.1:8080/contact 1235\n```\n"
    assert follow(read("page.md", text), shell, 29_999) == 1


def test_a_block_that_is_never_closed_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"page\.md:1"):
        read("page.md", "```sh\ntrue\n")


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ('{"id": "797bcdb11a1d58ce42e1440740e47461"}', '{"id": "00000000000000000000000000000001"}'),
        ('{"id": "797b…-1"}', '{"id": "cafecafecafecafecafecafecafecafe-1"}'),
        ("2026-11-24T04:55:16.779Z", "2027-01-01T00:00:00.000Z"),
        ("…/backups/2026-11-28T14-29-58Z", "/srv/backups/2026-11-29T00-00-00Z"),
        ("took 12 ms, 1.5 GB", "took 9 ms, 0.25 GB"),
        ("a\n…\nz", "a\nb\nc\nz"),
        ('{"a": 1,\n  "b": [\n 2]}', '{"a": 1, "b": [2]}'),
    ],
)
def test_what_differs_each_time_does_not_count(expected: str, printed: str) -> None:
    assert has_shape(expected, printed)


@pytest.mark.parametrize(
    ("expected", "printed"),
    [
        ("HTTP/1.1 202 Accepted", "HTTP/1.1 503 Service Unavailable"),
        ("HTTP/1.1 202 …", "HTTP/1.1 200 …"),
        ("failed 0", "failed 1"),
        ("open 2", "open 0"),
        ("status: done", "status: failed"),
        ("a\n…\nz", "a\nb"),
        ("797b…-1", "797b…-2 and more"),
    ],
)
def test_what_matters_counts(expected: str, printed: str) -> None:
    assert not has_shape(expected, printed)


def test_lines_in_any_order_must_all_be_there() -> None:
    assert has_shape("b\na", "a\nb\nc", in_any_order=True)
    assert not has_shape("b\nd", "a\nb\nc", in_any_order=True)
