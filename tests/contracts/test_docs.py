"""The documents name only what is there: links, files and folders, settings, endpoints with their scopes."""

import csv
import re
import subprocess
from functools import cache
from pathlib import Path

import pytest
from fastapi import FastAPI

from huida.doors import routers
from huida.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "wesim").rglob("*.md")],
)
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
CODE = re.compile(r"`([^`\n]+)`")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
TOP = ("huida", "wesim", "migrations", "bench", "tests", "docs", "tools", "requirements", ".ci", "console", "member")
PLACE = re.compile(rf"(?:{'|'.join(map(re.escape, TOP))})(?:/[\w.*-]+)*/?")
FILE = re.compile(r"[\w-]+\.(?:py|sql|md|json|csv|toml|sh)")
SETTING = re.compile(r"\bHUIDA_[A-Z_]+\b")
ENDPOINT = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/(?:api|callbacks|s)/[\w/{}.…-]+)")
OF_TESTS = {"HUIDA_FUZZ_SEED", "HUIDA_LONG", "HUIDA_SIM_SEED", "HUIDA_SIM_STEPS", "HUIDA_PICTURE", "HUIDA_REGENERATE"}
OF_BUILDS = {"HUIDA_MINI_APPID", "HUIDA_API"}
"""Read when the member centre is built."""
OF_INSTALLATIONS = {"demo.json", "master.key", "index.html"}
"""Files that a running installation writes, and names that documents use in a wider sense."""


@cache
def tracked() -> frozenset[str]:
    """Every file that belongs to the project, new ones too."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return frozenset(line for line in listed.stdout.splitlines() if (ROOT / line).exists())


def prose(name: str) -> str:
    return FENCE.sub("", (ROOT / name).read_text("utf-8"))


def is_there(place: str) -> bool:
    """Whether a file, a folder or a pattern of files is in the project."""
    if "*" in place:
        return any(ROOT.glob(place))
    return place.rstrip("/") in tracked() or any(file.startswith(f"{place.rstrip('/')}/") for file in tracked())


@pytest.mark.parametrize("name", NAMES)
def test_every_relative_link_leads_somewhere(name: str) -> None:
    links = [link for link in LINK.findall(prose(name)) if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in links if not (ROOT / name).parent.joinpath(link).exists()] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_file_and_folder_that_is_named_is_there(name: str) -> None:
    spans = [span.strip() for span in CODE.findall(prose(name))]
    places = [span for span in spans if PLACE.fullmatch(span) and ("/" in span or span.startswith("."))]
    assert [place for place in places if not is_there(place)] == []
    files = [span for span in spans if FILE.fullmatch(span) and span not in OF_INSTALLATIONS]
    known = {file.rsplit("/", 1)[-1] for file in tracked()}
    assert [file for file in files if file not in known] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_that_is_named_exists(name: str) -> None:
    known = {f"HUIDA_{field.upper()}" for field in Settings.__dataclass_fields__} | OF_TESTS | OF_BUILDS
    assert sorted(set(SETTING.findall((ROOT / name).read_text("utf-8"))) - known) == []


@cache
def doors() -> frozenset[tuple[str, str]]:
    """Every method and path of the API, with `{}` for what varies."""
    app = FastAPI()
    for router in routers():
        app.include_router(router)
    paths = app.openapi()["paths"]
    found = {(method.upper(), unnamed(path)) for path, ways in paths.items() for method in ways}
    return frozenset(found | {("POST", "/api/v1/purchases"), ("POST", "/api/v1/purchases/batch")})  # the ingest layer's


def unnamed(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def answers(method: str, path: str) -> bool:
    """Whether there is such an endpoint; `…` at the end stands for any ending."""
    if path.endswith("…"):
        return any(way == method and door.startswith(path[:-1]) for way, door in doors())
    return (method, path) in doors()


@pytest.mark.parametrize("name", NAMES)
def test_every_endpoint_that_is_named_exists(name: str) -> None:
    named = [(method, unnamed(path.rstrip("."))) for method, path in ENDPOINT.findall(prose(name))]
    assert [one for one in named if not answers(*one)] == []


def test_the_requirements_have_one_line_each() -> None:
    with (ROOT / "docs" / "develop" / "requirements.csv").open(encoding="utf-8", newline="") as file:
        ids = [row["id"] for row in csv.DictReader(file)]
    assert len(ids) == len(set(ids)) > 0


def test_documents_name_no_machine_of_ours() -> None:
    named = [
        (name, line)
        for name in NAMES
        for line in (ROOT / name).read_text("utf-8").splitlines()
        if re.search(r"(?<![\w.])/(?:work|home|root|tmp|opt)/", line)
    ]
    assert named == []
