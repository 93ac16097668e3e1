"""Parts of the console as a person uses them."""

from playwright.sync_api import Locator, Page, expect


def field(page: Page | Locator, label: str) -> Locator:
    return page.get_by_label(label, exact=True)


def dialog(page: Page, title: str) -> Locator:
    found = page.get_by_role("dialog", name=title)
    expect(found).to_be_visible()
    return found


def agree(page: Page, verb: str) -> None:
    """Agree to what a confirmation asks."""
    page.locator(".el-message-box").get_by_role("button", name=verb).click()


def told(page: Page, text: str) -> None:
    expect(page.locator(".el-message").filter(has_text=text)).to_be_visible()


def choose(page: Page, select: Locator, option: str) -> None:
    """Open a select and take an option by its words."""
    box = select.and_(page.get_by_role("combobox"))
    listed = box.get_attribute("aria-controls")
    box.locator("xpath=ancestor::div[contains(@class, 'el-select__wrapper')]").click()
    options = page.locator(f'[id="{listed}"]')
    options.get_by_role("option", name=option).first.click()


def pick_member(page: Page, scope: Locator, typed: str, shown: str) -> None:
    """Search in the member picker of a form and take the first that shows these words."""
    box = scope.get_by_role("combobox", name="会员", exact=True).or_(scope.get_by_label("选择会员")).first
    box.click()
    box.fill(typed)
    page.get_by_role("option", name=shown).locator("visible=true").first.click()


def rows(page: Page | Locator) -> Locator:
    return page.locator(".el-table__body-wrapper tbody tr")


def wider_than_screen(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
