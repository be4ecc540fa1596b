"""What the threat model says is stopped is stopped by a test that exists."""

import ast
import re
from functools import cache

import pytest

from letterbox.local.home import REPOSITORY

ROW = re.compile(r"^\| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def functions(file: str) -> set[str]:
    """The tests of a file."""
    path = REPOSITORY / file
    if not path.is_file():
        return set()
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def rows() -> list[tuple[str, str, str]]:
    """Each threat, what stops it, and its tests."""
    found = ROW.findall((REPOSITORY / "docs/threat-model.md").read_text(encoding="utf-8"))
    return [row for row in found if row[0] not in ("threat", "---")]


def test_there_are_threats() -> None:
    assert len(rows()) > 30


@pytest.mark.parametrize(("threat", "stopped_by", "tests"), rows())
def test_each_threat_names_tests_that_exist(threat: str, stopped_by: str, tests: str) -> None:
    named = NAMED.findall(tests)
    assert stopped_by.strip()
    assert named, f"{threat}: no test is named"
    missing = [f"{file}::{name}" for file, name in named if name not in functions(file)]
    assert not missing, f"{threat}: there is no {', '.join(missing)}"
    assert not NAMED.sub("", tests).replace(",", "").strip(), f"{threat}: what is this? {tests}"
