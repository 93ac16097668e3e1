"""What is not there says so in its host's own manner (I-05), and stand-ins answer as their main host (I-27)."""

import json

import pytest

from tests.wesim.pay_kit import HOST, MCHID, PaySim
from tests.wesim.sms_kit import SmsSim
from wesim import seed
from wesim.app import STAND_INS

API_HOSTS = (
    "api.weixin.qq.com",
    "api2.weixin.qq.com",
    "sh.api.weixin.qq.com",
    "sz.api.weixin.qq.com",
    "hk.api.weixin.qq.com",
)
PAY_HOSTS = ("api.mch.weixin.qq.com", "api2.mch.weixin.qq.com", "api.wechatpay.cn", "api2.wechatpay.cn")
WITHDRAWN = ("/cgi-bin/shorturl", "/cgi-bin/tags/get", "/wxa/img_sec_check", "/", "/nothing/at/all")


def without_rid(answer):
    body = answer.json()
    return answer.status, answer.headers["content-type"], body["errcode"], body["errmsg"].split(" rid: ")[0]


@pytest.mark.parametrize("host", API_HOSTS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD"])
async def test_wechat_says_40066(sim, host, method):
    for path in WITHDRAWN:
        answer = await sim.call(method, f"/{host}{path}?access_token=x", b"{}")
        assert without_rid(answer) == (200, "application/json", 40066, "invalid url")
        assert without_rid(await sim.call(method, path, b"{}", host=host)) == without_rid(answer)


async def test_a_known_path_says_which_method_it_wants(sim):
    wanted = {
        ("POST", "/cgi-bin/token"): (43001, "require GET method"),
        ("GET", "/cgi-bin/menu/create"): (43002, "require POST method"),
        ("PUT", "/cgi-bin/menu/create"): (43002, "require POST method"),
        ("DELETE", "/cgi-bin/menu/get"): (43001, "require GET method"),
    }
    for (method, path), said in wanted.items():
        assert sim.code((await sim.call(method, f"/api.weixin.qq.com{path}", b"{}")).json()) == said


@pytest.mark.parametrize("host", PAY_HOSTS)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
async def test_wechat_pay_signs_its_404(host, method):
    sim = PaySim()
    for target in (
        "/v3/bill/tradebill?bill_date=2026-11-20",
        "/v3/marketing/favor/stocks",
        "/mmpaymkttransfers/sendredpack",
    ):
        body = {"appid": "x"} if method in ("POST", "PUT") else None
        answer = await sim.call(method, target, body, headers={"host": host})
        path = target.partition("?")[0]
        said = {"code": "RESOURCE_NOT_EXISTS", "message": f"请求的资源不存在：{method} {path}"}
        assert (answer.status, answer.json()) == (404, said)
        assert answer.headers["content-type"] == "application/json"
        assert sim.is_authentic(answer.headers, answer.raw)
        assert answer.headers["request-id"].endswith("-0")


async def test_wechat_pay_says_404_to_strangers_too_but_signs_nothing():
    sim = PaySim()
    xml = b"<xml><mch_id>1900000001</mch_id></xml>"
    answer = await sim.http("POST", "/mmpaymkttransfers/sendredpack", headers={"host": HOST}, body=xml)
    assert answer.refusal == (404, "RESOURCE_NOT_EXISTS")
    assert "wechatpay-signature" not in answer.headers
    forged = await sim.call("GET", "/v3/bill/tradebill", signs="/v3/other")
    assert forged.refusal == (404, "RESOURCE_NOT_EXISTS")
    assert "wechatpay-signature" not in forged.headers


async def test_the_sms_hosts_answer_in_their_own_form():
    sim = SmsSim()
    aliyun, tencent = {"host": "dysmsapi.aliyuncs.com"}, {"host": "sms.tencentcloudapi.com"}
    status, body = await sim.http("GET", "/v1/anything", query="Format=JSON", headers=aliyun)
    assert (status, json.loads(body)["Code"]) == (404, "InvalidAction.NotFound")
    assert set(json.loads(body)) == {"RequestId", "HostId", "Code", "Message", "Recommend"}
    status, body = await sim.http("DELETE", "/v1/anything", headers=aliyun)
    assert (status, body.count(b"<Code>InvalidAction.NotFound</Code>")) == (404, 1)
    for method, path, code in (
        ("POST", "/v2/anything", "InvalidAction"),
        ("GET", "/", "UnsupportedProtocol"),
        ("PUT", "/", "UnsupportedProtocol"),
    ):
        status, body = await sim.http(method, path, headers=tencent)
        said = json.loads(body)["Response"]
        assert (status, said["Error"]["Code"], len(said["RequestId"])) == (200, code, 36)


@pytest.mark.parametrize("host", ["open.weixin.qq.com", "mp.weixin.qq.com"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_the_browser_hosts_show_a_page(sim, host, method):
    answer = await sim.call(method, f"/{host}/s/<b>nothing")
    assert (answer.status, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "页面不存在：/s/&lt;b&gt;nothing" in answer.body.decode()


async def test_an_unknown_path_can_have_faults_and_stands_in_the_log(sim):
    await sim.control("/faults", {"kind": "busy", "path": "/cgi-bin/tags/*"})
    assert sim.code(await sim.get("/cgi-bin/tags/get")) == (-1, "system error")
    [entry] = (await sim.look("/log"))["log"]
    assert (entry["host"], entry["path"], entry["status"]) == ("api.weixin.qq.com", "/cgi-bin/tags/get", 200)


async def test_stand_ins_are_the_ones_of_the_reference():
    assert {main: set(others) for main, others in STAND_INS.items()} == {
        "api.weixin.qq.com": set(API_HOSTS[1:]),
        "api.mch.weixin.qq.com": set(PAY_HOSTS[1:]),
    }


async def test_a_client_that_fails_over_meets_the_same_account(sim):
    body = {"grant_type": "client_credential", "appid": seed.OA_APPID, "secret": seed.OA_SECRET}
    await sim.control("/faults", {"kind": "status", "host": "api.weixin.qq.com", "http_status": 502})
    assert (await sim.call("POST", "/api.weixin.qq.com/cgi-bin/stable_token", body)).status == 502
    tokens = set()
    for host in API_HOSTS[1:]:
        tokens.add((await sim.call("POST", f"/{host}/cgi-bin/stable_token", body)).json()["access_token"])
        tokens.add((await sim.call("POST", "/cgi-bin/stable_token", body, host=host)).json()["access_token"])
    assert tokens == {sim.oa.stable.value}


async def test_an_order_is_known_on_every_host_of_wechat_pay():
    sim = PaySim()
    await sim.prepay("order-0001")
    target = f"/v3/pay/transactions/out-trade-no/order-0001?mchid={MCHID}"
    for host in PAY_HOSTS:
        answer = await sim.call("GET", target, headers={"host": host})
        assert (answer.status, answer.json()["trade_state"]) == (200, "NOTPAY")
        assert sim.is_authentic(answer.headers, answer.raw)


@pytest.mark.parametrize("host", PAY_HOSTS)
async def test_pay_under_a_prefix_takes_a_signature_over_either_path(host):
    """wechatpay-php signs the whole path of its base URL, easywechat the path on the host (I-26)."""
    sim = PaySim()
    on_host = f"/v3/pay/transactions/out-trade-no/none-0001?mchid={MCHID}"
    for signs in (on_host, f"/{host}{on_host}"):
        answer = await sim.call("GET", f"/{host}{on_host}", signs=signs, headers={"host": "127.0.0.1:8900"})
        assert answer.refusal == (404, "ORDER_NOT_EXIST")
        assert sim.is_authentic(answer.headers, answer.raw)
    other = next(name for name in PAY_HOSTS if name != host)
    answer = await sim.call("GET", f"/{host}{on_host}", signs=f"/{other}{on_host}", headers={"host": "127.0.0.1"})
    assert answer.refusal == (401, "SIGN_ERROR")
    plain = await sim.call("GET", on_host, signs=f"/{host}{on_host}", headers={"host": host})
    assert plain.refusal == (401, "SIGN_ERROR")


@pytest.mark.parametrize(("signs", "status"), [("/", 200), ("/dysmsapi.aliyuncs.com/", 200), ("/x/", 400)])
async def test_aliyun_under_a_prefix_takes_a_signature_over_either_path(signs, status):
    sim = SmsSim()
    call = sim.acs3("QuerySmsSignList", {}, under="/dysmsapi.aliyuncs.com/", signs=signs)
    assert (await sim.http(**call))[0] == status


@pytest.mark.parametrize(("signs", "count"), [("/", 4), ("/sms.tencentcloudapi.com/", 4), ("/x/", None)])
async def test_tencent_under_a_prefix_takes_a_signature_over_either_path(signs, count):
    asked = {"International": 0, "SignIdSet": []}
    found = await SmsSim().tencent("DescribeSmsSignList", asked, under="/sms.tencentcloudapi.com/", signs=signs)
    if count is None:
        assert found["Error"]["Code"] == "AuthFailure.SignatureFailure"
    else:
        assert len(found["DescribeSignListStatusSet"]) == count
