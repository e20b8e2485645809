"""`python -m infra restore`: shows what would come back, asks, brings it back, and says what is left to do."""

import argparse
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3

from chalicelib import audit
from chalicelib.core import ids
from chalicelib.core.aws.tables import transact
from infra import settings
from infra.deploy.errors import RefusedError
from infra.deploy.progress import Reporter, counted, is_confirmed
from infra.restore import objects, tables
from infra.restore.beside import TableBeside
from infra.restore.erased import erase_again, erased_accounts
from infra.restore.gone import Gone
from infra.restore.objects import ObjectsRestore
from infra.restore.tables import REFUSED, RESTORABLE, TableRestore


def run(args: argparse.Namespace, reporter: Reporter | None = None) -> None:
    """Runs the command.

    Raises:
        DeployError: it was refused, or AWS failed. The message says what to do next.
    """
    reporter = reporter or Reporter()
    try:
        settings.apply(args.stage)
    except ValueError as error:
        raise RefusedError(str(error)) from None
    if args.restore == "table":
        _restore_table(args, reporter)
    elif args.restore == "objects":
        _restore_objects(args, reporter)
    else:
        _erase_again(args, reporter)


def _restore_table(args: argparse.Namespace, reporter: Reporter) -> None:
    if args.name not in RESTORABLE | REFUSED:
        raise RefusedError(f"There is no table {args.name!r} to restore, but {', '.join(RESTORABLE)}.")
    if args.name in REFUSED:
        raise RefusedError(f"Rows of {args.name} are not copied back: {REFUSED[args.name]}.")
    what = RESTORABLE[args.name]
    if args.overwrite and not what.replaces:
        raise RefusedError(f"Rows of {args.name} are never replaced. Leave --overwrite out: missing ones are created.")
    beside = TableBeside.of(what.table, args.to)
    with reporter.step("Restore") as step:
        is_new = beside.begin(what.table, args.to)
        beside.wait(step.progress)
        step.did = f"{beside.name} {'is ready' if is_new else 'is there from an earlier run'}"
    with reporter.step("Audit trail") as step:
        gone = Gone.since(args.to)
        step.did = _describe(gone)
    restore = TableRestore(what, beside, gone, tuple(args.keys), args.overwrite)
    with reporter.step("Compare") as step:
        found = Counter(verdict for verdict, _, _ in restore.rows())
        step.did = counted(found.total(), "row")
    _show(found, tables.Verdict, tables.SKIPPED, args.to, reporter)
    number = sum(found[verdict] for verdict in found if restore.is_copied(verdict))
    if number and _is_wanted(args, f"Copy {counted(number, 'row')} into {what.table.name}? [y/N] "):
        _note(f"restore_{args.restore}", {"table": args.name, "to": ids.timestamp(args.to)})
        with reporter.step("Copy") as step:
            copied, left = restore.copy()
            step.did = counted(copied, "row") + (f"; {left} were written meanwhile and stay" if left else "")
    elif number:
        reporter.print(f"Nothing was changed. {beside.name} stays for the next run.")
        return
    beside.drop()
    done = what.then if number else "Nothing was to be changed."
    reporter.print(f"{done} The table beside, {beside.name}, is deleted.".lstrip())


def _restore_objects(args: argparse.Namespace, reporter: Reporter) -> None:
    with reporter.step("Audit trail") as step:
        gone = Gone.since(args.to)
        step.did = _describe(gone)
    restore = ObjectsRestore(args.bucket, args.prefix, args.to, gone, args.overwrite)
    with reporter.step("Compare") as step:
        found = Counter(verdict for verdict, _ in restore.versions())
        step.did = counted(found.total(), "object")
    _show(found, objects.Verdict, objects.SKIPPED, args.to, reporter)
    days = restore.days_kept()
    if (datetime.now(UTC) - args.to).days >= days:
        reporter.print(f"Versions that were replaced or deleted more than {days} days ago are gone, and not listed.")
    number = sum(found[verdict] for verdict in found if restore.is_brought_back(verdict))
    if number and _is_wanted(args, f"Bring {counted(number, 'object')} of {restore.name} back? [y/N] "):
        target = {"bucket": args.bucket, "prefix": args.prefix, "to": ids.timestamp(args.to)}
        _note(f"restore_{args.restore}", target)
        with reporter.step("Bring back") as step:
            step.did = counted(restore.bring_back(), "object")
    else:
        reporter.print("Nothing was changed.")


def _erase_again(args: argparse.Namespace, reporter: Reporter) -> None:
    accounts = list(erased_accounts(args.since))
    for each in accounts:
        reporter.print(f"{each.user_id}  erased {each.erased_at}  left: {', '.join(each.left) or 'nothing'}")
    left = [each for each in accounts if each.left]
    reporter.print(f"{counted(len(accounts), 'account')} erased since then; something is left of {len(left)}.")
    if left and args.again and (args.yes or is_confirmed("Erase that again? [y/N] ", ("y", "yes"))):
        for each in left:
            _note("erase_again", {"userId": each.user_id})
            erase_again(each)
        reporter.print(f"Erased again: {counted(len(left), 'account')}.")


def _describe(gone: Gone) -> str:
    accounts, images = counted(len(gone.erased), "account"), counted(len(gone.deleted_images), "image")
    return f"{accounts} erased and {images} deleted since then"


def _show(
    found: Mapping[Any, int], verdicts: Iterable[str], skipped: Iterable[str], to: datetime, reporter: Reporter
) -> None:
    reporter.print(f"Of what was there at {to:%Y-%m-%dT%H:%M:%SZ}:")
    for verdict in verdicts:
        if found.get(verdict) or verdict not in skipped:
            note = "  (never brought back)" if verdict in skipped else ""
            reporter.print(f"  {found.get(verdict, 0):>7} {verdict}{note}")


def _is_wanted(args: argparse.Namespace, question: str) -> bool:
    return not args.dry_run and (args.yes or is_confirmed(question, ("y", "yes")))


def _note(operation: str, target: dict[str, str]) -> None:
    """Writes to the audit trail what the operator is about to do."""
    who = boto3.client("sts").get_caller_identity()["Arn"]
    transact(audit.operators_entry_write(operation, target, who, ids.now()))
