"""Which column is which: the words that people write above their columns, folded as a person reads them (B-03, B-18)."""

from collections.abc import Sequence
from typing import Final

import msgspec

from huida.kernel.errors import Invalid
from huida.kernel.intake.tables import Line
from huida.kernel.intake.texts import title, title_parts
from huida.modules.moving import cells
from huida.modules.moving.words import brackets

STATUS: Final = (
    *(
        "状态",
        "会员状态",
        "卡状态",
        "会员卡状态",
        "账户状态",
        "账号状态",
        "用户状态",
        "客户状态",
        "订单状态",
        "交易状态",
    ),
    *("支付状态", "付款状态", "退款状态", "单据状态", "是否注销", "是否有效", "是否作废", "是否删除"),
    *("status", "state", "member status", "card status", "account status", "order status", "payment status"),
)
MEMBERS: Final[dict[str, tuple[str, ...]]] = {
    "card_no": (
        *(
            "卡号",
            "会员卡号",
            "会员编号",
            "会员号",
            "会员卡",
            "会员卡编号",
            "卡编号",
            "编号",
            "会员号码",
            "会员id",
            "储值卡号",
        ),
        *(
            "card_no",
            "card",
            "card number",
            "cardno",
            "member no",
            "member number",
            "member id",
            "membership no",
            "member card",
        ),
    ),
    "name": (
        *("姓名", "会员姓名", "会员名", "会员名称", "名称", "名字", "客户姓名", "顾客姓名", "客户名称", "称呼"),
        *("name", "full name", "member name", "customer name", "customer"),
    ),
    "phone": (
        *(
            "手机",
            "手机号",
            "手机号码",
            "电话",
            "电话号码",
            "联系电话",
            "联系手机",
            "会员手机",
            "会员手机号",
            "会员电话",
        ),
        *(
            "移动电话",
            "联系方式",
            "手机号码1",
            "phone",
            "phone no",
            "phone number",
            "mobile",
            "mobile no",
            "mobile phone",
        ),
        *("mobile number", "cell", "cell phone", "tel", "telephone"),
    ),
    "birthday": (
        *("生日", "会员生日", "出生日期", "出生年月", "出生年月日", "阳历生日", "公历生日"),
        *("birthday", "birth date", "birthdate", "date of birth", "dob"),
    ),
    "note": (
        "备注",
        "会员备注",
        "备注信息",
        "附注",
        "备注说明",
        "note",
        "notes",
        "remark",
        "remarks",
        "comment",
        "comments",
    ),
    "points": (
        "积分",
        "会员积分",
        "积分余额",
        "当前积分",
        "可用积分",
        "剩余积分",
        "points",
        "points balance",
        "bonus points",
    ),
    "points_expire": (
        "积分到期日",
        "积分有效期",
        "积分到期",
        "积分到期时间",
        "积分失效日期",
        "points expire",
        "points expiry",
    ),
    "principal": (
        *("储值余额", "余额", "卡余额", "账户余额", "会员余额", "储值本金", "本金", "本金余额", "储值金额", "实充余额"),
        *("balance", "principal", "stored value", "account balance", "card balance"),
    ),
    "gift": (
        "赠金",
        "赠送金额",
        "赠送余额",
        "赠额",
        "赠送金",
        "赠金余额",
        "储值赠金",
        "gift",
        "gift balance",
        "bonus balance",
    ),
    "growth": (
        "成长值",
        "会员成长值",
        "成长",
        "累计消费",
        "累计消费金额",
        "消费总额",
        "累积消费",
        "growth",
        "total spent",
    ),
    "level": (
        "等级",
        "会员等级",
        "级别",
        "会员级别",
        "卡类型",
        "会员类型",
        "卡等级",
        "level",
        "tier",
        "member level",
        "grade",
    ),
    "store": (
        "门店",
        "开卡门店",
        "所属门店",
        "入会门店",
        "注册门店",
        "办卡门店",
        "归属门店",
        "店铺",
        "store",
        "shop",
        "branch",
    ),
    "joined": (
        *(
            "注册时间",
            "注册日期",
            "入会时间",
            "入会日期",
            "开卡时间",
            "开卡日期",
            "办卡时间",
            "办卡日期",
            "加入时间",
            "创建时间",
        ),
        *("joined", "joined at", "join date", "registered", "registered at", "created at", "member since"),
    ),
    "status": STATUS,
    "tags": ("标签", "会员标签", "客户标签", "tags", "tag", "labels"),
}
PURCHASES: Final[dict[str, tuple[str, ...]]] = {
    "store": (
        *MEMBERS["store"],
        "门店编号",
        "门店编码",
        "门店名称",
        "消费门店",
        "店号",
        "店铺名称",
        "store code",
        "store name",
    ),
    "status": STATUS,
    "till_no": (
        *(
            "小票号",
            "小票",
            "单号",
            "订单号",
            "流水号",
            "交易号",
            "消费单号",
            "订单编号",
            "单据号",
            "单据编号",
            "交易流水号",
        ),
        *(
            "till_no",
            "till number",
            "receipt",
            "receipt no",
            "receipt number",
            "order no",
            "order number",
            "transaction id",
        ),
    ),
    "card_no": MEMBERS["card_no"],
    "phone": MEMBERS["phone"],
    "name": MEMBERS["name"],
    "total": (
        *(
            "金额",
            "消费金额",
            "订单金额",
            "实付",
            "实付金额",
            "实收",
            "实收金额",
            "交易金额",
            "总金额",
            "支付金额",
            "合计",
        ),
        *("amount", "total", "total amount", "paid", "paid amount", "sum"),
    ),
    "occurred": (
        *(
            "时间",
            "消费时间",
            "交易时间",
            "下单时间",
            "日期",
            "消费日期",
            "交易日期",
            "支付时间",
            "订单时间",
            "创建时间",
        ),
        *("time", "date", "paid at", "order date", "transaction date", "occurred at", "created at"),
    ),
}
NEEDED: Final[dict[str, tuple[tuple[str, ...], ...]]] = {
    "members": (("card_no", "phone"),),
    "purchases": (("card_no", "phone"), ("store",), ("till_no",), ("total",), ("occurred",)),
}
"""By kind of file: of each group at least one column must be there."""
_MAYBE_RECORDS: Final = frozenset(("编号", "会员编号", "会员id", "会员号", "memberid", "memberno", "membernumber"))
"""Titles under which systems write the numbers of their own records too."""
SHORTEST_CARD: Final = 4
MOST_SHORT: Final = 100
NOT_KEPT: Final = frozenset({"name"})
"""Fields of a purchases file that are recognised and of no use there."""
KINDS: Final[dict[str, dict[str, tuple[str, ...]]]] = {"members": MEMBERS, "purchases": PURCHASES}
_FIELD_OF: Final = {
    kind: {title(word): field for field, words in fields.items() for word in words} for kind, fields in KINDS.items()
}


