"""Rights that are declared beside rights that were used, as the machine of one wrote them down.

python -m infra iam-report [RECORD]
"""

import json
import re
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Any, NamedTuple

from infra import pipeline_policy, policies
from infra.function_grants import FunctionGrants
from infra.iam_actions import ONE_OF
from infra.pipeline_policy import PIPELINE
from infra.policy_statements import OF_LAMBDA
from infra.settings import state_folder
from infra.stages import Place

# Where `make run` leaves its logs.
LOG = state_folder() / "logs" / "rights.jsonl"
STAGE = "local"


class Right(NamedTuple):
    """An action that one statement of a function's policy, or of the state machine's, allows."""

    function: str
    statement: str
    action: str


class LoggedCall(NamedTuple):
    """`how` is "used", of a statement that allows it, or "refused" (`statement` is then empty)."""

    function: str
    how: str
    action: str
    resource: str
    statement: str = ""

    @property
    def right(self) -> Right:
        return Right(self.function, self.statement, self.action)

    @property
    def pattern(self) -> str:
        """The ARN by which it was allowed, as `granted` has it: there the user pool has no id yet."""
        return re.sub(r"(?<=:userpool/).*", policies.NO_POOL, self.resource)


def logged_calls(record: Path, after: int = 0) -> Iterator[LoggedCall]:
    """What stands in a file that the machine's functions wrote, behind so many bytes; nothing where there is none."""
    if record.exists():
        for line in record.read_bytes()[after:].splitlines():
            yield LoggedCall(*json.loads(line))


def granted(declared: Mapping[str, FunctionGrants], config: Mapping[str, Any]) -> dict[Right, list[str]]:
    """The rights of functions' own code and of the state machine's tasks, with the ARNs that each is on.

    What the services themselves do in their names is left out.
    """
    place = Place.of(STAGE, config["stages"][STAGE]["environment_variables"])
    documents = policies.documents(declared, config, STAGE) | {PIPELINE: pipeline_policy.document(place)}
    return {
        Right(function, statement["Sid"], action): statement["Resource"]
        for function, policy in documents.items()
        for statement in policy["Statement"]
        for action in statement["Action"]
        if statement["Sid"] not in OF_LAMBDA
    }


def report(rights: Mapping[Right, list[str]], record: Path) -> int:
    """Prints a line a right, then what differs; 0 where nothing does, else 1.

    A right differs also where one of its ARNs was never met: it could be narrower.
    """
    found = set(logged_calls(record))
    used = {(each.right, each.pattern) for each in found if each.how == "used"}
    refused = sorted(each for each in found if each.how == "refused")
    left = unused(rights, used)
    for right, resources in rights.items():
        never = left.get(right)
        how = "used" if never is None else "NOT USED" if never == resources else "IN PART"
        print(f"{right.function:<20} {right.action:<34} {how:<9} {_short(never or resources)}")
    for each in refused:
        print(f"{each.function:<20} {each.action:<34} REFUSED   {each.resource}")
    print(
        f"{len(rights)} rights declared, on {sum(map(len, rights.values()))} resources in all: "
        f"{sum(map(len, left.values()))} not used; {len(refused)} used and not declared."
    )
    return 1 if left or refused else 0


def unused(rights: Mapping[Right, list[str]], used: Set[tuple[Right, str]]) -> dict[Right, list[str]]:
    """The rights that were not used on all of their ARNs, each with those that it was not used on."""
    found = {right: _never(right, resources, used) for right, resources in rights.items()}
    return {right: never for right, never in found.items() if never}


def _never(right: Right, resources: list[str], used: Set[tuple[Right, str]]) -> list[str]:
    """The ARNs of a right that it was not used on."""
    never = [each for each in resources if (right, each) not in used]
    return [] if right.action in ONE_OF and never != resources else never


def _short(resources: list[str]) -> str:
    """ARNs without what they all begin with."""
    return ", ".join(each.split(":", 5)[-1].removeprefix("parameter/darkroom/local/") for each in resources)
