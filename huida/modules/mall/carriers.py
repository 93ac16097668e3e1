"""Carriers that mainland shops send with, by the codes that waybill services use; data, not rules."""

from typing import Final

CARRIERS: Final[dict[str, str]] = {
    "SF": "顺丰速运",
    "YTO": "圆通速递",
    "ZTO": "中通快递",
    "STO": "申通快递",
    "YD": "韵达速递",
    "JTSD": "极兔速递",
    "EMS": "EMS",
    "YZPY": "邮政快递包裹",
    "JD": "京东快递",
    "DBL": "德邦快递",
    "HTKY": "百世快递",
    "ZJS": "宅急送",
    "UC": "优速快递",
    "ANE": "安能物流",
    "KYSY": "跨越速运",
    "FWX": "丰网速运",
    "DNWL": "丹鸟物流",
    "SELF": "商家配送",
}
OTHER: Final = "OTHER"
"""Any other carrier: its name comes with the parcel."""
