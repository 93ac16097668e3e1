"""Variable assignment: what a merchant writes for each field of a template, checked before it is saved, rendered fast.

A value mixes text with `{{variables}}` of the scenario's library. A field's type says what it can carry: a mapping whose
source could break the limit is refused at save (S1-71); what may be shortened is fitted when a message is made.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from huida.kernel.clock import SHOP_ZONE
from huida.kernel.money import yuan
from huida.modules.messaging.catalogue import CODE, INT, MONEY, NAME, SIGNED_MONEY, TEXT, TIME, TIP, Scenario, Variable
from huida.providers.wechat.params import Field, Kind, Unfittable, check, fit

# A name begins and ends with a letter that is no space, so that spaces can be read in one way only: three parts that all
# take spaces are cubic.
TOKEN = re.compile(r"\{\{\s*([^{}\s](?:[^{}]*[^{}\s])?)\s*\}\}")

ALLOWED: Mapping[Kind, frozenset[str]] = {
    Kind.THING: frozenset({TEXT, NAME, CODE, MONEY, SIGNED_MONEY, INT, TIME}),
    Kind.TEXT: frozenset({TEXT, NAME, CODE, MONEY, SIGNED_MONEY, INT, TIME}),
    Kind.SHORT_THING: frozenset({TEXT, NAME, CODE, MONEY, SIGNED_MONEY, INT}),
    Kind.CHARACTER_STRING: frozenset({CODE, MONEY, SIGNED_MONEY, INT, TIME}),
    Kind.NUMBER: frozenset({INT, MONEY, SIGNED_MONEY}),
    Kind.AMOUNT: frozenset({MONEY}),
    Kind.TIME: frozenset({TIME}),
    Kind.DATE: frozenset({TIME}),
    Kind.NAME: frozenset({NAME}),
    Kind.PHRASE: frozenset(),
    Kind.LETTER: frozenset(),
    Kind.SYMBOL: frozenset(),
    Kind.PHONE_NUMBER: frozenset(),
    Kind.CAR_NUMBER: frozenset(),
    Kind.ENUM: frozenset(),
    Kind.CONST: frozenset(),
}
"""Which variable types a field type can carry at all. A signed amount is text, never an amount field (S1-49)."""

SHORTENED = frozenset({Kind.THING, Kind.TEXT, Kind.SHORT_THING, Kind.NAME})
"""Field types whose value may be shortened; in all others a value that is too long would be a lie."""

LONGEST: Mapping[str, str] = {CODE: "8" * 20, MONEY: "1" * 9, SIGNED_MONEY: "-" + "1" * 9, INT: "-" + "9" * 9}
"""The longest values by type that a field which cannot be shortened must be able to carry."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why one field of a mapping cannot be saved; `code` has a text in every language."""

    field: str
    code: str
    detail: str = ""
    limit: int = 0
    nearest: str = ""


LOOSE = re.compile(r"(?<!\{)(\{\{?)\s*([^{}\s](?:[^{}]{0,58}[^{}\s])?)\s*(\}\}?)(?!\})")


def normal(scenario: Scenario, value: str) -> str:
    """`{order_no}`, `{{order_no}}` and `{订单编号}` are the same variable (S2-28)."""
    keys = {name: v.key for v in scenario.variables for name in (v.key, v.label, v.label_en)}

    def canonical(found: "re.Match[str]") -> str:
        if len(found[1]) != len(found[3]):
            return found[0]
        return f"{{{{{keys.get(found[2], found[2])}}}}}"

    return LOOSE.sub(canonical, value)


def nearest(scenario: Scenario, name: str) -> str:
    """The label of the variable that somebody may have meant; empty when none is near (S2-31)."""
    labels = {given: v.label for v in scenario.variables for given in (v.key, v.label, v.label_en)}
    close = difflib.get_close_matches(name, labels, n=1, cutoff=0.8)
    return labels[close[0]] if close else ""


def tokens(value: str) -> list[str]:
    return TOKEN.findall(value)


