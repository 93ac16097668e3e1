"""WeRoBot (Python) as the merchant's server behind the callback URL."""

import threading
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from werobot import WeRoBot

from wesim import seed


class Quiet(WSGIRequestHandler):
    def log_message(self, *args):
        pass


@pytest.fixture
def robot(port):
    """WeRoBot checks every signature itself and answers 403 when one is wrong."""
    bot = WeRoBot(token=seed.OA_TOKEN, encoding_aes_key=seed.OA_AES_KEY, app_id=seed.OA_APPID, enable_session=False)

    @bot.subscribe
    def welcome(message):
        return f"欢迎 {message.key or '直接关注'}"

    @bot.text
    def echo(message):
        return f"你说：{message.content}"

    httpd = make_server("127.0.0.1", port, bot.wsgi, handler_class=Quiet)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{port}/"
    httpd.shutdown()
    httpd.server_close()


@pytest.mark.parametrize("mode", ["plain", "compatible", "safe"])
def test_follow_and_talk(server, robot, mode):
    body = {"url": robot, "mode": mode, "verify": True}
    assert server.control(f"/apps/{seed.OA_APPID}/callback", body) == {"ok": True, "verified": True}
    server.control("/follow", {"person": "linxiaoman", "app": seed.OA_APPID})
    server.control("/settle")
    server.control("/say", {"person": "linxiaoman", "app": seed.OA_APPID, "text": "你好"})
    shown = [(m["kind"], m["text"]) for m in server.messages("linxiaoman")]
    assert shown == [("oa_reply", "欢迎 直接关注"), ("from_person", "你好"), ("oa_reply", "你说：你好")]


def test_a_wrong_token_is_refused_by_the_robot(server, robot):
    body = {"url": robot, "token": "anotherToken", "verify": True}
    assert server.control(f"/apps/{seed.OA_APPID}/callback", body) == {"ok": True, "verified": False}
    server.control("/say", {"person": "linxiaoman", "app": seed.OA_APPID, "text": "你好"})
    shown = [(m["kind"], m["text"]) for m in server.messages("linxiaoman")]
    assert shown == [("from_person", "你好"), ("oa_notice", "该服务号提供的服务出现故障，请稍后再试")]
    [push] = server.look(f"/apps/{seed.OA_APPID}/pushes")["pushes"]
    assert (push["state"], push["attempts"]) == ("failed", [403, 403, 403])
