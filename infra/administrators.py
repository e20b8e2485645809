"""Who administers a stage: granted, revoked and listed with AWS credentials that may write its tables.

The API lets administrators make others; the first one of a stage is made here.
"""

import argparse
import sys
from collections.abc import Iterator

import boto3

from chalicelib import audit
from chalicelib.accounts import users
from chalicelib.accounts.users import BY_EMAIL, BY_ROLE, USERS, Role, User
from chalicelib.core import ids
from chalicelib.core.aws.tables import ConditionFailedError, transact
from infra import settings

_AT_ONCE = 100


class UnknownAddressError(Exception):
    """No account, or more than one, has that address."""


def run(asked: argparse.Namespace) -> int:
    """Does what the command line says; the exit status."""
    try:
        settings.apply(asked.stage)
        if asked.admin == "list":
            return _list(asked.stage)
        _change(asked.email, Role.ADMIN if asked.admin == "grant" else Role.USER, asked.admin)
    except (ValueError, UnknownAddressError) as error:
        print(error, file=sys.stderr)
        return 2
    is_now = "is an administrator" if asked.admin == "grant" else "is no administrator"
    print(f"{asked.email} {is_now} of {asked.stage}, from the next request on.")
    return 0


def _list(stage: str) -> int:
    found = list(_administrators())
    for each in found:
        print(f"{each.email}  {each.id}{'' if each.is_active else '  (not active)'}")
    if not found:
        print(f"{stage} has no administrator: python -m infra admin grant EMAIL --stage {stage}")
    return 0


def _administrators() -> Iterator[User]:
    after: str | None = None
    while True:
        page = BY_ROLE.page(Role.ADMIN, limit=_AT_ONCE, after=after)
        yield from map(User.from_item, page.items)
        if page.next_after is None:
            return
        after = page.next_after


def _change(email: str, role: Role, verb: str) -> None:
    user = _known(email)
    entry = {"userId": user.id, "role": str(role)}
    who = boto3.client("sts").get_caller_identity()["Arn"]
    try:
        transact(
            USERS.to_update(USERS.key(user.id), {"role": str(role)}, where={"userId": user.id}),
            audit.operators_entry_write(f"admin_{verb}", entry, who, ids.now()),
        )
    except ConditionFailedError:
        raise UnknownAddressError(f"The account of {email} was erased just now.") from None


def _known(email: str) -> User:
    found = [users.find(item["userId"]) for item in BY_EMAIL.page(email.lower(), limit=2).items]
    there = [each for each in found if each is not None]
    if len(there) != 1:
        why = "No account has" if not there else "More than one account has"
        raise UnknownAddressError(f"{why} the address {email}. An account is there from its first sign-in on.")
    return there[0]
