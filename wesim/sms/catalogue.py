"""The documented SMS accounts: credentials, signatures and templates that exist in every fresh world."""

from __future__ import annotations

from wesim.sms.texts import CODE, NOTICE, PROMOTION

ALIYUN_KEY_ID = "wesimAliyunKeyId01"
ALIYUN_KEY_SECRET = "wesimAliyunKeySecret0000000001"  # noqa: S105
TENCENT_SECRET_ID = "wesimTencentSecretId01"  # noqa: S105
TENCENT_SECRET_KEY = "wesimTencentSecretKey000000001"  # noqa: S105
TENCENT_SDK_APP_ID = "1400000001"

LINK_HOST = "hd.example"
"""The short-link domain inside the template texts. `Settings.dns` says where it really is."""

REVIEWING, APPROVED, REJECTED, WITHDRAWN = 0, 1, 2, 10

SIGNS = (
    ("会达", APPROVED, ""),
    ("会达小店", APPROVED, ""),
    ("会达审核中", REVIEWING, ""),
    ("会达被驳回", REJECTED, "签名与资质不符"),
)

_LINK = f"https://{LINK_HOST}/s/${{code}}"
_SHORT = f"{LINK_HOST}/s/${{code}}"
"""Phones know an address by its domain; without its scheme the text has room for what people want to read: the amount."""

# code, kind, name, content. p1: last four digits of the card number, p2: time (S1-113); p3 and code as named.
ALIYUN_TEMPLATES = (
    ("SMS_100000001", CODE, "登录验证码", "您的验证码为${code}，5分钟内有效，请勿泄露给他人。"),
    ("SMS_100000002", NOTICE, "会员消费通知", f"您尾号${{p1}}的会员卡于${{p2}}消费成功，详情 {_LINK} "),
    ("SMS_100000003", NOTICE, "会员充值通知", f"您尾号${{p1}}的会员卡于${{p2}}充值成功，详情 {_LINK} "),
    ("SMS_100000004", NOTICE, "积分变动通知", f"您尾号${{p1}}的会员卡积分于${{p2}}发生变动，详情 {_LINK} "),
    ("SMS_100000005", NOTICE, "余额变动通知", f"您尾号${{p1}}的会员卡余额于${{p2}}发生变动，详情 {_LINK} "),
    ("SMS_100000006", NOTICE, "储值消费通知", f"您尾号${{p1}}的会员卡于${{p2}}使用储值消费，详情 {_LINK} "),
    ("SMS_100000007", NOTICE, "优惠券到账通知", f"您尾号${{p1}}的会员卡于${{p2}}有一张券到账，详情 {_LINK} "),
    ("SMS_100000008", NOTICE, "优惠券未使用提醒", f"您尾号${{p1}}的会员卡有券未使用，请在${{p2}}前使用，详情 {_LINK} "),
    ("SMS_100000009", NOTICE, "优惠券即将到期", f"您尾号${{p1}}的会员卡有券将于${{p2}}到期，详情 {_LINK} "),
    ("SMS_100000010", NOTICE, "入会成功通知", f"您尾号${{p1}}的会员卡已于${{p2}}开通，详情 {_LINK} "),
    ("SMS_100000011", NOTICE, "等级变动通知", f"您尾号${{p1}}的会员卡等级于${{p2}}发生变动，详情 {_LINK} "),
    (
        "SMS_100000012",
        PROMOTION,
        "会员活动",
        f"尾号${{p1}}的会员您好，会员日活动${{p2}}开始，点击 {_LINK} 参加，拒收请回复R",
    ),
    ("SMS_100000013", NOTICE, "订单状态通知", f"您尾号${{p1}}的会员卡的订单于${{p2}}有新进展，详情 {_LINK} "),
    # One part each, with room for a longer signature and domain; p3 is the amount, or the points.
    ("SMS_100000014", NOTICE, "会员消费通知（含金额）", f"尾号${{p1}}于${{p2}}消费${{p3}}元 {_SHORT} "),
    ("SMS_100000015", NOTICE, "会员充值通知（含金额）", f"尾号${{p1}}于${{p2}}充值${{p3}}元 {_SHORT} "),
    ("SMS_100000016", NOTICE, "积分变动通知（含积分）", f"尾号${{p1}}于${{p2}}积分变动${{p3}} {_SHORT} "),
    ("SMS_100000017", NOTICE, "余额变动通知（含金额）", f"尾号${{p1}}于${{p2}}余额变动${{p3}}元 {_SHORT} "),
    ("SMS_100000018", NOTICE, "储值消费通知（含金额）", f"尾号${{p1}}于${{p2}}储值消费${{p3}}元 {_SHORT} "),
    ("SMS_100000019", NOTICE, "优惠券到账通知（短）", f"尾号${{p1}}于${{p2}}收到一张优惠券 {_SHORT} "),
    ("SMS_100000020", NOTICE, "优惠券未使用提醒（短）", f"尾号${{p1}}有券未用，${{p2}}到期 {_SHORT} "),
    ("SMS_100000021", NOTICE, "订单签收提醒（短）", f"尾号${{p1}}的订单将于${{p2}}自动签收 {_SHORT} "),
)


def tencent_templates() -> list[tuple[str, int, str, str]]:
    """The same texts with positions. No promotions: Tencent approves none for coupons and points (382/39023)."""
    found = []
    for number, (_code, kind, name, content) in enumerate(ALIYUN_TEMPLATES, start=1):
        if kind == PROMOTION:
            continue
        text = content.replace("${p1}", "{1}").replace("${p2}", "{2}").replace("${p3}", "{3}")
        text = text.replace("${code}", "{1}" if kind == CODE else "{4}" if "${p3}" in content else "{3}")
        found.append((str(2_000_000 + number), kind, name, text))
    return found
