"""The small journeys of a function use every right that it declares, and no other."""

import pytest

import app as manifest
from infra import function_grants, iam_report, stages
from tests import breadth
from tests.journeys.rights.every import JOURNEYS
from tests.journeys.rights.journey import UsedRights

GRANTED = iam_report.granted(function_grants.grants_by_function(manifest.app), stages.read())


# The API and one function of each kind of trigger; the others only with the slow tests.
_QUICK = ("api_handler", "s3_event", "orchestrator", "monthly_report", "audit_entries", "resize", "image_pipeline")
_FUNCTIONS = {right.function: right.function for right in GRANTED}


@pytest.mark.parametrize("function", breadth.named(_FUNCTIONS, *_QUICK))
def test_a_function_uses_all_declared_rights_and_no_others(used_rights: UsedRights, function: str) -> None:
    journeys = [each for each in JOURNEYS if each.function == function]
    used = {each for journey in journeys for each in used_rights.with_resources(journey)}
    granted = {right: resources for right, resources in GRANTED.items() if right.function == function}
    assert iam_report.unused(granted, used) == {}
    assert used <= {(right, each) for right, resources in granted.items() for each in resources}
