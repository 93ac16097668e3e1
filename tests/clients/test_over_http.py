"""What only a real connection shows: cut connections and the live stream."""

import json

import pytest
import requests

from wesim import seed

SEND = "cgi-bin/message/custom/send"


def talk(server):
    """The body and URL of a customer-service message inside an open window."""
    openid = server.control("/follow", {"person": "linxiaoman", "app": seed.OA_APPID})["openid"]
    api = server.host("api.weixin.qq.com")
    credentials = {"grant_type": "client_credential", "appid": seed.OA_APPID, "secret": seed.OA_SECRET}
    token = requests.post(f"{api}cgi-bin/stable_token", json=credentials, timeout=5).json()["access_token"]
    return f"{api}{SEND}?access_token={token}", {"touser": openid, "msgtype": "text", "text": {"content": "您好"}}


@pytest.mark.parametrize(("kind", "received"), [("drop", 0), ("process_then_drop", 1)])
def test_a_cut_connection(server, kind, received):
    url, body = talk(server)
    server.control("/faults", {"kind": kind, "path": f"/{SEND}", "count": 1})
    with pytest.raises(requests.ConnectionError):
        requests.post(url, json=body, timeout=5)
    assert server.look("/phones/linxiaoman")["received"] == received
    assert requests.post(url, json=body, timeout=5).json() == {"errcode": 0, "errmsg": "ok"}


def test_the_live_stream(server):
    with requests.get(f"{server.base}/_sim/events", stream=True, timeout=5) as stream:
        lines = stream.iter_lines()
        assert next(lines) == b": open"
        server.control("/follow", {"person": "linxiaoman", "app": seed.OA_APPID})
        assert next(lines) == b""
        assert next(lines).startswith(b"id: ")
        assert next(lines) == b"event: follow"
        change = json.loads(next(lines).removeprefix(b"data: "))
        assert (change["kind"], change["person"]) == ("follow", "linxiaoman")
