"""R-08: a backup is what it was, and what is in a file from elsewhere does not run with the server's rights."""

import random
import re
from pathlib import Path

import pytest

from huida.commands import signed
from huida.commands.screen import Failure
from tests.commands.conftest import Terminal
from tests.commands.test_clocks import did, found
from tests.commands.test_data import BALANCES, asked, data_of

pytestmark = pytest.mark.slow

FLIPS = 24
PLANT = b"COPY (SELECT 1) TO PROGRAM 'touch %s'"


@pytest.fixture
def saved(with_shop: Terminal) -> Path:
    file = with_shop.home / "huida.backup"
    assert with_shop.run("backup", str(file)).returncode == 0
    return file


def planted(file: Path, mark: Path) -> bytes:
    """The backup with a statement of its table of contents replaced by a program to run, of the same length."""
    whole = file.read_bytes()
    command = PLANT % str(mark).encode()
    place = next(
        one
        for one in re.finditer(rb"CREATE FUNCTION public\.credits_take[^\0]*?\n {4}AS \$\$", whole)
        if one.end() - one.start() > len(command) + 2
    )
    length = place.end() - place.start()
    # The rest of the function stays as a comment; its text ends with $$;
    filled = command + b"; SELECT $$" + b" " * (length - len(command) - 11)
    return whole[: place.start()] + filled + whole[place.end() :]


def test_what_is_planted_in_a_file_does_not_run_and_changes_nothing(with_shop: Terminal, saved: Path) -> None:
    # given
    terminal, mark = with_shop, Path("/tmp") / f"huida-planted-{with_shop.home.name}"
    before = asked(terminal, BALANCES)
    saved.write_bytes(planted(saved, mark))

    # when, then: its signature is another's
    refused = terminal.run("restore", str(saved), "--force", "--yes")
    assert (refused.returncode, "does not match its signature" in refused.stderr.replace("\n", " ")) == (1, True)

    # when, then: even where somebody trusts it, it runs with nobody's rights
    refused = terminal.run("restore", str(saved), "--force", "--yes", "--unsigned")
    assert refused.returncode == 1
    assert "permission denied to COPY to or from an external program" in refused.stderr.replace("\n", " ")
    assert not mark.exists()
    assert asked(terminal, BALANCES) == before
    assert found(terminal, "schema.code")["state"] == "ok"
    roles = asked(terminal, "SELECT count(*) AS n FROM pg_roles WHERE rolname = 'huida_restore'")
    assert roles == [(0,)]


def test_every_changed_byte_is_noticed_before_anything_is_touched(with_shop: Terminal, saved: Path) -> None:
    # given: one byte of a function, and bits all over
    terminal, whole, dice = with_shop, saved.read_bytes(), random.Random(8)
    at = whole.index(b"m.balance + p.running") + len(b"m.balance ")
    changed = [(at, ord("+") ^ ord("-"))]
    changed += [(dice.randrange(len(whole)), 1 << dice.randrange(8)) for _ in range(FLIPS)]
    before = (data_of(terminal) / "pg" / "cluster" / "postgresql.conf").stat().st_mtime_ns

    # when, then
    key = bytes.fromhex((data_of(terminal) / "master.key").read_text().strip())
    signed.check(saved, key)
    saved.write_bytes(whole[: -signed.LENGTH])  # as an older version wrote it
    with pytest.raises(Failure) as unsigned:
        signed.check(saved, key)
    assert unsigned.value.code == "cli.backup_unsigned"
    for place, bit in changed:
        saved.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        with pytest.raises(Failure) as refused:
            signed.check(saved, key)
        assert refused.value.code in {"cli.backup_changed", "cli.backup_unsigned"}
    saved.write_bytes(whole[:at] + b"-" + whole[at + 1 :])
    done = terminal.run("restore", str(saved), "--force", "--yes")
    assert (done.returncode, "does not match its signature" in done.stderr.replace("\n", " ")) == (1, True)
    assert (data_of(terminal) / "pg" / "cluster" / "postgresql.conf").stat().st_mtime_ns == before


def test_a_backup_of_another_key_and_of_no_key_is_refused_until_the_key_is_there(
    with_shop: Terminal, saved: Path
) -> None:
    terminal, elsewhere = with_shop, with_shop.home / "new"
    none = terminal.run("restore", str(saved), "--data-dir", str(elsewhere))
    assert (none.returncode, "Without the master key" in none.stderr.replace("\n", " ")) == (1, True)
    other = terminal.run("restore", str(saved), "--data-dir", str(elsewhere), HUIDA_MASTER_KEY="ab" * 32)
    assert (other.returncode, "does not match its signature" in other.stderr.replace("\n", " ")) == (1, True)
    assert not elsewhere.exists()
    key = (data_of(terminal) / "master.key").read_text().strip()
    back = terminal.run("restore", str(saved), "--data-dir", str(elsewhere), HUIDA_MASTER_KEY=key)
    assert back.returncode == 0, back.stderr
    assert asked(terminal, BALANCES, data=elsewhere) == asked(terminal, BALANCES)
    owners = asked(
        terminal,
        "SELECT DISTINCT pg_get_userbyid(relowner) AS who FROM pg_class WHERE relnamespace = 'public'::regnamespace",
        data=elsewhere,
    )
    assert owners == [("huida_owner",)]


def test_doctor_sees_a_function_a_policy_a_trigger_and_a_rule_that_are_not_ours(with_shop: Terminal) -> None:
    terminal = with_shop
    assert found(terminal, "schema.code")["state"] == "ok"
    did(
        terminal,
        "CREATE FUNCTION stranger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
        "CREATE TRIGGER stranger BEFORE INSERT ON members FOR EACH ROW EXECUTE FUNCTION stranger()",
        "ALTER POLICY own_rows ON members USING (true)",
        "ALTER TABLE coupons NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE members ALTER COLUMN joined_at SET DEFAULT now()",
    )
    odd = found(terminal, "schema.code")
    assert (odd["state"], odd["params"]) == ("fail", {"count": 5, "first": "default members.joined_at"})
