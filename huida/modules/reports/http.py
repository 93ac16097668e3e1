"""The console's first page: `/api/console/overview` and `/api/console/checklist`."""

from huida.kernel.db import ReadTx
from huida.kernel.intake.door import Router
from huida.kernel.web import staff_read
from huida.modules.reports import queries
from huida.modules.reports.views import Checklist, Overview

console = Router(prefix="/api/console", tags=["console"])


@console.get("/overview")
async def overview(tx: ReadTx = staff_read("overview.view")) -> Overview:
    """Today and yesterday, two weeks of messages, the month's SMS, and what needs a person."""
    return await queries.overview(tx)


@console.get("/checklist")
async def checklist(tx: ReadTx = staff_read("overview.view")) -> Checklist:
    """The steps from nothing to the first real message."""
    return await queries.checklist(tx)
