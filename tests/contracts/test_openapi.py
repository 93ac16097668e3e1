"""The API document of the repository is the API; HUIDA_REGENERATE=1 writes it anew."""

import json
import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from huida import main
from huida.settings import Settings

SNAPSHOT = Path(__file__).resolve().parents[2] / "docs/api/openapi.json"
NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"


def api() -> FastAPI:
    """The application, built without any database to connect to."""
    settings = Settings(database_url=NOWHERE, migrate_url=NOWHERE, master_key="11" * 32)
    app: Any = main.build(settings).api()
    while not isinstance(app, FastAPI):
        app = app.app
    return app


def test_the_document_is_up_to_date() -> None:
    now = json.loads(json.dumps(api().openapi(), ensure_ascii=False))
    if os.environ.get("HUIDA_REGENERATE"):
        SNAPSHOT.parent.mkdir(parents=True, exist_ok=True)
        SNAPSHOT.write_text(json.dumps(now, ensure_ascii=False, indent=1, sort_keys=True) + "\n", "utf-8")
    known = json.loads(SNAPSHOT.read_text("utf-8"))
    assert sorted(now["paths"]) == sorted(known["paths"])
    assert now == known, "run with HUIDA_REGENERATE=1 and look at the difference"


def test_every_operation_has_its_own_name() -> None:
    names = [operation["operationId"] for path in api().openapi()["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
