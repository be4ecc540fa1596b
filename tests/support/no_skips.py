"""A pytest plugin for CI, where every part is installed: a test that skips has failed. `-p tests.support.no_skips`.

A session that ended before all tests had run leaves the file INCOMPLETE: what failed in it is not all that could fail.
"""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

INCOMPLETE = Path(".pytest_cache/incomplete")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not hasattr(
        session.config, "workerinput"
    ):
        INCOMPLETE.parent.mkdir(exist_ok=True)
        INCOMPLETE.touch()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: Any) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {report.longrepr}"
    return report