class Column(msgspec.Struct, omit_defaults=True):
    """A column of the file, from 0: its title as it stands there, and what it was taken for; no field: ignored.

    `unit` is that of its amounts where the title names one (`brackets.TIMES`). `why` is the code of a reason to ignore a
    column whose title is known, `said` fills its text.
    """

    place: int
    title: str
    field: str | None
    unit: str = ""
    why: str = ""
    said: str = ""


def titles(kind: str) -> frozenset[str]:
    """All words that this kind of file is known by, folded."""
    return frozenset(_FIELD_OF[kind])


def keys(kind: str) -> frozenset[str]:
    """Words of which a header has at least one: those that name a member."""
    return frozenset(word for word, field in _FIELD_OF[kind].items() if field in NEEDED[kind][0])


def recognised(kind: str, header: Sequence[str], width: int) -> list[Column]:
    """What the columns are, up to the widest line. Raises Invalid for two columns of one field, or a missing one."""
    cells = [*header, *[""] * (width - len(header))]
    columns = [_column(kind, place, text) for place, text in enumerate(cells)]
    first: dict[str, Column] = {}
    for column in columns:
        if column.field is None:
            continue
        other = first.setdefault(column.field, column)
        if other is not column:
            raise Invalid(code="moving.two_columns", where="file", first=other.title, second=column.title)
        if kind == "purchases" and column.field in NOT_KEPT:
            column.field = None
    _check_needed(kind, columns)
    return columns


def _check_needed(kind: str, columns: Sequence[Column]) -> None:
    there = {column.field for column in columns}
    for group in NEEDED[kind]:
        if there.isdisjoint(group):
            words = [KINDS[kind][field][0] for field in group]
            raise Invalid(code="moving.column_missing", where="file", wanted="、".join(words))


def without_running_numbers(kind: str, columns: Sequence[Column], lines: Sequence[Line]) -> None:
    """Ignore a column of cards that may be one of record numbers and is (1, 2, 3 …): no card is that short.

    Raises Invalid where nothing else says who a line is about.
    """
    for column in columns:
        if column.field != "card_no" or title(column.title) not in _MAYBE_RECORDS:
            continue
        numbers = [cells.text(line[column.place]) for _, line in lines if column.place < len(line)]
        numbers = [number for number in numbers if number]
        short = sum(number.isdigit() and len(number) < SHORTEST_CARD for number in numbers)
        if short > MOST_SHORT or short * 2 > len(numbers):
            column.field, column.why = None, "moving.column.short_cards"
            if all(other.field != "phone" for other in columns):
                raise Invalid(code="moving.only_running_numbers", where="file", column=column.title)


def _column(kind: str, place: int, text: str) -> Column:
    """One column: what stands in brackets is harmless, names a unit, or makes it a column that nobody knows."""
    word, words = title_parts(text)
    column = Column(place, text.strip(), _FIELD_OF[kind].get(word))
    if column.field is None:
        return column
    unit, strange = brackets.read(column.field, word, words)
    if strange:
        column.field, column.why, column.said = None, "moving.column.brackets", strange
    elif unit:
        column.unit = unit
    return column
