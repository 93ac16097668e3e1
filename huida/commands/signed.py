"""A backup says who made it: behind the dump stands an HMAC under the master key, over every byte before it (R-08).

The file stays one that PostgreSQL's own `pg_restore` reads: what follows the dump does not concern it.
"""

import hmac
import os
from pathlib import Path
from typing import Final

from huida.commands.screen import Failure

MAGIC: Final = b"\nHUIDA-SIGNED-1 "
LENGTH: Final = len(MAGIC) + 64 + 1
PURPOSE: Final = b"huida backup 1"
PIECE: Final = 1 << 20


def sign(file: Path, master_key: bytes) -> None:
    """Append the signature, and have the whole file on the disk."""
    mac = _mac(file, file.stat().st_size, master_key)
    with file.open("ab") as end:
        end.write(MAGIC + mac.encode() + b"\n")
        end.flush()
        os.fsync(end.fileno())


def check(file: Path, master_key: bytes) -> None:
    """Raises Failure for a file without a signature, and for one that was changed or made under another key."""
    size = file.stat().st_size - LENGTH
    with file.open("rb") as dump:
        dump.seek(max(size, 0))
        end = dump.read()
    if size < 0 or not end.startswith(MAGIC):
        raise Failure("cli.backup_unsigned", file=file.name)
    if not hmac.compare_digest(end, MAGIC + _mac(file, size, master_key).encode() + b"\n"):
        raise Failure("cli.backup_changed", file=file.name)


def _mac(file: Path, size: int, master_key: bytes) -> str:
    """Of so many bytes of the file, in hex."""
    made = hmac.new(hmac.digest(master_key, PURPOSE, "sha256"), digestmod="sha256")
    with file.open("rb") as dump:
        while size > 0 and (piece := dump.read(min(PIECE, size))):
            made.update(piece)
            size -= len(piece)
    return made.hexdigest()
