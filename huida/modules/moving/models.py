"""What was brought in with a file: the import itself, and its lines as they were understood."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, DateTime, Index, Integer, LargeBinary, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned

IMPORT_MOVES = {
    "planned": frozenset({"queued"}),
    "queued": frozenset({"running", "stopped", "done"}),
    "running": frozenset({"stopped", "done"}),
    "stopped": frozenset({"queued"}),
}


class Import(TenantOwned, Base):
    """One file: what was found in it, what was chosen, how far it is, what it did, who signed its balance off.

    `forgotten_at`: its lines are gone since then, or going, so it does not go on.
    """

    __tablename__ = "imports"
    __table_args__ = (
        Index(
            "uq_imports_running",
            "tenant_id",
            unique=True,
            postgresql_where=text("state IN ('queued', 'running')"),
        ),
        CheckConstraint("state IN ('planned', 'queued', 'running', 'stopped', 'done')", name="state"),
    )
    id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(Text)
    file_name: Mapped[str] = mapped_column(Text)
    found: Mapped[Any] = mapped_column(JSONB)
    chosen: Mapped[Any | None] = mapped_column(JSONB)
    total: Mapped[int] = mapped_column(Integer)
    done: Mapped[int] = mapped_column(Integer, server_default="0")
    balance: Mapped[Any | None] = mapped_column(JSONB)
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))
    created_by: Mapped[str] = mapped_column(Text)
    started_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    finished_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    signed_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    signed_by: Mapped[str | None] = mapped_column(Text)
    forgotten_at: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))


class ImportLine(TenantOwned, Base):
    """One line of a file. What it says is sealed, since it names people; lines of one `portion` are carried out together.

    `keys` are keyed hashes of its card and phone: by them a line is found that names somebody who is erased.
    """

    __tablename__ = "import_lines"
    __table_args__ = (
        Index(
            "ix_import_lines_portion",
            "tenant_id",
            "import_id",
            "portion",
            postgresql_where=text("NOT finished"),
        ),
        Index("ix_import_lines_trouble", "tenant_id", "import_id", "number", postgresql_where=text("trouble")),
    )
    import_id: Mapped[UUID] = mapped_column(Uuid, primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    portion: Mapped[int] = mapped_column(Integer)
    status: Mapped[str] = mapped_column(Text)
    trouble: Mapped[bool] = mapped_column(Boolean)
    finished: Mapped[bool] = mapped_column(Boolean, server_default="false")
    member_id: Mapped[UUID | None] = mapped_column(Uuid)
    content_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    keys: Mapped[list[bytes]] = mapped_column(ARRAY(LargeBinary), server_default="{}")
