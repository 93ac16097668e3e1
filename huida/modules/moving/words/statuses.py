"""What a status says of its line: it counts, it was cancelled or deleted, or nobody knows."""

import re
from typing import Final

_NO: Final = re.compile(
    r"取消|注销|作废|退款|退货|退单|退卡|失效|冻结|停用|禁用|封禁|删除|挂失|过期|关闭|无效|拉黑|黑名单|销户|销卡|离会|流失卡"
    r"|[未待](?:支付|付款|激活|审核)|支付失败|失败"
    r"|cancel|refund|void|delete|closed|inactive|disabled|frozen|blocked|lost|expired|unpaid|failed|invalid|pending",
    re.I,
)
_DENIED: Final = re.compile(
    r"(?:[未无非不]|没有|not )(?:被|曾|需)?(?:取消|注销|作废|退款|退货|冻结|停用|删除|挂失|过期|失效|cancell?ed|refunded|deleted)",
    re.I,
)
_YES: Final = re.compile(
    r"正常|有效|启用|生效|激活|已激活|在用|使用中|活跃|可用|普通|已?(?:完成|支付|付款|成交|发货|收货|签收|结算|核销)|交易(?:成功|完成)|(?:支付|付款)成功|成功"
    r"|active|valid|normal|enabled|ok|paid|completed?|done|success|finished|shipped|received",
    re.I,
)
_ASKED: Final = re.compile(r"是否(有效)?(?:注销|作废|删除)?")
_TRUE: Final = frozenset(("是", "y", "yes", "true", "1"))
_FALSE: Final = frozenset(("否", "n", "no", "false", "0"))


def works(above: str, said: str) -> bool | None:
    """Whether a line with this status counts; None when nobody knows. `above` is the folded title of its column."""
    asked = _ASKED.fullmatch(above)
    plain = said.casefold()
    if asked and plain in _TRUE | _FALSE:
        return (plain in _TRUE) is bool(asked[1])
    rest = _DENIED.sub("", said)
    if _NO.search(rest):
        return False
    return True if rest != said or _YES.fullmatch(said.strip()) else None
