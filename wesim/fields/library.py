"""The public template libraries of the starting world, as data.

Keys arise as rule + kid (reference §3.2); the kids are chosen so that S1-45..S1-50 come out as written there.
"""

from __future__ import annotations

from wesim.state import Keyword, LibraryTemplate

CATEGORIES: dict[int, str] = {
    303: "商家自营>服装/鞋/箱包",
    307: "商家自营>美妆/洗护",
    321: "餐饮服务>点餐平台",
    670: "工具>会员卡",
    616: "生活服务>线下超市/便利店",
}
MEMBER_CARD = 670
MALL = 303


def _keywords(*rows: tuple[int, str, str, str]) -> tuple[Keyword, ...]:
    return tuple(Keyword(kid, name, rule, example) for kid, name, rule, example in rows)


# tid, title, keywords as (kid, name, rule, example)
_ROWS: tuple[tuple[int, str, tuple[Keyword, ...]], ...] = (
    (
        1101,
        "自动签收提醒",
        _keywords(
            (1, "签收时间", "date", "2020年10月25日 15:01"),
            (2, "订单编号", "character_string", "20201025150100001"),
            (3, "提醒时间", "date", "2020年10月24日 15:01"),
            (4, "温馨提示", "thing", "请尽快确认收货"),
        ),
    ),
    (
        1102,
        "会员消费通知",
        _keywords(
            (1, "会员姓名", "thing", "张三"),
            (2, "消费金额", "amount", "¥100.00"),
            (3, "消费时间", "time", "2020年10月25日 15:01"),
            (4, "卡号", "character_string", "8888000012345678"),
            (5, "温馨提示", "thing", "如非本人消费请联系门店"),
            (6, "消费门店", "thing", "人民路店"),
        ),
    ),
    (
        1103,
        "储值卡消费通知",
        _keywords(
            (1, "卡号", "character_string", "8888000012345678"),
            (2, "温馨提示", "thing", "如非本人消费请联系门店"),
            (3, "消费时间", "time", "2020年10月25日 15:01"),
            (4, "消费金额", "amount", "¥100.00"),
            (5, "账户余额", "amount", "¥899.99"),
        ),
    ),
    (
        1104,
        "账户余额提醒",
        _keywords(
            (1, "温馨提示", "thing", "账户余额发生变动"),
            (2, "流水号", "character_string", "202010251501000001"),
            (3, "变动原因", "thing", "提现"),
            (4, "变动金额", "thing", "-100.00"),
            (5, "当前余额", "amount", "¥999.99"),
        ),
    ),
    (
        1105,
        "交易提醒",
        _keywords(
            (1, "交易类型", "thing", "会员消费"),
            (2, "交易金额", "amount", "¥100.00"),
            (3, "交易时间", "time", "2020年10月25日 15:01"),
            (4, "备注", "thing", "感谢光临"),
            (5, "交易单号", "character_string", "T202010251501"),
        ),
    ),
    (
        1106,
        "充值成功通知",
        _keywords(
            (1, "充值金额", "amount", "¥500.00"),
            (2, "赠送金额", "amount", "¥50.00"),
            (3, "充值时间", "time", "2020年10月25日 15:01"),
            (4, "账户余额", "amount", "¥1550.00"),
            (5, "温馨提示", "thing", "充值已到账"),
            (6, "会员卡号", "character_string", "8888000012345678"),
            (7, "充值门店", "thing", "人民路店"),
        ),
    ),
    (
        1107,
        "积分变动提醒",
        _keywords(
            (1, "变动原因", "thing", "消费赠送"),
            (2, "变动数量", "character_string", "+100"),
            (3, "变动时间", "time", "2020年10月25日 15:01"),
            (4, "当前积分", "number", "1288"),
            (5, "温馨提示", "thing", "积分可兑换好礼"),
            (6, "会员卡号", "character_string", "8888000012345678"),
        ),
    ),
    (
        1115,
        "积分到期提醒",
        _keywords(
            (1, "到期积分", "number", "300"),
            (2, "到期时间", "time", "2020年10月31日 23:59"),
            (3, "当前积分", "number", "1288"),
            (4, "温馨提示", "thing", "积分即将到期，请尽快使用"),
            (5, "会员卡号", "character_string", "8888000012345678"),
        ),
    ),
    (
        1108,
        "优惠券领取成功通知",
        _keywords(
            (1, "优惠券名称", "thing", "满100减20"),
            (2, "券码", "character_string", "CP20201025001"),
            (3, "有效期", "time", "2020年10月25日~2020年11月25日"),
            (4, "领取时间", "time", "2020年10月25日 15:01"),
            (5, "温馨提示", "thing", "请在有效期内使用"),
            (6, "数量", "number", "1"),
        ),
    ),
    (
        1109,
        "优惠券即将过期提醒",
        _keywords(
            (1, "优惠券名称", "thing", "满100减20"),
            (2, "过期时间", "time", "2020年10月25日 23:59"),
            (3, "温馨提示", "thing", "您的优惠券即将过期"),
            (4, "数量", "number", "2"),
            (5, "会员姓名", "thing", "张三"),
        ),
    ),
    (
        1110,
        "会员等级变更通知",
        _keywords(
            (1, "变更前等级", "phrase", "银卡会员"),
            (2, "变更后等级", "phrase", "金卡会员"),
            (3, "变更时间", "time", "2020年10月25日 15:01"),
            (4, "变更原因", "thing", "成长值达标"),
            (5, "温馨提示", "thing", "恭喜升级"),
        ),
    ),
    (
        1111,
        "积分到期提醒",
        _keywords(
            (1, "到期积分", "number", "200"),
            (2, "到期时间", "date", "2020年12月31日"),
            (3, "当前积分", "number", "1288"),
            (4, "温馨提示", "thing", "请尽快使用"),
        ),
    ),
    (
        1112,
        "退款成功通知",
        _keywords(
            (1, "退款金额", "amount", "¥100.00"),
            (2, "退款时间", "time", "2020年10月25日 15:01"),
            (3, "退款原因", "thing", "顾客退货"),
            (4, "订单编号", "character_string", "20201025150100001"),
            (5, "账户余额", "amount", "¥1099.99"),
        ),
    ),
    (
        1113,
        "会员加入成功通知",
        _keywords(
            (1, "会员姓名", "name", "张三"),
            (2, "会员卡号", "character_string", "8888000012345678"),
            (3, "加入时间", "time", "2020年10月25日 15:01"),
            (4, "手机号", "phone_number", "13800000000"),
            (5, "温馨提示", "thing", "欢迎加入"),
        ),
    ),
    (
        1114,
        "订单状态通知",
        (
            *_keywords(
                (1, "订单编号", "character_string", "20201025150100001"),
                (3, "更新时间", "time", "2020年10月25日 15:01"),
                (4, "备注", "thing", "请到店自提"),
            ),
            Keyword(2, "订单状态", "enum_string", "待自提", ("待付款", "待自提", "已完成", "已取消")),
        ),
    ),
)
# Templates of shops that sell online; category "商家自营".
_MALL_ROWS: tuple[tuple[int, str, tuple[Keyword, ...]], ...] = (
    (
        1201,
        "订单提交成功通知",
        _keywords(
            (1, "订单编号", "character_string", "20201025150100001"),
            (2, "商品名称", "thing", "茉莉花茶"),
            (3, "订单金额", "amount", "¥100.00"),
            (4, "提交时间", "time", "2020年10月25日 15:01"),
            (5, "温馨提示", "thing", "请尽快支付"),
            (6, "支付截止时间", "time", "2020年10月25日 15:31"),
        ),
    ),
    (
        1202,
        "订单支付成功通知",
        _keywords(
            (1, "订单编号", "character_string", "20201025150100001"),
            (2, "商品名称", "thing", "茉莉花茶"),
            (3, "支付金额", "amount", "¥100.00"),
            (4, "支付时间", "time", "2020年10月25日 15:01"),
            (5, "温馨提示", "thing", "我们会尽快发货"),
            (6, "支付单号", "character_string", "4200002020102500001"),
        ),
    ),
    (
        1203,
        "订单发货通知",
        _keywords(
            (1, "订单编号", "character_string", "20201025150100001"),
            (2, "商品名称", "thing", "茉莉花茶"),
            (3, "物流公司", "thing", "顺丰速运"),
            (4, "物流单号", "character_string", "SF1234567890123"),
            (5, "发货时间", "time", "2020年10月25日 15:01"),
            (6, "收货人", "thing", "张三"),
        ),
    ),
    (
        1204,
        "提现成功通知",
        _keywords(
            (1, "提现单号", "character_string", "W20201025001"),
            (2, "提现金额", "amount", "¥100.00"),
            (3, "提现方式", "thing", "微信零钱"),
            (4, "到账时间", "time", "2020年10月25日 15:01"),
            (5, "账户余额", "amount", "¥899.99"),
            (6, "温馨提示", "thing", "请注意查收"),
        ),
    ),
    (
        1205,
        "优惠券发放通知",
        _keywords(
            (1, "优惠券名称", "thing", "满100减20"),
            (2, "券码", "character_string", "CP20201025001"),
            (3, "发放时间", "time", "2020年10月25日 15:01"),
            (4, "有效期", "time", "2020年11月25日 23:59"),
            (5, "温馨提示", "thing", "请在有效期内使用"),
        ),
    ),
    (
        1206,
        "新订单通知",
        _keywords(
            (1, "订单编号", "character_string", "20201025150100001"),
            (2, "商品名称", "thing", "茉莉花茶"),
            (3, "订单金额", "amount", "¥100.00"),
            (4, "买家姓名", "thing", "张三"),
            (5, "付款时间", "time", "2020年10月25日 15:01"),
            (6, "备注", "thing", "请尽快发货"),
        ),
    ),
)
LONG_TERM_TID = 2101


