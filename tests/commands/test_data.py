"""doctor, backup and restore, on databases that these tests made."""

import asyncio
import json
import re
import signal
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from huida.kernel.embedded import EmbeddedPostgres
from tests.commands import processes
from tests.commands.conftest import Terminal

pytestmark = pytest.mark.slow

BALANCES = "SELECT tenant_id, owner_id, unit, balance, held FROM ledger_accounts ORDER BY 1, 2, 3"


def data_of(terminal: Terminal) -> Path:
    return terminal.home / "var"


def asked(terminal: Terminal, query: str, *, data: Path | None = None) -> list[Any]:
    """Ask the embedded database as its owner."""

    async def ask(url: str) -> list[Any]:
        sql = await asyncpg.connect(url)
        try:
            return list(await sql.fetch(query))
        finally:
            await sql.close()

    with EmbeddedPostgres((data or data_of(terminal)) / "pg") as server:
        return asyncio.run(ask(server.url))


def findings(terminal: Terminal) -> tuple[int, dict[str, Any]]:
    done = terminal.run("doctor", "--json")
    return done.returncode, {one["check"]: one for one in json.loads(done.stdout)}


def test_doctor_finds_a_planted_fault_and_only_that(with_shop: Terminal) -> None:
    # given: a sound shop
    terminal = with_shop
    code, sound = findings(terminal)
    assert (code, [name for name, one in sound.items() if one["state"] == "fail"]) == (0, [])

    # when: somebody gives points past the ledger
    asked(
        terminal,
        "UPDATE ledger_accounts SET balance = balance + 7 WHERE ctid = "
        "(SELECT ctid FROM ledger_accounts WHERE unit = 'points' ORDER BY owner_id LIMIT 1)",
    )

    # then
    code, broken = findings(terminal)
    assert code == 1
    assert [name for name, one in broken.items() if one["state"] == "fail"] == ["ledger.balance_is_sum_of_transfers"]
    assert broken["ledger.balance_is_sum_of_transfers"]["params"]["count"] == 1


def test_doctor_sees_a_schema_that_somebody_changed_and_a_foreign_key_file(with_shop: Terminal) -> None:
    # given
    terminal = with_shop

    # when
    asked(terminal, "ALTER TABLE members DROP COLUMN note")
    (data_of(terminal) / "master.key").write_text("ab" * 32)

    # then
    code, found = findings(terminal)
    assert code == 1
    wrong = [name for name, one in found.items() if one["state"] == "fail"]
    assert wrong == ["schema.drift", "schema.code", "secrets.master_key"]


def test_backup_and_restore_keep_every_balance_and_the_key(with_shop: Terminal) -> None:
    # given
    terminal = with_shop
    before = asked(terminal, BALANCES)
    assert len(before) > 40
    file = terminal.home / "huida.backup"

    # when
    saved = terminal.run("backup", str(file), "--with-key")
    assert saved.returncode == 0, saved.stderr
    elsewhere = terminal.home / "new"
    back = terminal.run("restore", str(file), "--data-dir", str(elsewhere))

    # then
    assert back.returncode == 0, back.stderr
    assert asked(terminal, BALANCES, data=elsewhere) == before
    assert (elsewhere / "master.key").read_text().strip() == (data_of(terminal) / "master.key").read_text().strip()
    assert [path.stat().st_mode & 0o077 for path in (file, file.with_name("huida.backup.key"))] == [0, 0]
    examined = terminal.run("doctor", "--data-dir", str(elsewhere))
    assert examined.returncode == 0, examined.stdout


def test_restore_replaces_data_only_when_told_and_confirmed(with_shop: Terminal) -> None:
    # given: a backup, and a change after it
    terminal = with_shop
    before = asked(terminal, BALANCES)
    file = terminal.home / "huida.backup"
    saved = terminal.run("backup", str(file))
    assert "NOT in the backup" in saved.stderr
    asked(terminal, "DELETE FROM ledger_accounts WHERE unit = 'growth'")
    changed = asked(terminal, BALANCES)
    assert changed != before

    # when, then: without force
    refused = terminal.run("restore", str(file))
    assert refused.returncode == 1
    assert "is not empty" in refused.stderr
    assert asked(terminal, BALANCES) == changed

    # when, then: with force, but nobody says yes
    unconfirmed = terminal.run("restore", str(file), "--force")
    assert unconfirmed.returncode == 1
    assert asked(terminal, BALANCES) == changed

    # when, then: with force and yes
    assert terminal.run("restore", str(file), "--force", "--yes").returncode == 0
    assert asked(terminal, BALANCES) == before


