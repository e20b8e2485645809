"""Which stage a command talks to, and what this machine knows of each: sessions.json in the user's folder.

The file holds tokens and API keys: nobody but its owner may read it (mode 600).
"""

import contextlib
import ipaddress
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from darkroom.errors import ConfigurationError

DEFAULT_URL = "http://127.0.0.1:8000"
URL_VARIABLE, STAGE_VARIABLE = "DARKROOM_URL", "DARKROOM_STAGE"
FOLDER_VARIABLE, HTTP_VARIABLE = "DARKROOM_HOME", "DARKROOM_ALLOW_HTTP"
_VERSION = 1


@dataclass
class Session:
    """What was stored for a stage: an API key, or a user's tokens. `expires_at` is in epoch seconds."""

    name: str = ""
    who: str = ""
    api_key: str = ""
    access_token: str = ""
    refresh_token: str = ""
    expires_at: float = 0.0


@dataclass
class _Content:
    current: str = ""
    stages: dict[str, Session] = field(default_factory=dict)


def folder() -> Path:
    """The folder of this user's files: DARKROOM_HOME, or what the system takes for applications."""
    return Path(os.environ.get(FOLDER_VARIABLE) or click.get_app_dir("darkroom"))


def checked_url(url: str) -> str:
    """The stage's address as it is stored.

    Raises:
        click.UsageError: it is no address of a stage, or would send secrets unencrypted.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError(f"{url} is not an address of a stage, such as https://api.example.com/prod.")
    if parts.username or parts.query or parts.fragment:
        raise click.UsageError("The address of a stage has no user, query or fragment.")
    if parts.scheme == "http" and not _is_this_machine(parts.hostname) and not os.environ.get(HTTP_VARIABLE):
        raise click.UsageError(
            f"{url} is not encrypted, and passwords would be readable on the way. Use https, or set {HTTP_VARIABLE}=1."
        )
    return url.rstrip("/")


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def choose(url: str | None, stage: str | None) -> str:
    """The address of the stage that is meant.

    That is the one that the command names, else the one that the environment names, else that of the last login, else
    that of this machine.

    Raises:
        click.UsageError: no login has given a stage that name, or the address cannot be used.
    """
    content = _read()
    if not (url or stage):
        url, stage = os.environ.get(URL_VARIABLE), os.environ.get(STAGE_VARIABLE)
    if url:
        return checked_url(url)
    if stage:
        named = [address for address, session in content.stages.items() if session.name == stage]
        if not named:
            raise click.UsageError(f"There is no stage {stage!r} here: darkroom login --url … --stage {stage}")
        return checked_url(named[0])
    return checked_url(content.current or DEFAULT_URL)


def find(url: str) -> Session | None:
    """What is stored for a stage."""
    return _read().stages.get(url)


def store(url: str, session: Session) -> None:
    """Store a session, in place of the stage's former one, and make the stage the one of later commands."""
    with _changing() as content:
        # A name belongs to one stage.
        for other in content.stages.values():
            other.name = "" if other.name == session.name else other.name
        former = content.stages.get(url)
        session.name = session.name or (former.name if former else "")
        content.stages[url], content.current = session, url


def renew(url: str, before: Session, access_token: str, expires_at: float) -> None:
    """Store new tokens, unless the session was ended or replaced meanwhile."""
    with _changing() as content:
        stored = content.stages.get(url)
        if stored is not None and stored.refresh_token == before.refresh_token:
            stored.access_token, stored.expires_at = access_token, expires_at


def forget(url: str) -> bool:
    """Remove the secrets of a stage, and not its name; whether there were any."""
    with _changing() as content:
        stored = content.stages.get(url)
        if stored is None or not (stored.api_key or stored.refresh_token):
            return False
        content.stages[url] = Session(name=stored.name)
    return True


def _path() -> Path:
    return folder() / "sessions.json"


def _read() -> _Content:
    path = _path()
    try:
        if os.name == "posix" and path.stat().st_mode & 0o077:
            path.chmod(0o600)
        raw = json.loads(path.read_text("utf-8"))
        if raw["version"] != _VERSION:
            raise ConfigurationError(f"{path} is of another version of darkroom. Remove it, and sign in again.")
        stages = {url: Session(**{**asdict(Session()), **each}) for url, each in raw["stages"].items()}
        return _Content(str(raw["current"]), stages)
    except FileNotFoundError:
        return _Content()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ConfigurationError(f"{path} is damaged. Remove it, and sign in again.") from None


@contextlib.contextmanager
def _changing() -> Iterator[_Content]:
    """The content, which is written at the end of the block; one process at a time."""
    try:
        folder().mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock():
            content = _read()
            yield content
            _write({"version": _VERSION, "current": content.current, "stages": _plain(content)})
    except OSError as error:
        raise ConfigurationError(f"{folder()} cannot be written to: {error.strerror}.") from None


def _plain(content: _Content) -> dict[str, Any]:
    return {url: asdict(session) for url, session in content.stages.items()}


def _write(document: dict[str, Any]) -> None:
    path = _path()
    new = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            json.dump(document, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    with (folder() / "lock").open("w") as file:
        # Windows has no flock; there a change could be lost if two commands sign in at the same moment.
        with contextlib.suppress(ImportError):
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX)
        yield
