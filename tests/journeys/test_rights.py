"""Every function of the local machine runs under the policy that a deploy would give it."""

from infra import iam_report, pipeline_policy
from infra.stages import Place
from local import iam_enforcement
from local.machine import Machine
from tests import pictures
from tests.journeys.user import User


def test_a_picture_is_processed_with_the_declared_grants_only(machine: Machine) -> None:
    ann = User.new(machine.api_url)
    image_id = ann.upload(pictures.jpeg(300, 200))
    assert ann.finished(image_id)["status"] == "COMPLETED"
    assert machine.grants_log is not None
    used = {each.function for each in iam_report.logged_calls(machine.grants_log) if each.how == "used"}
    steps = {"validation", "resize", "watermark"}
    assert {"api_handler", "s3_event", "orchestrator", pipeline_policy.PIPELINE, *steps} <= used


def test_the_state_machine_runs_under_the_role_that_the_template_gives_it(machine: Machine) -> None:
    held = iam_enforcement.inline_policy(machine.client("iam"), machine.resources[pipeline_policy.ROLE].ref)
    place = Place.of("local", machine.environment)
    assert held["Statement"] == pipeline_policy.document(place)["Statement"]
