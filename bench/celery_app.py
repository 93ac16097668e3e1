"""The pipeline that a team would write first: Celery with Redis, a task per message, SQLAlchemy rows, `requests`.

Settings favour it: no results kept, early acknowledgement, prefetch 64, a session and a keep-alive connection per process.
"""

import os

import requests
from celery import Celery
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

app = Celery("baseline", broker=os.environ.get("BENCH_REDIS", "redis://127.0.0.1:6399/0"))
app.conf.update(
    task_ignore_result=True,
    worker_prefetch_multiplier=64,
    task_acks_late=False,
    broker_connection_retry_on_startup=True,
)
_state: dict[str, object] = {}


@app.task(name="baseline.send")
def send(message_id: int, openid: str) -> None:
    if not _state:
        _state["engine"] = create_engine(os.environ["BENCH_SQLALCHEMY"])
        _state["http"] = requests.Session()
    body = {
        "touser": openid,
        "template_id": "t" * 43,
        "page": "pages/receipt/index?id=" + "0" * 32,
        "data": {
            "character_string4": {"value": "6088000001"},
            "thing1": {"value": "林小满"},
            "amount2": {"value": "25.00元"},
        },
    }
    http = _state["http"]
    assert isinstance(http, requests.Session)
    answer = http.post(
        os.environ["BENCH_URL"] + "/cgi-bin/message/subscribe/send?access_token=bench", json=body, timeout=10
    )
    with Session(_state["engine"]) as session:  # type: ignore[arg-type]
        session.execute(
            text("UPDATE baseline_messages SET state = :s WHERE id = :id"),
            {"s": answer.json()["errmsg"], "id": message_id},
        )
        session.commit()
