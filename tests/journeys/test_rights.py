"""Every function of the local machine runs under the policy that a deploy would give it."""

from infra import pipeline_policy
from infra.stages import Place
from local import iam_enforcement
from local.machine import Machine


def test_the_state_machine_runs_under_the_role_that_the_template_gives_it(machine: Machine) -> None:
    held = iam_enforcement.inline_policy(machine.client("iam"), machine.resources[pipeline_policy.ROLE].ref)
    place = Place.of("local", machine.environment)
    assert held["Statement"] == pipeline_policy.document(place)["Statement"]
