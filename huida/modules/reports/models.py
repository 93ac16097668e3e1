"""Counts of closed days."""

from datetime import date

from sqlalchemy import BigInteger, Date, Text
from sqlalchemy.orm import Mapped, mapped_column

from huida.kernel.db import Base, TenantOwned


class MessageDay(TenantOwned, Base):
    """Messages of one of the shop's days by channel and state, as last counted."""

    __tablename__ = "message_days"
    day: Mapped[date] = mapped_column(Date, primary_key=True)
    channel: Mapped[str] = mapped_column(Text, primary_key=True)
    state: Mapped[str] = mapped_column(Text, primary_key=True)
    count: Mapped[int] = mapped_column(BigInteger)
    parts: Mapped[int] = mapped_column(BigInteger)
    cost_fen: Mapped[int] = mapped_column(BigInteger)


class ReportMark(TenantOwned, Base):
    """Up to which day, inclusive, `message_days` is complete; later days are counted when somebody looks."""

    __tablename__ = "report_marks"
    counted_until: Mapped[date] = mapped_column(Date)