def _entries() -> list[LibraryTemplate]:
    rows = [(MEMBER_CARD, row) for row in _ROWS] + [(MALL, row) for row in _MALL_ROWS]
    return [LibraryTemplate(str(tid), title, category, kws) for category, (tid, title, kws) in rows]


def mini_library() -> dict[str, LibraryTemplate]:
    """Subscribe templates; tid 2101 is a long-term one (type 3)."""
    rows = {entry.id: entry for entry in _entries()}
    queue = _keywords((1, "就诊人", "name", "张三"), (2, "就诊时间", "time", "15:01"), (3, "科室", "thing", "内科"))
    rows[str(LONG_TERM_TID)] = LibraryTemplate(str(LONG_TERM_TID), "就诊提醒", MEMBER_CARD, queue, type=3)
    return rows


def oa_library() -> dict[str, LibraryTemplate]:
    """Category templates of service accounts: same titles, numbered 41101…, and one historical number."""
    rows = {f"4{one.id}": LibraryTemplate(f"4{one.id}", one.title, one.category, one.keywords) for one in _entries()}
    old = _keywords((1, "会员卡号", "thing", "8888"), (2, "时间", "thing", "今天"))
    rows["OPENTM207791277"] = LibraryTemplate("OPENTM207791277", "消费通知", MEMBER_CARD, old, historical=True)
    return rows


