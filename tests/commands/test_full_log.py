"""R-15: a full log disk stops nobody."""

import json
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import pytest

from huida.kernel.embedded import EmbeddedPostgres
from tests.commands.conftest import PYTHON, Terminal
from tests.commands.test_clocks import ready
from tests.commands.test_data import data_of
from tests.crash.test_disk_full import as_root, fill

pytestmark = pytest.mark.slow


def asked(base: str, login: str) -> int:
    """The status of a login with a wrong password: a request that is logged, and a refusal that warns."""
    body = json.dumps({"login": login, "password": "certainly wrong"}).encode()
    request = urllib.request.Request(f"{base}/api/console/login", body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        return refused.code


@pytest.mark.timeout(120)
def test_requests_are_answered_while_the_log_cannot_be_written(
    terminal: Terminal, migrated_data: Path, ports: tuple[int, int]
) -> None:
    # given: a server whose log has a disk of its own, and whose database goes away
    terminal.have(migrated_data)
    base, disk = f"http://127.0.0.1:{ports[0]}", Path(tempfile.mkdtemp(prefix="huida-log-"))
    as_root("mount", "-t", "tmpfs", "-o", "size=256k,mode=0777", "tmpfs", str(disk))
    database = EmbeddedPostgres(data_of(terminal) / "pg")
    database.start()
    try:
        with (disk / "server.log").open("w") as log:
            server = subprocess.Popen(
                [PYTHON, "-m", "huida", "serve", "--port", str(ports[0])],
                env={**terminal.environment, "HUIDA_DATABASE_URL": database.url_for("huida_app")},
                stdout=log,
                stderr=log,
                text=True,
            )
        terminal.started.append(server)
        terminal.until(partial(ready, base), "it serves", within_s=60)

        # when: everything that is answered wants to be logged, and some of it before it is answered
        ballast = fill(disk)
        health = [ready(base) for _ in range(60)]  # more lines than the log's last page has room for
        database.stop()
        away = [asked(base, f"nobody{n}") for n in range(5)]
        database.start()
        back = asked(base, "nobody")
        ballast.unlink()
        assert ready(base)

        # then
        assert (health, away, back) == ([True] * 60, [503] * 5, 401)
        lost = [
            line for line in (disk / "server.log").read_text().splitlines() if line.startswith("log_lines_lost count=")
        ]
        assert len(lost) == 1
        assert int(lost[0].removeprefix("log_lines_lost count=")) >= 30
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    finally:
        database.stop()
        as_root("umount", "-l", str(disk))
        shutil.rmtree(disk, ignore_errors=True)
