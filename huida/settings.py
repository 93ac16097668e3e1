"""All settings, read once from the environment by `main` and the command line; every one has a working default."""

import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final

ORIGIN: Final = re.compile(r"https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:\d{1,5})?")


@dataclass(frozen=True)
class Settings:
    """`HUIDA_<NAME>` in the environment sets the field of that name."""

    database_url: str = ""
    """PostgreSQL ≥ 15 for the app's role (no superuser). Empty: the embedded server in `data_dir`."""
    migrate_url: str = ""
    """The owner's address for migrations, backups and invariants. Empty: `database_url`."""
    data_dir: Path = Path("var")
    database_give_up_s: float = 180.0
    """How long the embedded server may refuse to start again before the process ends with an error."""
    host: str = "127.0.0.1"
    port: int = 8800
    metrics_host: str = "127.0.0.1"
    metrics_port: int = 0
    """Where `serve` shows its figures to Prometheus: never where people come in. 0: nowhere."""
    public_url: str = "http://127.0.0.1:8800"
    """Where WeChat and members reach this server."""
    member_url: str = ""
    """The member centre's address; empty: `public_url` + `/h5/`."""
    trusted_proxies: str = "127.0.0.1"
    """Addresses of the web servers in front, with commas: only their `X-Forwarded-For` and `-Proto` are believed."""
    master_key: str = ""
    """64 hex digits; seals secrets and phones. Empty: kept in `data_dir`/master.key (made on first use, mode 0600)."""
    wechat_api_url: str = "https://api.weixin.qq.com"
    wechat_open_url: str = "https://open.weixin.qq.com"
    wechat_pages_url: str = "https://mp.weixin.qq.com"
    wechat_pay_url: str = "https://api.mch.weixin.qq.com"
    aliyun_sms_url: str = "https://dysmsapi.aliyuncs.com"
    tencent_sms_url: str = "https://sms.tencentcloudapi.com"
    simulator_url: str = ""
    """The simulator's origin, when it stands in for WeChat: it may frame the member centre, and the console says so."""
    send_rate_per_s: float = 5000.0
    """Sends per second and app; WeChat documents no figure, so it is ours to set (docs/guide/connect-wechat.md)."""
    streams: int = 4
    pool_size: int = 16
    log_json: bool = False
    log_level: str = "info"
    wesim_port: int = 8900

    def __post_init__(self) -> None:
        """Raises ValueError for a simulator that could let strangers frame the member centre."""
        if self.simulator_url and not ORIGIN.fullmatch(self.simulator_url):
            raise ValueError("HUIDA_SIMULATOR_URL must be http:// or https://, a host and a port, and nothing more")
        if self.simulator_url and self.wechat_api_url == Settings.wechat_api_url:
            raise ValueError("HUIDA_SIMULATOR_URL is set, but HUIDA_WECHAT_API_URL is the real WeChat: unset the first")

    @property
    def member_centre(self) -> str:
        return self.member_url or f"{self.public_url}/h5/"

    def master(self) -> bytes:
        """The 32 bytes that seal everything. Raises ValueError for a key of another length."""
        if self.master_key:
            key = bytes.fromhex(self.master_key)
        else:
            path = self.data_dir / "master.key"
            if not path.exists():
                self.data_dir.mkdir(parents=True, exist_ok=True)
                handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "w") as file:
                    file.write(secrets.token_hex(32))
            key = bytes.fromhex(path.read_text().strip())
        if len(key) != 32:
            raise ValueError("HUIDA_MASTER_KEY must be 64 hex digits")
        return key


def from_environment(environ: Mapping[str, str] = os.environ) -> Settings:
    """Read the settings. Raises ValueError naming the variable that cannot be read."""
    given: dict[str, object] = {}
    for field in fields(Settings):
        raw = environ.get(f"HUIDA_{field.name.upper()}")
        if raw is None:
            continue
        try:
            given[field.name] = _read(raw, type(field.default))
        except ValueError:
            raise ValueError(f"HUIDA_{field.name.upper()}: cannot read {raw!r}") from None
    return Settings(**given)  # type: ignore[arg-type]


def _read(raw: str, kind: type[object]) -> object:
    if kind is bool:
        if raw.lower() not in {"1", "0", "true", "false", "yes", "no"}:
            raise ValueError(raw)
        return raw.lower() in {"1", "true", "yes"}
    if kind in (int, float):
        return kind(raw)
    return Path(raw) if issubclass(kind, Path) else raw
