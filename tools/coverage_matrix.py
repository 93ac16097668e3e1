"""Which requirement lines the finished test run proves: `make coverage-matrix`.

Reads docs/develop/requirements.csv (the lines) and var/coverage.json (written by tests/plugins/covers.py). With
`--gate GROUP` the exit code is 1 while a line of the group that needs a test has none that passed.
"""

import argparse
import csv
import json
import sys
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LINES = ROOT / "docs" / "develop" / "requirements.csv"
RUN = ROOT / "var" / "coverage.json"
GATED = frozenset("FRLDES")
"""Kinds that a test must prove: features, rules, limits, data, edge cases, screens. N needs no test."""


def lines() -> dict[str, str]:
    """The kind of each requirement line."""
    with LINES.open(encoding="utf-8", newline="") as file:
        return {row["id"]: row["kind"] for row in csv.DictReader(file)}


def outcomes(known: dict[str, str]) -> dict[str, str]:
    """proved, failed or without, by line; a line with a failing test is failed. Ends the program for unknown ids."""
    if not RUN.exists():
        sys.exit(f"no finished test run: {RUN.relative_to(ROOT)} is missing, run `make test` first")
    found: dict[str, set[str]] = defaultdict(set)
    for name, test in json.loads(RUN.read_text("utf-8"))["tests"].items():
        for line in test["covers"]:
            if line not in known:
                sys.exit(f"{name} claims {line}, which is not a requirement")
            found[line].add(test["outcome"])
    return {
        line: "failed" if "failed" in found[line] else "proved" if "passed" in found[line] else "without"
        for line in known
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--gate", action="append", default=[], metavar="GROUP", help="fail while this group is incomplete"
    )
    parser.add_argument("--list", action="store_true", help="name the lines without a test in every group")
    options = parser.parse_args()
    known = lines()
    state = outcomes(known)
    groups: dict[str, list[str]] = defaultdict(list)
    for line in known:
        groups[line.split("-")[0]].append(line)
    print(f"{'group':6}{'lines':>7}{'proved':>8}{'without':>9}{'failed':>8}{'gated':>7}{'missing':>9}")
    missing: list[str] = []
    for group, members in sorted(groups.items()):
        tested = [line for line in members if known[line] != "N"]
        gated = [line for line in members if known[line] in GATED]
        lacking = [line for line in gated if state[line] != "proved"]
        counts = [sum(state[line] == kind for line in tested) for kind in ("proved", "without", "failed")]
        print(f"{group:6}{len(members):7}{counts[0]:8}{counts[1]:9}{counts[2]:8}{len(gated):7}{len(lacking):9}")
        missing += lacking if group in options.gate else []
        for kind in ("failed", "without"):
            names = [line for line in tested if state[line] == kind]
            if names and (kind == "failed" or options.list or group in options.gate):
                print(f"       {kind}: {' '.join(f'{line}[{known[line]}]' for line in names)}")
    for group in options.gate:
        short = [line for line in missing if line.split("-")[0] == group]
        print(f"gate {group}: {'closed, ' + str(len(short)) + ' lines missing' if short else 'open'}")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
