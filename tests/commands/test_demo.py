"""The demo as a stranger meets it: one command, a message on a phone, nothing left behind."""

import json
import os
import signal
import socket
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.commands import processes
from tests.commands.conftest import Terminal

pytestmark = pytest.mark.slow

LIN = "linxiaoman"


def options(ports: tuple[int, int]) -> list[str]:
    return ["--port", str(ports[0]), "--wesim-port", str(ports[1])]


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def working(terminal: Terminal) -> list[int]:
    """The demo's worker processes."""
    return [
        pid for pid, command in processes.of(str(terminal.home)).items() if command.rstrip().endswith(" huida worker")
    ]


def test_demo_plays_a_purchase_and_its_next_start_finds_the_data_again(
    terminal: Terminal, ports: tuple[int, int]
) -> None:
    # given: a start that was interrupted in the middle of loading
    interrupted = terminal.start("demo", *options(ports))
    terminal.await_output("Loading three months")
    interrupted.send_signal(signal.SIGINT)
    assert interrupted.wait(60) == 0
    assert "Traceback" not in terminal.output()
    assert processes.of(str(terminal.home)) == {}

    # when: the first whole start
    first = terminal.run("demo", "--exit-after-play", *options(ports))

    # then: the message was seen, and everything is gone again
    assert first.returncode == 0, first.stderr
    assert "Loading three months" in first.stderr
    assert "会员消费通知" in first.stderr
    assert processes.of(str(terminal.home)) == {}
    assert (listening(ports[0]), listening(ports[1])) == (False, False)

    # when: it is started again and stays
    key = json.loads((terminal.home / "var" / "demo" / "demo.json").read_text())["api_key"]
    demo = terminal.start("demo", *options(ports))
    terminal.await_output("Running until Ctrl-C")

    # then: no second load, the same key, and the phone holds one message per purchase
    assert "Loading three months" not in terminal.output()
    assert key in terminal.output().replace("\n", "")
    phone = get(f"http://127.0.0.1:{ports[1]}/_sim/phones/{LIN}")
    [services] = [chat for chat in phone["chats"] if chat["id"] == "services"]
    [message] = services["messages"]
    assert (message["kind"], message["title"]) == ("subscribe", "会员消费通知")
    assert ["会员姓名", "林小满"] in message["fields"]

    # when: Ctrl-C
    demo.send_signal(signal.SIGINT)

    # then: it ends well and leaves neither process nor port
    assert demo.wait(60) == 0
    assert processes.of(str(terminal.home)) == {}
    assert (listening(ports[0]), listening(ports[1])) == (False, False)

    # and: what it leaves behind is sound; WeChat, which is not there any more, is only a warning
    examined = terminal.run("doctor", "--json", "--data-dir", str(terminal.home / "var" / "demo"))
    findings = json.loads(examined.stdout)
    assert [f for f in findings if f["state"] == "fail"] == []
    assert examined.returncode == 0


def test_a_killed_demo_leaves_no_server_and_its_database_is_adopted(terminal: Terminal, ports: tuple[int, int]) -> None:
    # given
    demo = terminal.start("demo", "--no-play", *options(ports))
    terminal.await_output("Running until Ctrl-C")

    # when, then: a worker that dies is started again
    [worker] = working(terminal)
    os.kill(worker, signal.SIGKILL)
    terminal.until(lambda: working(terminal) not in ([], [worker]), "another worker")
    assert demo.poll() is None

    # when
    os.kill(demo.pid, signal.SIGKILL)
    demo.wait()

    # then: the children end by themselves, PostgreSQL waits for its next use
    terminal.until(
        lambda: not any("huida" in c and "postgres" not in c for c in processes.of(str(terminal.home)).values()),
        "the children end",
    )
    terminal.until(lambda: not listening(ports[0]) and not listening(ports[1]), "the ports are free")

    # when
    again = terminal.run("demo", "--exit-after-play", *options(ports))

    # then
    assert again.returncode == 0, again.stderr
    assert "会员消费通知" in again.stderr
    assert processes.of(str(terminal.home)) == {}


@pytest.mark.parametrize(("busy", "option"), [(0, "--port"), (1, "--wesim-port")])
def test_a_busy_port_is_named_with_the_option_that_changes_it(
    terminal: Terminal, ports: tuple[int, int], busy: int, option: str
) -> None:
    # given
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports[busy]))
        other.listen()

        # when
        refused = terminal.run("demo", *options(ports))

    # then: a sentence, no traceback, nothing started
    assert refused.returncode == 1
    assert f"Port {ports[busy]} on 127.0.0.1 cannot be used" in refused.stderr
    assert f"with {option}." in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not (terminal.home / "var" / "demo" / "pg").exists()


def test_a_folder_with_a_real_database_is_not_taken_for_a_demo(
    terminal: Terminal, ports: tuple[int, int], migrated_data: Path
) -> None:
    # given
    terminal.have(migrated_data)

    # when
    refused = terminal.run("demo", "--fresh", "--data-dir", str(terminal.home / "var"), *options(ports))

    # then
    assert refused.returncode == 1
    assert "is not a demo's" in refused.stderr
    assert (terminal.home / "var" / "pg").exists()
