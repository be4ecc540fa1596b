"""A pytest plugin for CI, where every part is installed: a test that skips has failed. `-p tests.support.no_skips`.

A session that ended before all tests had run leaves the file INCOMPLETE: what failed in it is not all that could fail.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

INCOMPLETE = Path(".pytest_cache/incomplete")


def pytest_sessionstart(session: pytest.Session) -> None:
    if not _is_worker(session):
        INCOMPLETE.unlink(missing_ok=True)  # of an earlier session


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    ended = exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    if not ended and not _is_worker(session):
        INCOMPLETE.parent.mkdir(exist_ok=True)
        INCOMPLETE.touch()


def _is_worker(session: pytest.Session) -> bool:
    return hasattr(session.config, "workerinput")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {report.longrepr}"
    return report
