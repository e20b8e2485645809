"""The deploy from its first check to the smoke test: a line a step."""

from infra.deploy import (
    account,
    chalice_command,
    chalice_state,
    packages,
    plan,
    pool_clients,
    provisioned_concurrency,
    remaining_settings,
    rest_api,
    retained,
    smoke,
    stack_outputs,
)
from infra.deploy import target as targets
from infra.deploy.plan import Plan
from infra.deploy.progress import Reporter, counted, is_confirmed
from infra.deploy.stack import ChangeSet, Stack
from infra.deploy.target import Target


def deploy(stage: str, *, yes: bool = False, dry_run: bool = False, teller: Reporter | None = None) -> None:
    """Brings a stage to what the code says. `yes` asks nobody; `dry_run` shows the plan and changes nothing.

    Raises:
        DeployError: it could not be begun, or not be ended; the message says what to do next.
    """
    teller = teller or Reporter()
    with teller.step("Checks") as step:
        target = targets.load(stage)
        targets.check_drift(target)
        account.check(target)
        stack = Stack(target)
        stack.check()
        kept = retained.to_import(target, stack)
        step.did = f"{stage} is in {target.place.account}, {target.place.region}"
    with teller.step("Layer") as step:
        step.progress("building it takes minutes")
        step.did = packages.have_layer(target)
    with teller.step("Plan") as step:
        resources = retained.planned(kept) if kept else stack.prepare()
        step.did = f"{counted(len(resources.changes), 'change')} of resources, and what follows"
    try:
        _show(plan.make_plan(target, stack, resources), teller)
        wanted = not dry_run and (yes or is_confirmed(f"Deploy {stage}? [y/N] ", ("y", "yes")))
    except BaseException:
        stack.discard(resources)
        raise
    if wanted:
        _carry_out(target, stack, resources, kept, teller)
    else:
        stack.discard(resources)
        teller.say("Nothing was changed.")


def _show(planned: Plan, teller: Reporter) -> None:
    teller.say()
    for line in plan.lines(planned):
        teller.say(line)
    teller.say()


def _carry_out(target: Target, stack: Stack, resources: ChangeSet, kept: retained.Kept, teller: Reporter) -> None:
    with teller.step("Resources") as step:
        for change in provisioned_concurrency.missing_aliases(target):
            change.apply()
        if kept:
            stack.execute(stack.prepare(only=kept), step.progress)
            resources = stack.prepare()
        stack.execute(resources, step.progress)
        step.did = f"{counted(len(resources.changes), 'change')} to {stack.name}"
    with teller.step("Record") as step:
        target = stack_outputs.with_outputs(target, stack.outputs())
        files = stack_outputs.write(target)
        rows = stack_outputs.update_declarations(target)
        for change in pool_clients.secret_changes(target, stack.outputs()):
            change.apply()
        step.did = f"{counted(files, 'file')} of .chalice and {counted(rows, 'declaration')} changed"
    with teller.step("Functions") as step:
        chalice_state.rebuild(target)
        step.did = chalice_command.deploy(target, step.progress)
    with teller.step("Finish") as step:
        target = stack_outputs.with_api_address(target)
        stack_outputs.write(target)
        step.did = f"{counted(remaining_settings.apply(target, step.progress), 'setting')} put right"
    with teller.step("Smoke test") as step:
        step.did = f"health is {smoke.test(target)}; refusals and CORS as they must be"
    if pool_clients.former_client_state(target, stack.outputs()) == pool_clients.SIGNS_IN:
        _end_former_sign_in(stack, teller)
    teller.say(f"{target.stage} is deployed: {rest_api.url(target, rest_api.find(target) or '')}")


def _end_former_sign_in(stack: Stack, teller: Reporter) -> None:
    """Only now: until the functions signed in by the client with a secret, they did by this one."""
    with teller.step("Former client") as step:
        stack.execute(stack.prepare(former=pool_clients.REFRESHES), step.progress)
        step.did = "it refreshes its tokens until they end, and signs nobody in"
