"""A shop moves in from a spreadsheet with balances: what is understood, what is asked, what comes of it, who signs it."""

import csv
import io
from pathlib import Path
from typing import Any

from openpyxl import Workbook
from playwright.sync_api import Page, expect

from tests.browser.console.pages import rows, told, wider_than_screen
from tests.browser.readers import faults_of
from tests.browser.stage import Shop, Stage
from tests.browser.watch import login

HEAD = [
    "会员编号",
    "会员姓名",
    "联系电话(必填)",
    "生日",
    "积分",
    "储值余额",
    "赠送金额",
    "等级",
    "开卡门店",
    "标签",
    "微信昵称",
]
OLD: list[list[Any]] = [
    ["云溪茶馆会员表 2026-11"],
    HEAD,
    ["00001236", "林小满", 13800000001, "1990年5月7日", 1288, 356.5, 20, "金卡", "人民路店", "老客 茶友", "xm"],
    ["VIP0002", "陈一鸣", "138 0000 0002", "农历八月十五", 100, 0, 0, "", "", "", ""],
    [6088123412341230, "王思远", 13800000003, None, 50, 10, None, "", "", "", ""],
]
LEVELS = [
    {"code": "normal", "name": "普通会员", "growth": 0, "rate_bp": 10_000},
    {"code": "gold", "name": "金卡", "growth": 5_000, "rate_bp": 15_000},
]


def workbook(folder: Path) -> Path:
    made = Workbook()
    assert made.active is not None
    made.active.title = "会员"
    for row in OLD:
        made.active.append(row)
    path = folder / "old-shop.xlsx"
    made.save(path)
    return path


def test_a_shop_moves_in_from_a_spreadsheet_with_balances(stage: Stage, shop: Shop, page: Page, tmp_path: Path) -> None:
    # given: a shop with a store and levels, and the sheet of the system that it leaves
    shop.store()
    rules = shop.api.get("/api/console/loyalty/rules") | {"levels": LEVELS}
    shop.api.put("/api/console/loyalty/rules", rules)
    login(page, stage, shop.admin, "/members")
    page.get_by_role("link", name="导入").first.click()

    # when: the file is chosen
    page.locator('input[type="file"]').set_input_files(workbook(tmp_path))

    # then: how it is understood, column by column, and nothing is written
    expect(page.get_by_role("heading", name="这样理解您的文件")).to_be_visible()
    expect(page.get_by_text("Excel 表格，读取工作表“会员”，表头在第 2 行")).to_be_visible()
    columns = page.locator(".columns li")
    expect(columns).to_have_count(11)
    expect(columns.nth(0)).to_contain_text("会员编号→卡号")
    expect(columns.nth(10)).to_contain_text("微信昵称→忽略")
    expect(page.locator(".counts b")).to_have_text(["2", "0", "0", "1"])
    expect(rows(page)).to_have_count(2)
    expect(rows(page).nth(0)).to_contain_text("“生日”看不懂，不导入这一格：农历八月十五")
    expect(rows(page).nth(1)).to_contain_text("“卡号”是超过 15 位的数字")
    assert shop.api.get("/api/console/members")["items"] == []
    assert faults_of(page) == []

    # then: what is troubled can be taken along
    with page.expect_download() as download:
        page.get_by_role("link", name="下载核对结果").click()
    report = list(csv.reader(io.StringIO(Path(download.value.path()).read_text("utf-8-sig"))))
    assert [line[:2] for line in report] == [["行", "结果"], ["4", "新增"], ["5", "拒绝"]]
    page.get_by_text("全部 3").click()
    expect(rows(page)).to_have_count(3)
    expect(rows(page).nth(0)).to_contain_text("积分 1288，储值本金 ¥356.50，赠金 ¥20.00，成长值 5,000，等级 金卡")

    # when: what is lost is agreed to
    start = page.get_by_role("button", name="导入 2 行")
    expect(start).to_be_disabled()
    page.get_by_text("同意：有 1 行的部分内容不会导入").click()
    start.click()

    # then: done, the sums agree, and somebody signs for what was refused
    expect(page.get_by_role("heading", name="平衡报告")).to_be_visible()
    expect(page.locator(".counts b")).to_have_text(["2", "0", "0", "1"])
    principal = page.get_by_role("region", name="平衡报告").get_by_role("row", name="储值本金")
    expect(principal).to_contain_text("¥366.50")
    expect(principal).to_contain_text("¥356.50")
    expect(principal).to_contain_text("相符")
    sign = page.get_by_role("button", name="签字确认")
    expect(sign).to_be_disabled()
    page.get_by_text("我知道被拒绝的金额没有入账，这是对的").click()
    sign.click()
    told(page, "已签字确认")
    expect(page.locator(".signed")).to_contain_text("签字确认")
    assert faults_of(page) == []
    page.set_viewport_size({"width": 390, "height": 844})
    assert wider_than_screen(page) <= 0

    # then: the member has what they had, with tags, and it is called an opening; nobody got a message
    page.set_viewport_size({"width": 1280, "height": 800})
    page.goto(f"{stage.console}/members?tag=茶友")
    page.get_by_role("link", name="林小满").click()
    expect(page.locator(".member-card")).to_contain_text("00001236")
    expect(page.locator(".member-card")).to_contain_text("¥376.50")
    expect(page.get_by_text("茶友", exact=True)).to_be_visible()
    page.get_by_role("tab", name="账目").click()
    expect(page.get_by_role("tabpanel").get_by_text("期初（搬家）")).to_be_visible()
    assert shop.api.get("/api/console/messaging/deliveries")["items"] == []

    # then: it is among the past imports
    page.goto(f"{stage.console}/members/import")
    expect(rows(page)).to_have_count(1)
    expect(rows(page).first).to_contain_text("已完成")


def test_a_file_that_is_no_table_of_members_is_refused_in_words(
    stage: Stage, shop: Shop, page: Page, tmp_path: Path
) -> None:
    file = tmp_path / "other.csv"
    file.write_text("a,b\n1,2\n")
    login(page, stage, shop.admin, "/members/import")
    page.locator('input[type="file"]').set_input_files(file)
    expect(page.get_by_role("alert")).to_have_text("前 10 行里没有找到带“卡号”或“手机号”的表头，找到的是：a、b")
    with page.expect_download() as download:
        page.get_by_role("button", name="下载表格模板").click()
    head = Path(download.value.path()).read_text("utf-8-sig").splitlines()[0]
    assert head == "卡号,姓名,手机号,生日,积分,积分到期日,储值本金,赠金,成长值,等级,门店,注册时间,状态,标签,备注"
    assert shop.api.get("/api/console/imports")["items"] == []


def test_card_numbers_are_made_up_only_when_somebody_agrees(
    stage: Stage, shop: Shop, page: Page, tmp_path: Path
) -> None:
    file = tmp_path / "phones.csv"
    file.write_bytes("姓名,手机号\n赵一,13800000011\n".encode("gb18030"))
    login(page, stage, shop.admin, "/members/import")
    page.locator('input[type="file"]').set_input_files(file)
    start = page.get_by_role("button", name="导入 1 行")
    expect(start).to_be_disabled()
    expect(page.get_by_text("文本文件，编码 GB18030，用逗号分隔，表头在第 1 行")).to_be_visible()
    page.get_by_text("同意为 1 位新会员编新卡号").click()
    start.click()
    expect(page.get_by_text("已新增会员")).to_be_visible()
    assert [one["name"] for one in shop.api.get("/api/console/members")["items"]] == ["赵一"]