def check_mapping(
    scenario: Scenario,
    fields: Sequence[Field],
    mapping: Mapping[str, str],
    choices: Mapping[str, Sequence[str]] | None = None,
) -> list[Trouble]:
    """Everything that is wrong with a mapping, by field; empty when it can be saved (S1-70, S1-71)."""
    troubles = [Trouble(key, "messaging.field_unknown") for key in mapping if key not in {f.key for f in fields}]
    for field in fields:
        value = normal(scenario, mapping.get(field.key, "").strip())
        if not value:
            troubles.append(Trouble(field.key, "messaging.field_empty", field.label))
            continue
        names = tokens(value)
        if "{" in TOKEN.sub("", value) or "}" in TOKEN.sub("", value):
            troubles.append(Trouble(field.key, "messaging.variable_broken", field.label))
            continue
        unknown = [name for name in names if name not in scenario.by_key]
        if unknown:
            near = nearest(scenario, unknown[0])
            troubles.append(Trouble(field.key, "messaging.variable_unknown", unknown[0], nearest=near))
            continue
        used = [scenario.by_key[name] for name in names]
        misfit = next((v for v in used if v.type not in ALLOWED[field.kind]), None)
        if misfit is not None:
            troubles.append(Trouble(field.key, "messaging.variable_misfit", misfit.label, 0))
            continue
        trouble = _check_extremes(field, value, used, (choices or {}).get(field.key, ()))
        if trouble is not None:
            troubles.append(trouble)
    return troubles


def _check_extremes(field: Field, value: str, used: Sequence[Variable], choices: Sequence[str]) -> Trouble | None:
    """Try the value with samples and with the longest values of its variables."""
    for longest in (False, True):
        samples = {v.key: LONGEST.get(v.type, v.sample) if longest else v.sample for v in used}
        types = {v.key: v.type for v in used}
        pieces = TOKEN.split(value)
        text = "".join(
            shown(types[piece], samples[piece], field.kind) if place % 2 else piece
            for place, piece in enumerate(pieces)
        )
        if field.kind in SHORTENED:
            try:
                fit(field.kind, text, choices=choices)
            except Unfittable as bad:
                return Trouble(field.key, "messaging.value_misfit", field.label + ":" + bad.trouble)
            continue
        problem = check(field.kind, text if used else _fitted(field.kind, text), choices=choices)
        if problem is not None:
            return Trouble(field.key, "messaging.value_misfit", field.label + ":" + problem.trouble, problem.limit)
    return None


def _fitted(kind: Kind, text: str) -> str:
    try:
        return fit(kind, text)
    except Unfittable:
        return text


def shown(variable_type: str, raw: Any, kind: Kind | None) -> str:
    """A variable's raw value (fen, number, ISO time, text) as this field type shows it."""
    if variable_type in (MONEY, SIGNED_MONEY):
        text = yuan(int(raw))
        if variable_type == SIGNED_MONEY and int(raw) > 0:
            text = text if kind is Kind.NUMBER else "+" + text
        return text if kind in (Kind.NUMBER, Kind.CHARACTER_STRING) else text + "元"
    if variable_type == TIME:
        moment = raw if isinstance(raw, datetime) else datetime.fromisoformat(raw)
        return show_time(moment, kind)
    if variable_type == CODE and kind is Kind.CHARACTER_STRING:
        return str(raw)[:32]
    return str(raw)


def show_time(moment: datetime, kind: Kind | None) -> str:
    local = moment.astimezone(SHOP_ZONE)
    if kind is Kind.CHARACTER_STRING:
        return f"{local.year}-{local.month:02d}-{local.day:02d}/{local.hour:02d}:{local.minute:02d}"
    return f"{local.year}年{local.month:02d}月{local.day:02d}日 {local.hour:02d}:{local.minute:02d}"


def raw_sample(variable: Variable) -> Any:
    """A variable's sample as the raw value that a fact would carry."""
    if variable.type == TIME:
        return datetime.fromisoformat(variable.sample)
    return int(variable.sample) if variable.type in (MONEY, SIGNED_MONEY, INT) else variable.sample


