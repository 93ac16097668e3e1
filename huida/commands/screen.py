"""What a command shows: steps with their time, failures in the user's language. No traceback for what is expected."""

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from huida.kernel import i18n


class Failure(Exception):
    """A command cannot go on; `code` names the text that says why and what to do."""

    def __init__(self, code: str, **params: Any) -> None:
        self.code = code
        self.params = params
        super().__init__(code)


def language_of(environ: Mapping[str, str] = os.environ) -> str:
    """Chinese when the locale is Chinese, else English."""
    chosen = environ.get("LC_ALL") or environ.get("LC_MESSAGES") or environ.get("LANG") or ""
    return "zh-CN" if chosen.lower().startswith("zh") else "en"


class Screen:
    """Writes to the terminal: a spinner where there is one, plain lines where there is none (CI, a log file)."""

    def __init__(self, *, language: str | None = None) -> None:
        self.language = language or language_of()
        self.console = Console(stderr=True, highlight=False)
        self.out = Console(highlight=False)
        self._update: Any = None

    def text(self, code: str, **params: Any) -> str:
        return i18n.text(code, self.language, params)

    def say(self, code: str, **params: Any) -> None:
        self.console.print(escape(self.text(code, **params)), soft_wrap=True)

    def progress(self, message: str) -> None:
        """A word about the step under way, for what takes longer than usual."""
        if self._update is not None:
            self._update(message)
        else:
            self.console.print(f"  {escape(message)}", soft_wrap=True)

    @contextmanager
    def step(self, code: str, **params: Any) -> Iterator[None]:
        """Show that something is under way, and how long it took once it is done."""
        title = self.text(code, **params)
        began = time.monotonic()
        if self.console.is_terminal:
            with self.console.status(escape(title)) as status:
                self._update = lambda message: status.update(f"{escape(title)} · {escape(message)}")
                try:
                    yield
                finally:
                    self._update = None
        else:
            self.console.print(f"… {escape(title)}", soft_wrap=True)
            yield
        self.console.print(f"[green]✓[/] {escape(title)} [dim]{time.monotonic() - began:.1f} s[/]", soft_wrap=True)

    @contextmanager
    def bar(self, code: str, total: int, **params: Any) -> Iterator["Bar"]:
        """Show how much of a countable step is done."""
        title = self.text(code, **params)
        began = time.monotonic()
        progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.console,
            transient=True,
            disable=not self.console.is_terminal,
        )
        if not self.console.is_terminal:
            self.console.print(f"… {escape(title)}", soft_wrap=True)
        with progress:
            yield Bar(progress, progress.add_task(escape(title), total=total))
        self.console.print(f"[green]✓[/] {escape(title)} [dim]{time.monotonic() - began:.1f} s[/]", soft_wrap=True)

    def fail(self, failure: Failure) -> None:
        self.console.print(f"[red]✗[/] {escape(self.text(failure.code, **failure.params))}", soft_wrap=True)


class Bar:
    """A progress bar under way."""

    def __init__(self, progress: Progress, task: Any) -> None:
        self._progress = progress
        self._task = task

    def advance(self, by: int = 1) -> None:
        self._progress.advance(self._task, by)
