"""Processes whose clock is wrong, or runs ahead by months: libfaketime between a program and the system."""

import os
from datetime import timedelta
from pathlib import Path

LIBRARIES = ("/usr/lib/*/faketime/libfaketime.so.1", "/usr/local/lib/faketime/libfaketime.so.1")


def library() -> Path:
    """Where libfaketime is. Raises FileNotFoundError with what to do."""
    for pattern in LIBRARIES:
        for found in sorted(Path("/").glob(pattern.lstrip("/"))):
            return found
    raise FileNotFoundError("libfaketime: sh tools/faketime.sh")


class Clock:
    """A clock in a file: every process with this environment, and all that it starts, reads it at each look."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.move(timedelta())
        file.chmod(0o644)  # the database's user reads it too

    def move(self, by: timedelta) -> None:
        """Be this far ahead of the real time from now on (behind, when it is negative)."""
        draft = self.file.with_suffix(".new")
        draft.write_text(f"{by.total_seconds():+.3f}\n")
        draft.chmod(0o644)
        os.replace(draft, self.file)

    @property
    def environment(self) -> dict[str, str]:
        # Waiting stays real: only the time of day is another one.
        return {
            "PYTHONPATH": str(Path(__file__).with_name("faked_site")),
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self.file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_RESET": "1",
        }
