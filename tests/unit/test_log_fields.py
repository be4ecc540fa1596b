"""What the code may log is what the schema names."""

import ast
from collections.abc import Iterator

import pytest

from letterbox.local.home import REPOSITORY
from libs.service.log_fields import FIELDS

SOURCES = sorted(file for folder in ("libs", "services") for file in (REPOSITORY / folder).rglob("*.py"))


def logged(tree: ast.Module) -> Iterator[str]:
    """The literal names of fields in calls of the logger and of the audit log."""
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
            continue
        where = ast.unparse(call.func.value)
        if where == "log":
            extra = [keyword.value for keyword in call.keywords if keyword.arg == "extra"]
            keys = [
                key for value in extra for part in ast.walk(value) if isinstance(part, ast.Dict) for key in part.keys
            ]
            yield from (str(key.value) for key in keys if isinstance(key, ast.Constant))
        elif where == "audit" and call.func.attr == "record":
            yield from (keyword.arg for keyword in call.keywords if keyword.arg)


def test_the_search_finds_fields_at_all() -> None:
    found = set(logged(ast.parse('log.info("x", extra={"a": 1} | {"b": 2})\naudit.record("x", None, c=3)')))
    assert found == {"a", "b", "c"}


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(REPOSITORY)))
def test_every_field_is_in_the_schema(file) -> None:
    assert set(logged(ast.parse(file.read_text(encoding="utf-8")))) <= set(FIELDS)
