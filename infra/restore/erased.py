"""Accounts that were erased, or half erased, since a moment: what of them is left, and how to erase it again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib import erasure
from chalicelib.accounts.api_keys import current_keys
from chalicelib.accounts.models import USERS
from chalicelib.actions import ACTIONS
from chalicelib.core.aws import objects
from chalicelib.core.observing.tracking import USAGE
from chalicelib.core.settings import Settings
from chalicelib.images import IMAGES, Status
from chalicelib.metering.models import DAILY
from infra.restore.gone import Gone, is_in_pool

_PREFIXES = {Settings.S3_INPUT_BUCKET: ("uploads",), Settings.S3_OUTPUT_BUCKET: ("processed", "reports", "exports")}


@dataclass(frozen=True)
class ErasedAccount:
    """An account that was erased at that time (ISO 8601 UTC); `left` says where something of it is."""

    user_id: str
    erased_at: str
    left: tuple[str, ...]


def erased_accounts(since: datetime) -> Iterator[ErasedAccount]:
    """The accounts that were erased since that moment, by the audit trail."""
    for user_id, erased_at in sorted(Gone.since(since).erased.items()):
        yield ErasedAccount(user_id, erased_at, tuple(_places_with(user_id)))


def erase_again(account: ErasedAccount) -> None:
    """Erases what is left of an account in tables and buckets."""
    erasure.erase_data(account.user_id)


def _places_with(user_id: str) -> Iterator[str]:
    if is_in_pool(user_id):
        yield "the user pool"
    if USERS.get(user_id) is not None:
        yield "users"
    # Tombstones may be there: they hold ids only, for 30 days.
    if any(row["status"] != Status.DELETED for row in IMAGES.all_of(user_id)):
        yield "images"
    if current_keys(user_id):
        yield "api-keys"
    for name, table in (("actions", ACTIONS), ("usage", USAGE)):
        if table.any_of(user_id) is not None:
            yield name
    if DAILY.any_of(user_id) is not None:
        yield "daily"
    for bucket, prefixes in _PREFIXES.items():
        for prefix in prefixes:
            if any(objects.list_versions(bucket.get(), f"{prefix}/{user_id}/")):
                yield f"{prefix}/"