FieldMaker = Callable[[Mapping[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Compiled:
    """A mapping ready to render: for each field its parts, and the variables that it needs."""

    makers: tuple[tuple[str, FieldMaker], ...]
    needs: frozenset[str]

    def render(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Fitted values by key. Raises Unfittable when a value cannot be made (the delivery says which)."""
        return {key: make(values) for key, make in self.makers}


def compile_mapping(scenario: Scenario, fields: Sequence[Field], mapping: Mapping[str, str]) -> Compiled:
    """Turn a saved mapping into makers, one per field, so that a message costs no parsing."""
    needs = {name for value in mapping.values() for name in tokens(value)}
    makers = tuple((f.key, _maker(scenario, f, mapping[f.key].strip())) for f in fields if mapping.get(f.key))
    return Compiled(makers, frozenset(needs))


def _maker(scenario: Scenario, field: Field, value: str) -> FieldMaker:
    kind = field.kind
    parts = TOKEN.split(value)
    if len(parts) == 1:
        fixed = fit(kind, value)
        return lambda _: fixed
    variables = scenario.by_key
    pieces: list[tuple[str, str | None]] = []
    for index, part in enumerate(parts):
        if index % 2:
            pieces.append((part, variables[part].type))
        elif part:
            pieces.append((part, None))
    if len(pieces) == 1:
        name, variable_type = pieces[0]
        assert variable_type is not None
        return _single(kind, name, variable_type)

    def make(values: Mapping[str, Any]) -> str:
        return fitted(kind, "".join(text if t is None else shown(t, values[text], kind) for text, t in pieces))

    return make


def _single(kind: Kind, name: str, variable_type: str) -> FieldMaker:
    """A field that is one variable: the usual case, and the one that must be quick."""
    if variable_type == TIME and kind in (Kind.TIME, Kind.DATE):
        return lambda values: show_time(values[name], kind)  # this form always passes
    if variable_type == MONEY and kind is Kind.AMOUNT:
        return lambda values: _amount(values[name])
    return lambda values: fitted(kind, shown(variable_type, values[name], kind))


def _amount(amount_fen: int) -> str:
    return (
        f"{amount_fen // 100}.{amount_fen % 100:02d}元"
        if 0 <= amount_fen < 10**12
        else fit(Kind.AMOUNT, yuan(amount_fen))
    )


@lru_cache(maxsize=20_000)
def fitted(kind: Kind, text: str) -> str:
    """`fit`, remembered: shop names, tips and card numbers repeat."""
    return fit(kind, text)


LABEL_HINTS: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = (
    (("商品",), ("{{goods}}",)),
    (("物流公司", "快递公司"), ("{{carrier}}",)),
    (("物流单号", "快递单号", "运单号"), ("{{tracking_no}}",)),
    (("订单金额", "支付金额", "付款金额"), ("{{order_total}}", "{{amount}}")),
    (("支付单号", "交易单号"), ("{{transaction_id}}",)),
    (("提现单号",), ("{{withdrawal_no}}",)),
    (("充值单号",), ("{{recharge_no}}",)),
    (("提现方式", "到账方式"), ("{{way}}",)),
    (("退款原因",), ("{{refund_reason}}",)),
    (("支付截止",), ("{{pay_until}}",)),
    (("申请时间",), ("{{asked_at}}",)),
    (("收货人",), ("{{receiver}}",)),
    (("卡号",), ("{{card_no}}",)),
    (("姓名", "会员", "买家"), ("{{member_name}}", "{{buyer_name}}")),
    (("签收时间",), ("{{sign_at}}",)),
    (("提醒时间",), ("{{remind_at}}",)),
    (("到期积分", "过期积分"), ("{{points_expiring}}",)),
    (("有效期", "过期", "到期"), ("{{valid_until}}", "{{expires_at}}")),
    (("时间", "日期"), ("{{time}}",)),
    (("券码",), ("{{coupon_code}}",)),
    (("券",), ("{{coupon_name}}",)),
    (("当前积分", "积分余额", "剩余积分"), ("{{points_after}}",)),
    (("变动数量", "变动积分", "获得积分", "积分"), ("{{points_delta}}",)),
    (("变动金额",), ("{{balance_delta}}", "{{amount}}")),
    (("余额",), ("{{balance_after}}",)),
    (("赠送",), ("{{gift}}",)),
    (("金额",), ("{{amount}}", "{{balance_after}}")),
    (("原因", "类型"), ("{{reason}}", "会员消费")),
    (("流水号", "单号", "编号"), ("{{till_no}}", "{{order_no}}", "{{coupon_code}}", "{{card_no}}")),
    (("门店",), ("{{store_name}}", "{{shop_name}}")),
    (("等级",), ("{{level_name}}",)),
    (("提示", "备注", "说明"), (TIP,)),
)


TIPS: Mapping[str, str] = {
    "points_expiring": "积分即将到期，请尽快使用",
    "order_submitted": "请在支付截止时间前完成支付",
    "order_paid": "我们会尽快为您发货",
    "coupon_given": "请在有效期内使用",
}


def suggest(scenario: Scenario, fields: Sequence[Field]) -> dict[str, str]:
    """A mapping for a template by the labels of its fields; fields that nothing fits are left out."""
    mapping: dict[str, str] = {}
    for field in fields:
        for labels, values in LABEL_HINTS:
            if not any(label in field.label for label in labels):
                continue
            if TIP in values and scenario.code in TIPS:
                values = (TIPS[scenario.code],)
            good = next((v for v in values if not check_mapping(scenario, [field], {field.key: v})), None)
            if good is not None:
                mapping[field.key] = good
                break
    return mapping
