"""The arguments of `python -m infra restore`. Apart from the command, which takes long to import."""

import argparse
from datetime import UTC, datetime


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    kinds = parser.add_subparsers(dest="restore", required=True)
    table = kinds.add_parser("table", help="copy rows back that a table had at a moment of the last 35 days")
    table.add_argument("name", help="users, images, actions, records, daily or audit")
    table.add_argument(
        "--keys",
        nargs="+",
        default=[],
        metavar="KEY",
        help="only these: USER_ID, or USER_ID/SORT_KEY",
    )
    files = kinds.add_parser("objects", help="bring objects back that were deleted or replaced since a moment")
    files.add_argument("bucket", choices=["input", "output", "archive"])
    files.add_argument("prefix", help="the beginning of their keys, as in processed/USER_ID/")
    for each in (table, files):
        each.add_argument("--to", type=moment, required=True, metavar="TIME", help="ISO 8601; UTC without an offset")
        each.add_argument("--overwrite", action="store_true", help="also what differs: its newer content is lost")
        each.add_argument("--dry-run", action="store_true", help="show what would come back, and change nothing")
    erased = kinds.add_parser("erased", help="list accounts that were erased since a moment, and what is left of them")
    erased.add_argument("--since", type=moment, required=True, metavar="TIME", help="ISO 8601; UTC without an offset")
    erased.add_argument("--again", action="store_true", help="erase again what is left")
    for each in (table, files, erased):
        each.add_argument("--stage", required=True)
        each.add_argument("--yes", action="store_true", help="do not ask")


def moment(text: str) -> datetime:
    """A time in whole seconds, which is how exactly DynamoDB and S3 know it. Raises ValueError."""
    parsed = datetime.fromisoformat(text)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0)
