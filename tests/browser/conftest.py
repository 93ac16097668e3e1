"""A stage for the run, a browser for each module, a shop and a watched page for each test."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.stage import Shop, Stage, raised
from tests.browser.watch import Watch

# Waits end when what is expected is there; this is only how long a busy machine may take.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with raised(tmp_path_factory.mktemp("stage")) as made:
        yield made


@pytest.fixture
def shop(stage: Stage) -> Iterator[Shop]:
    """A fresh merchant with the paid module, and its administrator."""
    made = stage.open_shop()
    yield made
    made.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # For a module, not longer: Playwright's loop and that of async tests cannot stand beside each other in one thread.
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert path, "no Chromium: sh tools/browser.sh"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def watch() -> Watch:
    """What pages did that they should not; a test may allow something with `watch.allow(...)`."""
    return Watch()


@pytest.fixture
def context(browser: Browser, watch: Watch) -> Iterator[BrowserContext]:
    """A browser that knows nobody. At its end nothing may have gone wrong unseen."""
    # Without motion: what is half faded in has no contrast yet.
    opened = browser.new_context(
        viewport={"width": 1280, "height": 800}, locale="zh-CN", timezone_id="Asia/Shanghai", reduced_motion="reduce"
    )
    watch.over(opened)
    yield opened
    opened.close()
    assert watch.faults == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
