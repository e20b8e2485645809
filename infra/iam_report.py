"""Rights that are declared beside rights that were used, as the machine of one wrote them down.

python -m infra iam-report [RECORD]
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from infra import policies
from infra.rights import Declared

# Where `make run` leaves its logs.
RECORD = Path(__file__).parents[1] / ".darkroom" / "logs" / "rights.jsonl"
STAGE = "local"


class Noted(NamedTuple):
    """`how` is "used", of a statement that allows it, or "refused" (`statement` is then empty)."""

    function: str
    how: str
    action: str
    resource: str
    statement: str = ""


class Right(NamedTuple):
    """An action that one statement of a function's policy allows."""

    function: str
    statement: str
    action: str


def noted(record: Path) -> Iterator[Noted]:
    """What stands in a file that the machine's functions wrote; nothing where there is none."""
    if record.exists():
        for line in record.read_text().splitlines():
            yield Noted(*json.loads(line))


def granted(declared: Mapping[str, Declared], config: Mapping[str, Any]) -> dict[Right, list[str]]:
    """The rights that a function's own code has, with the ARNs that each is on; Lambda's own are left out."""
    return {
        Right(function, statement["Sid"], action): statement["Resource"]
        for function, policy in policies.documents(declared, config, STAGE).items()
        for statement in policy["Statement"]
        for action in statement["Action"]
        if statement["Sid"] not in policies.OF_LAMBDA
    }


def report(declared: Mapping[str, Declared], config: Mapping[str, Any], record: Path) -> int:
    """Prints a line a right, then what differs; 0 where nothing does, else 1."""
    found = set(noted(record))
    used = {Right(each.function, each.statement, each.action) for each in found if each.how == "used"}
    refused = sorted(each for each in found if each.how == "refused")
    rights = granted(declared, config)
    for right, resources in rights.items():
        how = "used" if right in used else "NOT USED"
        print(f"{right.function:<20} {right.action:<34} {how:<9} {_short(resources)}")
    for each in refused:
        print(f"{each.function:<20} {each.action:<34} REFUSED   {each.resource}")
    unused = [each for each in rights if each not in used]
    print(f"{len(rights)} rights declared, {len(unused)} of them not used; {len(refused)} used and not declared.")
    return 1 if unused or refused else 0


def _short(resources: list[str]) -> str:
    """ARNs without what they all begin with."""
    return ", ".join(each.split(":", 5)[-1].removeprefix("parameter/darkroom/local/") for each in resources)
