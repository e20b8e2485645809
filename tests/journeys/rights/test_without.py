"""Every right that is declared is needed: without it, a journey that uses it is refused, and fails of that."""

import pytest

import app as manifest
from infra import evaluation, iam_report, rights, stages
from infra.iam_report import Right
from tests.journeys.rights.every import JOURNEYS
from tests.journeys.rights.journey import Journey, Tried
from tests.journeys.rights.world import World

GRANTED = iam_report.granted(rights.declared(manifest.app), stages.read())
FAILED = "was refused it, and failed"
# All but those of a few functions are left to whoever has the time.
QUICK = {"notifications", "validation"}
RIGHTS = [pytest.param(each, marks=[] if each.function in QUICK else [pytest.mark.slow]) for each in GRANTED]


@pytest.mark.parametrize("right", RIGHTS, ids="-".join)
def test_without_a_right_a_journey_fails(world: World, tried: Tried, right: Right) -> None:
    outcomes: dict[str, str] = {}
    for journey in JOURNEYS:
        if journey.function == right.function and right in tried.used(journey):
            outcomes[str(journey)] = outcome = without(world, journey, right)
            if outcome == FAILED:
                # It was that right, and nothing that is left over.
                journey.go(world)
                return
    pytest.fail(f"no journey misses it: {outcomes or 'none uses it'}")


def without(world: World, journey: Journey, right: Right) -> str:
    """How a journey goes whose function lacks the right."""
    failure: Exception | None = None
    with world.machine.without_grant(*right) as record:
        try:
            journey.go(world)
        except Exception as error:
            failure = error
    held = {"Statement": [{"Sid": right.statement, "Action": [right.action], "Resource": GRANTED[right]}]}
    refused = [each for each in iam_report.noted(record) if each.how == "refused"]
    if not any(evaluation.allows(held, each.action, each.pattern) for each in refused):
        return f"was not refused it ({failure!r})"
    return "was refused it, and did not notice" if failure is None else FAILED
