"""Whether people who do not see the screen, or see it badly, can use a page: what axe finds."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Frame, Page

AXE = Path(__file__).parents[2] / "console" / "node_modules" / "axe-core" / "axe.min.js"
RUN_AXE = """async () => {
  const found = await axe.run(document, { resultTypes: ['violations'] })
  const told = (node) => `${node.target.join(' ')} ${node.html.slice(0, 160)} ${node.failureSummary}`
  return found.violations
    .filter((one) => ['serious', 'critical'].includes(one.impact))
    .map((one) => `${one.id}: ${one.nodes.map(told).join(' | ')}`)
}"""


def faults_of(page: Page | Frame) -> list[str]:
    """Serious and critical accessibility faults of what is shown."""
    assert AXE.exists(), "axe-core is missing: npm ci in console/"
    # Through the debugger: the page's policy allows no scripts but its own.
    page.evaluate(AXE.read_text("utf-8"))
    found: Any = page.evaluate(RUN_AXE)
    return list(found)
