"""The sample platform sells SMS: packages, its own WeChat Pay, and a package and a signature of the sample merchant."""

from typing import Final

from huida.demo.doors import Doors

MCHID: Final = "1900000001"
APP: Final = "wx5e1f00000000a001"
KEYS: Final = ("mchid", "serial", "private_key", "api_v3_key", "public_key_id", "public_key")
PACKAGES: Final = (("体验包 100 条", 100, 900), ("标准包 1000 条", 1000, 8_500), ("商家包 10000 条", 10_000, 72_000))
SIGNATURE: Final = "山月茶事"
PAYER: Final = "linxiaoman"
PAPER: Final = b"%PDF-1.4\n%%EOF\n"


def sell(operator: Doors, admin: Doors, sim: Doors, tenant_id: int) -> None:
    """Have everything on sale, and the merchant a package and a signature; a second time changes nothing.

    The simulator forgets its keys and signatures when it stops, so those are told to both sides at every start.
    """
    merchant = sim.get(f"/_sim/pay/merchants/{MCHID}")
    account = "/api/operator/pay-account"
    operator.replace(account, {**{name: merchant[name] for name in KEYS}, "app_id": APP}, shown=account)
    known = {one["name"] for one in operator.get("/api/operator/sms/packages")["items"]}
    for place, (name, parts, price_fen) in enumerate(PACKAGES):
        if name not in known:
            body = {"name": name, "parts": parts, "price_fen": price_fen, "position": place}
            operator.post("/api/operator/sms/packages", body)
    _buy(admin, sim)
    _sign(operator, admin, sim, tenant_id)


def _buy(admin: Doors, sim: Doors) -> None:
    if admin.get("/api/console/sms/purchases")["items"]:
        return
    wanted = next(one for one in admin.get("/api/console/sms/parts")["packages"] if one["name"] == PACKAGES[1][0])
    purchase = admin.post("/api/console/sms/purchases", {"package_id": wanted["id"]})
    code = admin.post(f"/api/console/sms/purchases/{purchase['id']}/pay")["code_url"]
    sim.post("/_sim/pay/scan", {"person": PAYER, "code_url": code, "act": "pay"})


def _sign(operator: Doors, admin: Doors, sim: Doors, tenant_id: int) -> None:
    sim.post("/_sim/sms/signs", {"provider": "aliyun", "name": SIGNATURE})
    if admin.get("/api/console/sms")["signatures"]:
        return
    fields = {"name": SIGNATURE, "source": "shop", "use_at_once": "false"}
    made = admin.upload("/api/console/sms/signatures", fields, name="licence.pdf", content=PAPER)
    operator.post(f"/api/operator/sms/reviews/{tenant_id}/{made['id']}/approve", {"providers": ["aliyun"]})
    admin.post(f"/api/console/sms/signatures/{made['id']}/apply")
