"""Bringing a database to the newest schema; safe to run again and by several processes at once."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import MetaData

from huida.kernel.db import socket_args, sqlalchemy_url

HERE = Path(__file__).resolve().parent.parent


def folder() -> Path:
    """Where the migrations are: inside of an installed package, beside it in the source tree."""
    shipped = HERE / "_migrations"
    return shipped if shipped.is_dir() else HERE.parent / "migrations"


def config(url: str, metadata: MetaData | None = None) -> Config:
    """Alembic's configuration for a database address; `metadata` only for drift checks and new migrations."""
    settings = Config()
    settings.set_main_option("script_location", str(folder()))
    settings.attributes["url"] = sqlalchemy_url(url)
    settings.attributes["connect_args"] = socket_args(url)
    settings.attributes["metadata"] = metadata
    return settings


def upgrade(url: str) -> None:
    """Upgrade to the newest revision, one transaction per migration."""
    command.upgrade(config(url), "head")
