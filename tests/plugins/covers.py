"""Records which requirement lines each test of a run claims and how it ended: `var/coverage.json`, also under xdist.

Loaded with `-p tests.plugins.covers`; `tools/coverage_matrix.py` reads what it writes.
"""

import json
import os
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "var" / "coverage.json"
KEY = "covers"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The claims travel with the reports, from xdist's workers too."""
    for item in items:
        ids = sorted({str(name) for marker in item.iter_markers(KEY) for name in marker.args})
        if ids:
            item.user_properties.append((KEY, ids))


class Recorder:
    """Collects the reports in the process that sees them all."""

    def __init__(self) -> None:
        self.tests: dict[str, dict[str, object]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        ids = next((value for key, value in report.user_properties if key == KEY), None)
        if ids is None:
            return
        known = self.tests.setdefault(report.nodeid, {"covers": ids, "outcome": "skipped"})
        if report.failed:
            known["outcome"] = "failed"
        elif report.passed and report.when == "call" and known["outcome"] != "failed":
            known["outcome"] = "passed"

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        FILE.parent.mkdir(parents=True, exist_ok=True)
        draft = FILE.with_suffix(f".{os.getpid()}")
        draft.write_text(json.dumps({"exit": int(exitstatus), "tests": self.tests}, ensure_ascii=False, indent=1))
        draft.replace(FILE)


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Recorder(), "covers-recorder")
