"""Moving in: members with what they bring, and purchases of earlier years, from the files of another system.

Owns: imports, import_lines. A file is understood first (columns, values, what would be lost), then carried out by a worker
in portions; openings stand in the ledger once, and nobody is told (B-01 to B-04, B-23, G-04).
Facts: OpeningsBooked, HistoryLoaded, BalanceSigned (and members' MembersImported).
"""

from huida.modules.moving.facts import BalanceSigned, HistoryLoaded, OpeningsBooked
from huida.modules.moving.forgetting import keys_of, wipe
from huida.modules.moving.models import Import, ImportLine
from huida.modules.moving.reactions import work

__all__ = ["BalanceSigned", "HistoryLoaded", "Import", "ImportLine", "OpeningsBooked", "keys_of", "wipe", "work"]
