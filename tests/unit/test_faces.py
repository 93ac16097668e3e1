"""The served pages: what is a page and what a file, how long each is kept, who may frame them."""

import re
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.types import ASGIApp

from huida.faces import add_faces
from huida.kernel.web import Edge, install_errors
from huida.reference import add_reference
from huida.settings import Settings, from_environment
from tests.asgi import call

PAGE = "<p>" + "会达" * 1000
SIMULATOR = {
    "simulator_url": "http://127.0.0.1:8900",
    "wechat_api_url": "http://127.0.0.1:8900/api.weixin.qq.com",
}


def served(folder: Path, *, simulator_url: str = "") -> ASGIApp:
    for face in ("console", "h5"):
        (folder / face / "assets").mkdir(parents=True)
        (folder / face / "index.html").write_text(PAGE)
        (folder / face / "assets" / "app.1a2b.js").write_text("1;" * 1000)
    (folder / "secret.txt").write_text("not a page")
    app = FastAPI()
    install_errors(app)
    add_faces(app, simulator_url=simulator_url, static=folder)
    return Edge(app)


@pytest.mark.parametrize(
    ("path", "status", "kept"),
    [
        ("/console/", 200, "no-cache"),
        ("/console/members/1", 200, "no-cache"),
        ("/console/assets/app.1a2b.js", 200, "public, max-age=31536000, immutable"),
        ("/console/assets/", 200, "no-cache"),
        ("/console/assets/gone.js", 404, None),
        ("/console/assets/gone", 404, None),
        ("/console/assets/app.1a2b.js/more", 404, None),
        ("/console/../secret.txt", 404, None),
        ("/console/..%2fsecret.txt", 404, None),
        ("/console/..\\secret.txt", 404, None),
        ("/console/favicon.ico", 404, None),
    ],
)
async def test_only_the_page_itself_stands_in_for_what_is_no_file(
    tmp_path: Path, path: str, status: int, kept: str | None
) -> None:
    app = served(tmp_path)
    for method in ("GET", "HEAD"):
        reply = await call(app, method, path)
        assert (reply.status, reply.headers.get("cache-control")) == (status, kept)
        assert reply.headers["x-content-type-options"] == "nosniff"


async def test_a_file_that_did_not_change_stays_kept(tmp_path: Path) -> None:
    app = served(tmp_path)
    path = "/console/assets/app.1a2b.js"
    mark = (await call(app, "GET", path)).headers["etag"]
    again = await call(app, "GET", path, headers={"if-none-match": mark})
    assert (again.status, again.headers["cache-control"]) == (304, "public, max-age=31536000, immutable")


async def test_nobody_frames_the_console_and_only_the_simulator_the_member_centre(tmp_path: Path) -> None:
    without, with_it = served(tmp_path / "a"), served(tmp_path / "b", simulator_url="http://127.0.0.1:8900")
    for app, face, frames in (
        (without, "console", "'none'"),
        (without, "h5", "'none'"),
        (with_it, "console", "'none'"),
        (with_it, "h5", "http://127.0.0.1:8900"),
    ):
        policy = (await call(app, "GET", f"/{face}/")).headers["content-security-policy"]
        assert policy.split("; ")[-1] == f"frame-ancestors {frames}"
        assert policy.startswith("default-src 'self'; ")
    moved = await call(without, "GET", "/console")
    assert (moved.status, moved.headers["location"]) == (307, "http://huida.test/console/")
    assert (await call(without, "GET", "/")).headers["location"] == "/console/"


async def test_the_reference_runs_nothing_from_outside_that_has_changed() -> None:
    app = FastAPI()
    add_reference(app)
    reply = await call(app, "GET", "/api/docs")
    outside = re.findall(r"<(?:script|link)[^>]*https?://[^>]*>", reply.text)
    assert len(outside) == 2
    assert all(re.search(r' integrity="sha384-[A-Za-z0-9+/]{64}" crossorigin="anonymous"', tag) for tag in outside)
    assert all(re.search(r"@\d+\.\d+\.\d+/", tag) for tag in outside)
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src ")
    assert "frame-ancestors 'none'" in policy
    assert "'unsafe-inline'" not in policy.partition("style-src")[0]
    assert '<a href="/api/openapi.json">' in reply.text


@pytest.mark.parametrize(
    "wrong",
    [
        "*",
        "https:",
        "http://127.0.0.1:8900/phone",
        "http://127.0.0.1:8900; script-src *",
        "http://127.0.0.1:8900 https://evil.example",
        "http://127.0.0.1:8900\r\nx: y",
        "http://user@evil.example",
        "javascript://a",
    ],
)
def test_a_simulator_is_one_origin(wrong: str) -> None:
    with pytest.raises(ValueError, match="HUIDA_SIMULATOR_URL"):
        from_environment(
            {"HUIDA_SIMULATOR_URL": wrong, "HUIDA_WECHAT_API_URL": SIMULATOR["wechat_api_url"]},
        )


def test_a_simulator_never_stands_beside_the_real_wechat() -> None:
    assert Settings(**SIMULATOR).simulator_url == "http://127.0.0.1:8900"  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="HUIDA_SIMULATOR_URL"):
        Settings(simulator_url="http://127.0.0.1:8900")
