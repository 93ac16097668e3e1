"""Daily quotas of paths (reference §0.3, §2.1, §3.4, §1.8). An app's `daily_limits` overrides them."""

from __future__ import annotations

DAILY: dict[str, int] = {
    "/cgi-bin/message/template/send": 100_000,
    "/cgi-bin/message/subscribe/send": 10_000_000,
    "/cgi-bin/message/custom/send": 500_000,
    "/cgi-bin/user/info": 5_000_000,
    "/cgi-bin/user/info/batchget": 500_000,
    "/cgi-bin/user/get": 500,
    "/cgi-bin/menu/create": 1_000,
    "/cgi-bin/menu/get": 10_000,
    "/cgi-bin/menu/delete": 1_000,
    "/cgi-bin/qrcode/create": 100_000,
    "/cgi-bin/ticket/getticket": 1_000,
    "/cgi-bin/template/api_add_template": 10_000,
    "/cgi-bin/template/get_all_private_template": 100_000,
    "/wxa/generatescheme": 500_000,
    "/wxa/generate_urllink": 500_000,
}
