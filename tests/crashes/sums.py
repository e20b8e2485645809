"""The sums of the days, what each user spent and stores: they must follow from the usage records and the rows."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from chalicelib.core.observing.tracking import SYSTEM_ACCOUNT
from chalicelib.images.models import bytes_kept
from chalicelib.metering.models import EVERY_USER, EVERYONE, OPERATION, numbers_by_what

Tables = Mapping[str, list[dict[str, Any]]]
# By scope, what and name of a number.
_Sums = dict[tuple[str, str, str], Decimal]
# Each world has a user and an administrator.
_ACCOUNTS = 2
_NUMBERS = ("requests", "failures", "dollars", "milliseconds")


def of_images(tables: Tables) -> dict[str, int]:
    """How many images came, were completed, failed and were deleted, by scope, all days together."""
    sums: Counter[str] = Counter()
    for (scope, what, _), number in _stored(tables).items():
        if not what.startswith((OPERATION, "user:", "key:")):
            sums[f"{'all' if scope == EVERYONE else 'the user'} {what}"] += int(number)
    return dict(sums)


def faults(tables: Tables) -> Iterator[str]:
    """What does not follow."""
    users = {row["userId"] for row in tables["users"]}
    accounts = {row["account"] for row in tables["usage"]} - {SYSTEM_ACCOUNT}
    yield from (f"a usage record is there of user {each}, who is erased" for each in accounts - users)
    stored = {key: each for key, each in _stored(tables).items() if key[1].startswith((OPERATION, "user:", "key:"))}
    expected = _expected(tables)
    for key in sorted({*stored, *expected}):
        # The records of an erased user are gone, and their runs stay in the sums of all.
        if key[2] in _NUMBERS and not (key[0] in (EVERYONE, EVERY_USER) and len(users) < _ACCOUNTS):
            has, should = stored.get(key, Decimal(0)), expected.get(key, Decimal(0))
            if has != should:
                yield f"the sum {' '.join(key)} is {has} and not {should}"
    yield from _user_faults(tables)


def _stored(tables: Tables) -> _Sums:
    sums: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for item in tables["daily"]:
        if item["scope"].startswith("seen#"):
            continue
        for what, numbers in numbers_by_what(item).items():
            for name, number in numbers.items():
                sums[item["scope"], what, name] += number
    return dict(sums)


def _expected(tables: Tables) -> _Sums:
    sums: defaultdict[tuple[str, str, str], Decimal] = defaultdict(Decimal)
    for record in tables["usage"]:
        operation, account = f"{OPERATION}{record['operation']}", record["account"]
        rows = [(EVERYONE, operation), (account, operation)]
        if account != SYSTEM_ACCOUNT:
            rows.append((EVERY_USER, f"user:{account}"))
        if record.get("api_key_id"):
            rows.append((account, f"key:{record['api_key_id']}"))
        numbers = (1, 0 if record["success"] else 1, record["lambda_cost"], record["duration_ms"])
        for scope, what in rows:
            for name, number in zip(_NUMBERS, numbers, strict=True):
                sums[scope, what, name] += Decimal(number)
    return dict(sums)


def _user_faults(tables: Tables) -> Iterator[str]:
    for user in tables["users"]:
        user_id = user["userId"]
        records = [record for record in tables["usage"] if record["account"] == user_id]
        spent = user.get("spent", {})
        # Only the present periods are kept.
        for period in {max((record["timestamp"][:7] for record in records), default=""), *spent} - {""}:
            should = _spent(records, period)
            if spent.get(period, {}) != should:
                yield f"user {user_id} spent {spent.get(period, {})} in {len(period)} and not {dict(should)}"
        stores = sum(bytes_kept(image) for image in tables["images"] if image["userId"] == user_id)
        if int(user.get("storedBytes", 0)) != stores:
            yield f"user {user_id} stores {user.get('storedBytes', 0)} bytes and not {stores}"


def _spent(records: Iterable[Mapping[str, Any]], period: str) -> dict[str, Decimal]:
    """In dollars by payer, of the records that began in a period: an hour, a day or a month."""
    spent: dict[str, Decimal] = {}
    for record in records:
        if record["timestamp"].startswith(period):
            for payer in (None if record.get("keys_alone") else "user", record.get("api_key_id")):
                if payer:
                    spent[payer] = spent.get(payer, Decimal(0)) + record["lambda_cost"]
    return spent
