"""A browser test that fails is run once more; who passes only then is listed at the end: hunt the cause, it is often a real race.

Loaded with `-p tests.plugins.unsteady`; needs pytest-rerunfailures. Other tests are never run again.
"""

from pathlib import Path

import pytest
from _pytest.terminal import TerminalReporter

BROWSER = Path(__file__).resolve().parents[1] / "browser"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if BROWSER in item.path.parents:
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_terminal_summary(terminalreporter: TerminalReporter) -> None:
    again = terminalreporter.stats.get("rerun", [])
    failed = {report.nodeid for report in terminalreporter.stats.get("failed", [])}
    unsteady = [report for report in again if report.nodeid not in failed]
    terminalreporter.section(f"unsteady browser tests: {len(unsteady)}")
    for report in unsteady:
        terminalreporter.write_line(report.nodeid)
        terminalreporter.write_line("    " + str(report.longrepr).strip().splitlines()[-1][:300])
