"""The deploy from its first check to the smoke test: a line a step."""

from infra.deploy import (
    account,
    adoption,
    chalice_command,
    clients,
    finish,
    packages,
    plan,
    record,
    restapi,
    retained,
    smoke,
    warmth,
)
from infra.deploy import target as targets
from infra.deploy.plan import Plan
from infra.deploy.stack import ChangeSet, Stack
from infra.deploy.target import Target
from infra.deploy.telling import Teller, confirmed, counted


def deploy(stage: str, *, yes: bool = False, dry_run: bool = False, teller: Teller | None = None) -> None:
    """Brings a stage to what the code says. `yes` asks nobody; `dry_run` shows the plan and changes nothing.

    Raises:
        DeployError: it could not be begun, or not be ended; the message says what to do next.
    """
    teller = teller or Teller()
    with teller.step("Checks") as step:
        target = targets.of(stage)
        targets.check_drift(target)
        account.check(target)
        stack = Stack(target)
        stack.check()
        kept = retained.found(target, stack)
        step.did = f"{stage} is in {target.place.account}, {target.place.region}"
    with teller.step("Layer") as step:
        step.progress("building it takes minutes")
        step.did = packages.have_layer(target)
    with teller.step("Plan") as step:
        resources = retained.planned(kept) if kept else stack.prepare()
        step.did = f"{counted(len(resources.changes), 'change')} of resources, and what follows"
    try:
        _show(plan.of(target, stack, resources), teller)
        wanted = not dry_run and (yes or confirmed(f"Deploy {stage}? [y/N] ", ("y", "yes")))
    except BaseException:
        stack.discard(resources)
        raise
    if wanted:
        _carry_out(target, stack, resources, kept, teller)
    else:
        stack.discard(resources)
        teller.say("Nothing was changed.")


def _show(planned: Plan, teller: Teller) -> None:
    teller.say()
    for line in plan.lines(planned):
        teller.say(line)
    teller.say()


def _carry_out(target: Target, stack: Stack, resources: ChangeSet, kept: retained.Kept, teller: Teller) -> None:
    with teller.step("Resources") as step:
        for change in warmth.ready(target):
            change.apply()
        if kept:
            stack.execute(stack.prepare(only=kept), step.progress)
            resources = stack.prepare()
        stack.execute(resources, step.progress)
        step.did = f"{counted(len(resources.changes), 'change')} to {stack.name}"
    with teller.step("Record") as step:
        target = record.outputs(target, stack.outputs())
        files = record.write(target)
        rows = record.declare(target)
        for change in clients.changes(target, stack.outputs()):
            change.apply()
        step.did = f"{counted(files, 'file')} of .chalice and {counted(rows, 'declaration')} changed"
    with teller.step("Functions") as step:
        adoption.adopt(target)
        step.did = chalice_command.deploy(target, step.progress)
    with teller.step("Finish") as step:
        target = record.address(target)
        record.write(target)
        step.did = f"{counted(finish.apply(target, step.progress), 'setting')} put right"
    with teller.step("Smoke test") as step:
        step.did = f"health is {smoke.test(target)}; refusals and CORS as they must be"
    if clients.former(target, stack.outputs()) == clients.SIGNS_IN:
        _end_former_sign_in(stack, teller)
    teller.say(f"{target.stage} is deployed: {restapi.url(target, restapi.find(target) or '')}")


def _end_former_sign_in(stack: Stack, teller: Teller) -> None:
    """Only now: until the functions signed in by the client with a secret, they did by this one."""
    with teller.step("Former client") as step:
        stack.execute(stack.prepare(former=clients.REFRESHES), step.progress)
        step.did = "it refreshes its tokens until they end, and signs nobody in"
