"""keys: the API keys of the account."""

from typing import Any

import click

from darkroom import options
from darkroom.api import Answer, Api
from darkroom.options import id_argument, of_input
from darkroom.output import Output, table, time_in_words

_LIMITS = ("requestsPerMinute", "requestsPerHour", "dollarsPerHour", "dollarsPerDay", "dollarsPerMonth")


@click.group(cls=options.Group)
def keys() -> None:
    """List, create, rotate and revoke API keys."""


@keys.command("list")
@options.connected
def list_keys(api: Api, out: Output) -> None:
    """List your keys, without their secrets."""
    found = list(api.pages("list_keys"))
    rows = [
        (
            each["keyId"],
            each["name"],
            ", ".join(each["accessTypes"]),
            time_in_words(each["createdAt"]),
            time_in_words(each["expiresAt"]) or "never",
            time_in_words(each["lastUsedAt"]) or "never",
        )
        for each in found
    ]
    text = table(("key", "name", "opens", "created", "expires", "last used"), rows, "You have no keys.")
    out.answer({"success": True, "items": found}, text)


@keys.command()
@click.argument("name")
@of_input("create_key", "accessTypes", "--opens", "access_types", required=True)
@of_input("create_key", "expiresAt")
@of_input("create_key", "limits.requestsPerMinute")
@of_input("create_key", "limits.requestsPerHour")
@of_input("create_key", "limits.dollarsPerHour")
@of_input("create_key", "limits.dollarsPerDay")
@of_input("create_key", "limits.dollarsPerMonth")
@options.connected
def create(
    api: Api, out: Output, name: str, access_types: tuple[str, ...], expires_at: str | None, **limits: Any
) -> None:
    """Create a key. Its secret is printed this once, alone on stdout."""
    own = dict(zip(_LIMITS, (limits[options.variable(each)] for each in _LIMITS), strict=True))
    given = {limit: value for limit, value in own.items() if value is not None}
    made = api.call("create_key", name=name, accessTypes=list(access_types), expiresAt=expires_at, limits=given or None)
    _show_secret(out, made)


@keys.command()
@id_argument("key")
@of_input("rotate_key", "graceSeconds")
@options.connected
def rotate(api: Api, out: Output, key: str, grace_seconds: int | None) -> None:
    """Give a key a new secret, which is printed this once. The present one works until its grace period ends."""
    _show_secret(out, api.call("rotate_key", keyId=key, graceSeconds=grace_seconds))


@keys.command()
@id_argument("key")
@options.YES
@options.connected
def revoke(api: Api, out: Output, key: str, yes: bool) -> None:
    """End a key and all of its secrets at once."""
    options.confirm(f"Revoke {key}?", yes)
    out.answer(api.call("revoke_key", keyId=key), f"{key} is revoked.")


def _show_secret(out: Output, made: Answer) -> None:
    out.answer(made, made["key"])
    if not out.as_json:
        until = f" The former secret works until {time_in_words(made['graceEnd'])} UTC." if made.get("graceEnd") else ""
        out.note(f"{made['keyId']}: keep the secret, it is not shown again.{until}")
