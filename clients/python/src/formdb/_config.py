"""Where the server is and which credential it is sent: arguments, the environment, a file.

The file is ``$XDG_CONFIG_HOME/formdb/config.toml`` (``~/.config/formdb/config.toml``), or ``FORMDB_CONFIG``::

    url = "https://data.example.org/formdb"
    database = "air"

    [tokens]
    "https://data.example.org/formdb" = "..."

Nobody but its owner may read it. A token is sent to the server that it is listed for, and to no other.
"""

from __future__ import annotations

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from .errors import BadCall, ConfigError

DEFAULT_URL = "http://127.0.0.1:4000"


class Secret(str):
    """Text that does not show itself in a representation of it, such as that of an exception."""

    def __repr__(self) -> str:
        return "'***'"


@dataclass(frozen=True)
class Settings:
    url: str
    token: Secret | None = field(repr=False)
    database: str | None = None


def config_path(environment: Mapping[str, str] = os.environ) -> Path:
    if named := environment.get("FORMDB_CONFIG"):
        return Path(named)
    folder = environment.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(folder) / "formdb" / "config.toml"


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where kept heads and loads under way are noted."""
    folder = environment.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(folder) / "formdb"


def settings(url: str | None = None, token: str | None = None, database: str | None = None) -> Settings:
    """An argument counts before the environment, and that before the file."""
    file = _read(config_path())
    where = (str(url or "") or os.environ.get("FORMDB_URL") or _text(file, "url") or DEFAULT_URL).rstrip("/")
    tokens = file.get("tokens", {})
    if not isinstance(tokens, dict):
        raise ConfigError(f"{config_path()}: [tokens] is no table")
    listed = next((_text(tokens, name) for name in tokens if name.rstrip("/") == where), None)
    credential = token or os.environ.get("FORMDB_TOKEN") or listed
    name = database or os.environ.get("FORMDB_DB") or _text(file, "database")
    check_url(where)
    # What a header cannot hold is refused by what sends it, with all of it in the message.
    if credential and not re.fullmatch(r"[\x21-\x7e]+", credential):
        raise BadCall("the token has characters that no token has: it is visible ASCII characters alone, without an end of line")
    return Settings(where, Secret(credential) if credential else None, name)


def check_url(url: str) -> None:
    """Refuses what is no address of a server."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0) and url.isprintable()
    except ValueError:
        good = False
    if not good:
        raise BadCall(f"{url!r} is no address of a server: one begins with http:// or https://")


def _text(table: Mapping[str, Any], name: str) -> str | None:
    value = table.get(name)
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"{config_path()}: {name} is no text")
    return value


def _read(path: Path) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"{path}: {error}") from None
    if "tokens" in content and os.name == "posix" and mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ConfigError(f"{path} has tokens and others may read it; run: chmod 600 {path}")
    return content
