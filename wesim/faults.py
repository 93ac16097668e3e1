"""Faults to order: what goes wrong, where, how often."""

from __future__ import annotations

import fnmatch
import random
from collections.abc import Callable
from typing import Literal

import msgspec

FaultKind = Literal[
    "delay",  # wait delay_s, then process
    "refuse",  # answer errcode/errmsg, nothing processed
    "busy",  # answer -1 "system error", nothing processed
    "status",  # answer http_status with an empty body, nothing processed
    "drop",  # cut the connection, nothing processed
    "process_then_drop",  # processed, but the answer never arrives
    "duplicate_callback",  # matching callbacks are delivered twice
    "late_callback",  # matching callbacks wait delay_s
    "lost_callback",  # matching callbacks never arrive
    "fail_delivery",  # accepted with errcode 0, then the event reports a failure (reference §2.8, §3.7)
]


class Fault(msgspec.Struct):
    """Matches by host, path (a glob), app and event name or SMS action; acts `count` times (None: for ever)."""

    kind: FaultKind
    host: str = "*"
    path: str = "*"
    app: str = "*"
    event: str = "*"
    count: int | None = None
    probability: float = 1.0
    delay_s: float = 0.0
    errcode: int = -1
    errmsg: str = "system error"
    code: str = ""  # the refusal code of hosts whose codes are words (SMS)
    http_status: int = 503
    status: str = ""  # fail_delivery: the text in the event
    id: int = 0
    hits: int = 0


CALLBACK_KINDS = {"duplicate_callback", "late_callback", "lost_callback"}


class Faults:
    """The list of ordered faults. Seeded, so that a run can be repeated; `number` gives them their ids."""

    def __init__(self, number: Callable[[], int]) -> None:
        self.items: list[Fault] = []
        self._number = number
        self._random = random.Random(20140301)  # noqa: S311 (repeatable on purpose)

    def add(self, fault: Fault) -> Fault:
        fault.id = self._number()
        self.items.append(fault)
        return fault

    def remove(self, fault_id: int) -> bool:
        kept = [f for f in self.items if f.id != fault_id]
        removed, self.items = len(kept) < len(self.items), kept
        return removed

    def clear(self) -> None:
        self.items = []

    def for_call(self, *, host: str, path: str, app: str, action: str = "") -> Fault | None:
        """The first fault for this call, counted as hit. SMS calls share one path: `event` names their action."""
        if not self.items:
            return None
        return self._first(
            lambda f: (
                f.kind not in CALLBACK_KINDS
                and f.kind != "fail_delivery"
                and fnmatch.fnmatchcase(host, f.host)
                and fnmatch.fnmatchcase(path, f.path)
                and fnmatch.fnmatchcase(app, f.app)
                and fnmatch.fnmatchcase(action, f.event)
            )
        )

    def for_delivery(self, *, host: str, path: str, app: str) -> Fault | None:
        if not self.items:
            return None
        return self._first(
            lambda f: (
                f.kind == "fail_delivery"
                and fnmatch.fnmatchcase(host, f.host)
                and fnmatch.fnmatchcase(path, f.path)
                and fnmatch.fnmatchcase(app, f.app)
            )
        )

    def for_callback(self, *, app: str, event: str) -> Fault | None:
        if not self.items:
            return None
        return self._first(
            lambda f: (
                f.kind in CALLBACK_KINDS and fnmatch.fnmatchcase(app, f.app) and fnmatch.fnmatchcase(event, f.event)
            )
        )

    def _first(self, matches: Callable[[Fault], bool]) -> Fault | None:
        for fault in self.items:
            if not matches(fault) or (fault.probability < 1.0 and self._random.random() >= fault.probability):
                continue
            fault.hits += 1
            if fault.count is not None:
                fault.count -= 1
                if fault.count <= 0:
                    self.items.remove(fault)
            return fault
        return None
