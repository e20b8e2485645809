"""What a journey leaves behind, in a form in which two runs can be compared: what differs by chance is named alike."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chalicelib.core.aws.writes import TOKEN
from tests.crashes import sums, trail, world
from tests.crashes.door import Call, Fault, Way
from tests.crashes.trail import tells_of

# Counters and notes of single runs, and what is checked on its own (sums.py, trail.py).
_NOT_COMPARED = {"usage", "daily", "limits", "jobs", "syncs", "declarations", "audit", "audit-inbox"}
# Which attributes of a row a second try may leave behind or change, by table. When something was last used is noted
# only where nothing stands against it (actions/lifecycle.py). What a user spent and stores is checked on its own.
_OF_TRIES = {
    "images": {"redriven", "correlationId", "lastActionAt"},
    "users": {"spent", "storedBytes", "createdAt", "lastActionAt"},
    "actions": {"correlationId", "progress"},
    "idempotency": {"in_progress_expiration", "validation", "ttl", "data", "status", "kept"},
}
_DEAD = "-dead"
_DEED = "deed"
# Topics of which more messages than in a clean run mean nothing: alerts for operators.
_ALERTS = {"operators"}

_TIME = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?")
_DAY = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_UUID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_ID = re.compile(r"\b([a-z]+)_[0-9a-z]{26}\b")
# The files of a later execution of an image.
_LATER_FILES = re.compile(r"(<img\d+>)-\d+-")
_HASH = re.compile(r"\b[0-9a-f]{32,64}\b")
_MOMENTS = re.compile(r"(At|Since|ttl|Until|expires|expiration|ValidFrom)$")


@dataclass(frozen=True)
class Outcome:
    """The facts of one run, each a text; and what is wrong with it whatever a clean run leaves."""

    facts: Mapping[str, Counter[str]]
    faults: tuple[str, ...]

    def differences(self, found: "Outcome", fault: Fault) -> list[str]:
        """In what another run differs from this clean one."""
        differences = list(found.faults)
        for kind in sorted({*self.facts, *found.facts}):
            ours, theirs = self.facts.get(kind, Counter()), found.facts.get(kind, Counter())
            missing, more = ours - theirs, theirs - ours
            if kind.startswith("published"):
                # They come at least once; and after an outage what failed is told too.
                missing = Counter(set(ours) - set(theirs))
                more = Counter() if fault.way.is_outage else Counter(set(theirs) - set(ours))
            elif kind == "audit":
                # Each try stands there: one that was cut off as begun, and with its error one that is too late.
                missing, more = _not_in_trail(ours, theirs, fault.way), Counter()
            elif kind.startswith("queue ") and kind.endswith(_DEAD) and fault.way.is_outage:
                # They wait for an operator, who was told.
                continue
            elif kind == "keys in progress" and fault.way.is_outage and fault.resource == "idempotency":
                # The next request under such a key goes on with the same deed: the journey "repetition" does.
                continue
            differences += [f"missing in {kind}: {each}" for each in missing]
            differences += [f"too much in {kind}: {each}" for each in more]
        return differences


def read(messages: Iterable[tuple[Call, Any]], users: Mapping[str, str]) -> Outcome:
    """The outcome of what has just run. `users` are the names to use for ids of users."""
    tables = world.tables()
    naming = _Naming(tables, users)
    facts: dict[str, Counter[str]] = {}
    for table, rows in tables.items():
        if table not in _NOT_COMPARED:
            facts[f"table {table}"] = Counter(naming.fact(_essential(table, row)) for row in rows)
    for bucket, objects in world.objects().items():
        facts[f"bucket {bucket}"] = Counter(naming.name_all(f"{key} {checksum}") for key, checksum in objects)
    # Its files are named for what is in them, and a record may be in two.
    facts["bucket archive"] = Counter(world.archived())
    for queue, bodies in world.messages().items():
        facts[f"queue {queue}"] = Counter(naming.name_all(body) for body in bodies)
    facts["keys in progress"] = Counter(
        "a key" for row in tables["idempotency"] if row["status"] not in ("COMPLETED", "EXPIRED")
    )
    facts["user pool"] = Counter(naming.fact(user) for user in world.cognito_users())
    for call, parameters in messages:
        if call.resource not in _ALERTS:
            kind = f"published to {call.resource or call.service}"
            facts.setdefault(kind, Counter())[naming.fact(_message(parameters))] += 1
    facts["images of the day"] = Counter(sums.of_images(tables))
    facts["audit"] = Counter(naming.fact(entry) for entry in trail.entries(tables))
    faults = (*sums.faults(tables), *trail.faults(tables), *_unfinished(tables))
    return Outcome(facts, tuple(naming.name_all(each) for each in faults))


def _not_in_trail(ours: Counter[str], theirs: Counter[str], way: Way) -> Counter[str]:
    """The deeds that do not stand in the trail."""
    if way is Way.LOST_ONCE:
        return Counter(set(ours) - set(theirs))
    return Counter(each for each in ours if not any(tells_of(entry, each) for entry in theirs))


def _essential(table: str, row: Mapping[str, Any]) -> dict[str, Any]:
    without = {TOKEN, *_OF_TRIES.get(table, ())}
    kept = {name: value for name, value in row.items() if name not in without}
    if table == "actions" and "files" in kept:
        # Reports and exports say when they were made.
        kept["files"] = [{**file, "fileSize": "<size>"} for file in kept["files"]]
    return kept


def _message(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """What a message says. Its text is JSON, in which the try is told."""
    text = str(parameters.get("Message", parameters))
    try:
        content = json.loads(text)
    except ValueError:
        return {"text": text}
    return {name: value for name, value in content.items() if name not in ("execution", "correlationId")}


def _unfinished(tables: Mapping[str, list[dict[str, Any]]]) -> Iterator[str]:
    for row in tables["images"]:
        if row["status"] not in ("COMPLETED", "FAILED", "DELETED"):
            yield f"image {row['imageId']} is {row['status']}"
    for row in tables["actions"]:
        if row["status"] not in ("COMPLETED", "FAILED"):
            yield f"action {row['actionId']} is {row['status']}"
    # Each run has a row, also one that failed.
    syncs = [row for row in tables["syncs"] if "status" in row]
    if syncs and (newest := max(syncs, key=lambda row: str(row["executedAt"])))["status"] != "success":
        yield f"the newest sync is {newest['status']}"


def _text(value: Any) -> str:
    """Of what JSON does not know: numbers and bytes, as DynamoDB gives them."""
    return str(value) if isinstance(value, Decimal) else repr(value)


class _Naming:
    """Names for what differs in each run: ids in the order in which they were made, times, versions."""

    def __init__(self, tables: Mapping[str, list[dict[str, Any]]], users: Mapping[str, str]) -> None:
        text = json.dumps([tables, world.objects(), world.messages()], default=_text)
        ids = sorted({found[0] for found in _ID.finditer(text)})
        numbers: Counter[str] = Counter()
        self._names = dict(users)
        for each in ids:
            kind = each.partition("_")[0]
            numbers[kind] += 1
            # Of deeds there may be one for each try.
            self._names[each] = kind if kind == _DEED else f"{kind}{numbers[kind]}"

    def fact(self, row: Mapping[str, Any]) -> str:
        plain = {name: self._plain(name, value) for name, value in sorted(row.items())}
        return self.name_all(json.dumps(plain, default=_text, sort_keys=True))

    def _plain(self, name: str, value: Any) -> Any:
        if _MOMENTS.search(name) and value is not None and str(value) != "0":
            return "<time>"
        if name == "execution":
            return "<execution>"
        if isinstance(value, set | frozenset):
            return sorted(map(str, value))
        if isinstance(value, Mapping):
            return {inner: self._plain(inner, each) for inner, each in value.items()}
        return value

    def name_all(self, text: str) -> str:
        """The text with these names in it."""
        for each, name in self._names.items():
            text = text.replace(each, f"<{name}>")
        for pattern, name in ((_TIME, "time"), (_DAY, "day"), (_UUID, "uuid"), (_HASH, "hash")):
            if name == "hash" and text.startswith(("uploads/", "processed/", "reports/", "exports/")):
                continue
            text = pattern.sub(f"<{name}>", text)
        return _LATER_FILES.sub(r"\1-", text)