INDUSTRIES: dict[str, tuple[str, str]] = {
    str(code): pair
    for code, pair in enumerate(
        [
            ("IT科技", "互联网|电子商务"),
            ("IT科技", "IT软件与服务"),
            ("IT科技", "IT硬件与设备"),
            ("IT科技", "电子技术"),
            ("IT科技", "通信与运营商"),
            ("IT科技", "网络游戏"),
            ("金融业", "银行"),
            ("金融业", "证券|基金|理财|信托"),
            ("金融业", "保险"),
            ("餐饮", "餐饮"),
            ("酒店旅游", "酒店"),
            ("酒店旅游", "旅游"),
            ("运输与仓储", "快递"),
            ("运输与仓储", "物流"),
            ("运输与仓储", "仓储"),
            ("教育", "培训"),
            ("教育", "院校"),
            ("政府与公共事业", "学术科研"),
            ("政府与公共事业", "交警"),
            ("政府与公共事业", "博物馆"),
            ("政府与公共事业", "公共事业|非盈利机构"),
            ("医药护理", "医药医疗"),
            ("医药护理", "护理美容"),
            ("医药护理", "保健与卫生"),
            ("交通工具", "汽车相关"),
            ("交通工具", "摩托车相关"),
            ("交通工具", "火车相关"),
            ("交通工具", "飞机相关"),
            ("房地产", "建筑"),
            ("房地产", "物业"),
            ("消费品", "消费品"),
            ("商业服务", "法律"),
            ("商业服务", "会展"),
            ("商业服务", "中介服务"),
            ("商业服务", "认证"),
            ("商业服务", "审计"),
            ("文体娱乐", "传媒"),
            ("文体娱乐", "体育"),
            ("文体娱乐", "娱乐休闲"),
            ("印刷", "印刷"),
            ("其它", "其它"),
        ],
        start=1,
    )
}
