"""Watching pages: what they log as errors, what they crash with, whom they call; and getting into the console."""

from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

from tests.browser.stage import Stage
from tests.make import PASSWORD, Person

HERE = {"127.0.0.1", "localhost", ""}
REFUSED = "Failed to load resource: the server responded with a status of 4"


class Watch:
    """Collects faults of all pages of a browser context. A refusal of the API (4xx) is no fault."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self._allowed: list[str] = []

    def allow(self, *texts: str) -> None:
        """Faults that contain one of these texts are meant by the test."""
        self._allowed.extend(texts)

    def over(self, context: BrowserContext) -> None:
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", lambda error: self._note(f"crash: {error.error}"))

    def _request(self, request: Request) -> None:
        url = urlsplit(request.url)
        if url.scheme not in {"data", "blob"} and url.hostname not in HERE:
            self._note(f"a call to {request.url}")

    def _console(self, message: ConsoleMessage) -> None:
        if message.type != "error":
            return
        if message.text.startswith(REFUSED) and "/api/" in message.location.get("url", ""):
            return
        self._note(f"console: {message.text} ({message.location.get('url', '')})")

    def _note(self, fault: str) -> None:
        if not any(text in fault for text in self._allowed):
            self.faults.append(fault)


def login(page: Page, stage: Stage, person: Person, path: str = "/") -> None:
    """Open a page of the console as this person, without going through the login form."""
    answer = page.context.request.post(
        f"{stage.url}/api/console/login",
        data={"login": person.login, "password": PASSWORD},
        headers={"X-Forwarded-For": f"10.77.{person.tenant_id % 250}.{person.id.int % 250}"},
    )
    assert answer.ok, answer.text()
    page.goto(stage.console + path)
