"""Compares the declared grants with those that were used, according to the local machine's log.

python -m infra iam-report [LOG]
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

# The log of `make run`.
LOG = state_folder() / "logs" / "rights.jsonl"
STAGE = "local"


class Grant(NamedTuple):
    """An action that a statement allows, in the policy of a function or of the state machine."""

    function: str
    statement: str
    action: str


class LoggedCall(NamedTuple):
    """`how` is "used" or "refused". A refused call has no `statement`."""

    function: str
    how: str
    action: str
    resource: str
    statement: str = ""

    @property
    def grant(self) -> Grant:
        return Grant(self.function, self.statement, self.action)

    @property
    def pattern(self) -> str:
        """The allowed ARN in the form that `granted` uses, where the user pool has no id yet."""
        return re.sub(r"(?<=:userpool/).*", policies.NO_POOL, self.resource)


def logged_calls(log: Path, after: int = 0) -> Iterator[LoggedCall]:
    """The calls in a log of the local machine, from byte `after` on; none if there is no log."""
    if log.exists():
        for line in log.read_bytes()[after:].splitlines():
            yield LoggedCall(*json.loads(line))


def granted(grants: Mapping[str, FunctionGrants], config: Mapping[str, Any]) -> dict[Grant, list[str]]:
    """The grants of the functions' code and of the state machine, each with its ARNs.

    Not included: what AWS's services do themselves with these roles.
    """
    place = Place.of(STAGE, config["stages"][STAGE]["environment_variables"])
    documents = policies.documents(grants, config, STAGE) | {PIPELINE: pipeline_policy.document(place)}
    return {
        Grant(function, statement["Sid"], action): statement["Resource"]
        for function, policy in documents.items()
        for statement in policy["Statement"]
        for action in statement["Action"]
        if statement["Sid"] not in OF_LAMBDA
    }


def report(grants: Mapping[Grant, list[str]], log: Path) -> int:
    """Prints one line for each grant, then the refused calls. Returns 0 if both agree, else 1.

    A grant with an ARN that was never used does not agree: it could be narrower.
    """
    calls = set(logged_calls(log))
    used = {(each.grant, each.pattern) for each in calls if each.how == "used"}
    refused = sorted(each for each in calls if each.how == "refused")
    unused_arns = unused(grants, used)
    for grant, resources in grants.items():
        never = unused_arns.get(grant)
        how = "used" if never is None else "NOT USED" if never == resources else "IN PART"
        print(f"{grant.function:<20} {grant.action:<34} {how:<9} {_short(never or resources)}")
    for each in refused:
        print(f"{each.function:<20} {each.action:<34} REFUSED   {each.resource}")
    print(
        f"{len(grants)} grants declared, on {sum(map(len, grants.values()))} resources in all: "
        f"{sum(map(len, unused_arns.values()))} not used; {len(refused)} used and not declared."
    )
    return 1 if unused_arns or refused else 0


def unused(grants: Mapping[Grant, list[str]], used: Set[tuple[Grant, str]]) -> dict[Grant, list[str]]:
    """The grants with unused ARNs, each with those ARNs."""
    unused_arns = {grant: _unused_arns(grant, resources, used) for grant, resources in grants.items()}
    return {grant: arns for grant, arns in unused_arns.items() if arns}


def _unused_arns(grant: Grant, resources: list[str], used: Set[tuple[Grant, str]]) -> list[str]:
    """Actions in ONE_OF need only one of their ARNs."""
    arns = [each for each in resources if (grant, each) not in used]
    return [] if grant.action in ONE_OF and arns != resources else arns


def _short(resources: list[str]) -> str:
    """The ARNs without their common beginning."""
    return ", ".join(each.split(":", 5)[-1].removeprefix("parameter/darkroom/local/") for each in resources)
