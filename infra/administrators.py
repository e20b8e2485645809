"""Grants, revokes and lists the administrators of a stage, with AWS credentials that may write its tables.

Administrators can grant the role through the API, and reset the second factor of others. The first one of a stage gets
the role here, and the only one who has lost an authenticator is helped here.
"""

import argparse
import sys
from collections.abc import Iterator

import boto3

from chalicelib import audit
from chalicelib.accounts import second_factor
from chalicelib.accounts.models import BY_EMAIL, BY_ROLE, USERS, Role, User, find_user
from chalicelib.core import ids
from chalicelib.core.aws.tables import ConditionFailedError, transact
from infra import settings

_PAGE_SIZE = 100


class UnknownAddressError(Exception):
    """No account, or more than one, has this e-mail address."""


def run(args: argparse.Namespace) -> int:
    """Runs the command; returns the exit code."""
    try:
        settings.apply(args.stage)
        if args.admin == "list":
            return _list(args.stage)
        if args.admin == "reset-mfa":
            return _reset_mfa(args.email, args.stage)
        _change(args.email, Role.ADMIN if args.admin == "grant" else Role.USER, args.admin)
    except (ValueError, UnknownAddressError) as error:
        print(error, file=sys.stderr)
        return 2
    status = "is an administrator" if args.admin == "grant" else "is no longer an administrator"
    print(f"{args.email} {status} of {args.stage}, from the next request on.")
    return 0


def _reset_mfa(email: str, stage: str) -> int:
    user = _find_user(email)
    # Repeated after a failure, it does the same again, and the trail has an entry of each success.
    second_factor.turn_off_without_proof(user.id)
    transact(audit.operators_entry_write("admin_reset_mfa", {"userId": user.id}, _operator(), ids.now()))
    print(f"Signing in to {stage} asks {email} for no code any more.")
    return 0


def _operator() -> str:
    """The ARN of the identity that the AWS credentials belong to."""
    return str(boto3.client("sts").get_caller_identity()["Arn"])


def _list(stage: str) -> int:
    administrators = list(_administrators())
    for each in administrators:
        print(f"{each.email}  {each.id}{'' if each.is_active else '  (not active)'}")
    if not administrators:
        print(f"{stage} has no administrator: python -m infra admin grant EMAIL --stage {stage}")
    return 0


def _administrators() -> Iterator[User]:
    after: str | None = None
    while True:
        page = BY_ROLE.page(Role.ADMIN, limit=_PAGE_SIZE, after=after)
        yield from map(User.from_item, page.items)
        if page.next_after is None:
            return
        after = page.next_after


def _change(email: str, role: Role, verb: str) -> None:
    user = _find_user(email)
    entry = {"userId": user.id, "role": str(role)}
    try:
        transact(
            USERS.to_update(USERS.key(user.id), {"role": str(role)}, where={"userId": user.id}),
            audit.operators_entry_write(f"admin_{verb}", entry, _operator(), ids.now()),
        )
    except ConditionFailedError:
        raise UnknownAddressError(f"The account of {email} was erased just now.") from None


def _find_user(email: str) -> User:
    rows = [find_user(item["userId"]) for item in BY_EMAIL.page(email.lower(), limit=2).items]
    matches = [each for each in rows if each is not None]
    if len(matches) != 1:
        why = "No account has" if not matches else "More than one account has"
        raise UnknownAddressError(f"{why} the address {email}. An account exists from its first sign-in on.")
    return matches[0]