def test_a_broken_backup_changes_nothing(with_shop: Terminal) -> None:
    # given
    terminal = with_shop
    before = asked(terminal, BALANCES)
    file = terminal.home / "huida.backup"
    assert terminal.run("backup", str(file)).returncode == 0
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])

    # when
    refused = terminal.run("restore", str(file), "--force", "--yes")

    # then
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    assert asked(terminal, BALANCES) == before


def test_serve_with_worker_ends_on_sigterm_and_takes_its_database_along(
    terminal: Terminal, ports: tuple[int, int]
) -> None:
    # given
    server = terminal.start("serve", "--with-worker", "--port", str(ports[0]))
    terminal.await_output("Serving on")

    def ready() -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{ports[0]}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    terminal.until(ready, "the server is ready")

    # when
    server.send_signal(signal.SIGTERM)

    # then
    assert server.wait(30) == 0, terminal.output()
    assert processes.of(str(terminal.home)) == {}


def test_serve_refuses_a_database_that_is_not_migrated(terminal: Terminal) -> None:
    # given: an empty database that the settings name
    with EmbeddedPostgres(data_of(terminal) / "pg") as server:
        url = server.url_for("huida_app")

        # when
        refused = terminal.run("serve", "--port", "0", HUIDA_DATABASE_URL=url)

    # then
    assert refused.returncode == 1
    assert "run `huida migrate`" in refused.stderr


def test_an_unreachable_database_and_a_bad_setting_are_sentences(terminal: Terminal) -> None:
    away = terminal.run("doctor", HUIDA_DATABASE_URL="postgresql://nobody@127.0.0.1:1/huida", LANG="zh_CN.UTF-8")
    assert (away.returncode, "无法连接数据库" in away.stderr, "Traceback" in away.stderr) == (1, True, False)

    wrong = terminal.run("serve", HUIDA_PORT="many")
    assert (wrong.returncode, "HUIDA_PORT" in wrong.stderr, "Traceback" in wrong.stderr) == (1, True, False)


def test_the_first_migrate_makes_the_operator_and_shows_the_password_once(
    terminal: Terminal, ports: tuple[int, int]
) -> None:
    # when
    first = terminal.run("migrate")

    # then
    told = re.search(r"login operator, password (\S{16})$", first.stderr, re.MULTILINE)
    assert (first.returncode, told is not None) == (0, True), first.stderr
    assert told is not None

    # when: again, and then served
    assert "password" not in terminal.run("migrate").stderr
    terminal.start("serve", "--port", str(ports[0]))
    terminal.await_output("Serving on")

    # then: the login works, and a log holds no password
    base = f"http://127.0.0.1:{ports[0]}"
    terminal.until(lambda: answers(f"{base}/readyz"), "the server is ready")
    body = json.dumps({"login": "operator", "password": told[1]}).encode()
    request = urllib.request.Request(f"{base}/api/console/login", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert json.load(answer)["kind"] == "operator"
    assert "password" not in terminal.output()


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def test_an_operator_who_forgot_the_password_is_rescued_on_the_server(
    terminal: Terminal, ports: tuple[int, int]
) -> None:
    # given
    first = re.search(r"password (\S{16})$", terminal.run("migrate").stderr, re.MULTILINE)
    assert first is not None

    # when: somebody whom the platform does not have, then the operator
    stranger = terminal.run("rescue", "nobody")
    rescued = terminal.run("rescue")

    # then
    assert (stranger.returncode, "no active operator nobody" in stranger.stderr) == (1, True), stranger.stderr
    told = re.search(r"One-time password of the operator operator: (\S{23})$", rescued.stderr, re.MULTILINE)
    assert (rescued.returncode, told is not None) == (0, True), rescued.stderr
    assert told is not None

    # then: the old password is none, the new one opens the door once, with one of the operator's own
    terminal.start("serve", "--port", str(ports[0]))
    terminal.await_output("Serving on")
    base = f"http://127.0.0.1:{ports[0]}"
    terminal.until(lambda: answers(f"{base}/readyz"), "the server is ready")
    mine = {"new_password": "a password of mine 7"}
    tries = [
        {"password": first[1]},
        {"password": told[1]},
        {"password": told[1]} | mine,
        {"password": told[1]} | mine,
        {"password": mine["new_password"]},
    ]
    assert [logged_in(base, {"login": "operator"} | one) for one in tries] == [
        "auth.bad_login",
        "auth.new_password_required",
        "operator",
        "auth.bad_login",
        "operator",
    ]
    assert told[1] not in terminal.output()


def logged_in(base: str, body: dict[str, str]) -> str:
    """What kind of person this login opens the door for, or the code of the refusal."""
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{base}/api/console/login", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return str(json.load(answer)["kind"])
    except urllib.error.HTTPError as refused:
        return str(json.load(refused)["code"])
