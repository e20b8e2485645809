"""Declared rights are those that a function needs: its small journeys use each of them and no other, and fail without.

Without a right, a call of a journey is refused, and the journey fails because of that.
"""

import pytest

import app as manifest
from infra import function_grants, iam_evaluation, iam_report, stages
from infra.iam_report import Grant
from tests import breadth
from tests.journeys.rights.every import JOURNEYS
from tests.journeys.rights.journey import Journey, UsedRights
from tests.journeys.rights.world import World

GRANTED = iam_report.granted(function_grants.grants_by_function(manifest.app), stages.read())

# The API and one function of each kind of trigger; the others only with the slow tests.
_QUICK = ("api_handler", "s3_event", "orchestrator", "monthly_report", "audit_entries", "resize", "image_pipeline")
_FUNCTIONS = {right.function: right.function for right in GRANTED}
# All but these lose a right only with the slow tests.
_QUICK_WITHOUT = {"validation"}
RIGHTS = [pytest.param(each, marks=[] if each.function in _QUICK_WITHOUT else [pytest.mark.slow]) for each in GRANTED]
FAILED = "was refused it, and failed"


@pytest.mark.parametrize("function", breadth.named(_FUNCTIONS, *_QUICK))
def test_a_function_uses_all_declared_rights_and_no_others(used_rights: UsedRights, function: str) -> None:
    used = used_rights.of_function(function)
    granted = {right: resources for right, resources in GRANTED.items() if right.function == function}
    assert iam_report.unused(granted, used) == {}
    assert used <= {(right, each) for right, resources in granted.items() for each in resources}


@pytest.mark.parametrize("right", RIGHTS, ids="-".join)
def test_without_a_right_a_journey_fails(world: World, used_rights: UsedRights, right: Grant) -> None:
    outcomes: dict[str, str] = {}
    for journey in JOURNEYS:
        if journey.function == right.function and right in used_rights.of(journey):
            outcomes[str(journey)] = outcome = execute_without(world, journey, right)
            if outcome == FAILED:
                # With the right it succeeds: leftovers of other journeys were not the reason.
                journey.execute(world)
                return
    pytest.fail(f"no journey misses it: {outcomes or 'none uses it'}")


def execute_without(world: World, journey: Journey, right: Grant) -> str:
    """The outcome of a journey whose function lacks the right."""
    failure: Exception | None = None
    with world.machine.without_grant(*right) as log:
        try:
            journey.execute(world)
        except Exception as error:
            failure = error
    removed = {"Statement": [{"Sid": right.statement, "Action": [right.action], "Resource": GRANTED[right]}]}
    refused = [each for each in iam_report.logged_calls(log) if each.how == "refused"]
    if not any(iam_evaluation.allows(removed, each.action, each.pattern) for each in refused):
        return f"was not refused it ({failure!r})"
    return "was refused it, and did not notice" if failure is None else FAILED
