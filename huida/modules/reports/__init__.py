"""Reports: what a merchant sees first, the overview and the set-up checklist.

Owns: message_days, report_marks (counts of closed days, so that a screen never counts months of messages). Reads any
table, writes none but its own, and changes nothing of anybody. Facts: none.
"""

from huida.modules.reports.models import MessageDay, ReportMark
from huida.modules.reports.reactions import work

__all__ = ["MessageDay", "ReportMark", "work"]
