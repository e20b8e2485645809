"""Every right that is declared is used, and no other: by small journeys, which succeed with all of these rights."""

import pytest

import app as manifest
from infra import function_grants, iam_report, stages
from tests.journeys.rights.every import JOURNEYS
from tests.journeys.rights.journey import Tried

GRANTED = iam_report.granted(function_grants.grants_by_function(manifest.app), stages.read())


@pytest.mark.parametrize("function", dict.fromkeys(right.function for right in GRANTED))
def test_a_function_uses_all_that_it_declares_and_nothing_else(tried: Tried, function: str) -> None:
    used = {each for journey in JOURNEYS if journey.function == function for each in tried.on(journey)}
    granted = {right: resources for right, resources in GRANTED.items() if right.function == function}
    assert iam_report.unused(granted, used) == {}
    assert used <= {(right, each) for right, resources in granted.items() for each in resources}
