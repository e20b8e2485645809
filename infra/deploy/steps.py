"""The steps of a deploy, from the checks to the smoke test. Each prints one line."""

from infra.deploy import (
    account,
    chalice_command,
    chalice_state,
    checked_settings,
    mark_files,
    packages,
    parameters,
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


def deploy(stage: str, *, yes: bool = False, dry_run: bool = False) -> None:
    """Deploys a stage. `yes` does not ask; `dry_run` shows the plan and changes nothing.

    Raises:
        DeployError: it failed. The message says what to do next.
    """
    reporter = Reporter()
    with reporter.step("Checks") as step:
        checked_settings.check_configured(stage)
        target = targets.load(stage)
        settings = checked_settings.check_stored(target)
        remarks = mark_files.check(target, settings)
        targets.check_drift(target)
        account.check(target)
        stack = Stack(target)
        stack.check()
        to_import = retained.to_import(target, stack)
        step.did = f"{stage} is in {target.place.account}, {target.place.region}"
    with reporter.step("Layer") as step:
        step.progress("building it takes minutes")
        step.did = packages.ensure_layer(target)
    with reporter.step("Plan") as step:
        resources = retained.planned(to_import) if to_import else stack.prepare()
        step.did = f"{counted(len(resources.changes), 'change')} of resources"
    try:
        _show(plan.make_plan(target, settings, stack, resources, remarks), reporter)
        is_wanted = not dry_run and (yes or is_confirmed(f"Deploy {stage}? [y/N] ", ("y", "yes")))
    except BaseException:
        stack.discard(resources)
        raise
    if is_wanted:
        _carry_out(target, stack, resources, to_import, reporter)
    else:
        stack.discard(resources)
        reporter.print("Nothing was changed.")


def _show(planned: Plan, reporter: Reporter) -> None:
    reporter.print()
    for line in plan.lines(planned):
        reporter.print(line)
    reporter.print()


def _carry_out(
    target: Target, stack: Stack, resources: ChangeSet, to_import: retained.Identifiers, reporter: Reporter
) -> None:
    with reporter.step("Resources") as step:
        for change in provisioned_concurrency.missing_aliases(target):
            change.apply()
        if to_import:
            stack.execute(stack.prepare(to_import=to_import), step.progress)
            resources = stack.prepare()
        stack.execute(resources, step.progress)
        step.did = f"{counted(len(resources.changes), 'change')} to {stack.name}"
    with reporter.step("Record") as step:
        target = stack_outputs.with_outputs(target, stack.outputs())
        files = stack_outputs.write(target)
        rows = stack_outputs.update_declarations(target)
        for change in pool_clients.secret_changes(target, stack.outputs()):
            change.apply()
        step.did = f"{counted(files, 'file')} of .chalice and {counted(rows, 'declaration')} changed"
    with reporter.step("Functions") as step:
        chalice_state.rebuild(target)
        step.did = chalice_command.deploy(target, step.progress)
    page_before = parameters.page_origin(target)
    with reporter.step("Settings") as step:
        target = stack_outputs.with_api_address(target)
        stack_outputs.write(target)
        step.did = f"{counted(remaining_settings.apply(target, step.progress), 'setting')} changed"
    stack = Stack(target)
    if parameters.page_origin(target) != page_before:
        _allow_page(target, stack, reporter)
    with reporter.step("Smoke test") as step:
        step.did = f"health is {smoke.test(target)}; errors and CORS are as expected"
    if pool_clients.former_client_state(target, stack.outputs()) == pool_clients.SIGNS_IN:
        _end_former_sign_in(stack, reporter)
    reporter.print(f"{target.stage} is deployed: {rest_api.url(target, rest_api.find(target) or '')}")


def _allow_page(target: Target, stack: Stack, reporter: Reporter) -> None:
    """Runs after the API exists, because the page is at its address."""
    with reporter.step("Page") as step:
        stack.execute(stack.prepare(), step.progress)
        step.did = f"the buckets take requests from {parameters.page_origin(target)}"


def _end_former_sign_in(stack: Stack, reporter: Reporter) -> None:
    """Runs after the functions are deployed, because the old functions signed users in with this client."""
    with reporter.step("Former client") as step:
        stack.execute(stack.prepare(former=pool_clients.REFRESHES), step.progress)
        step.did = "it refreshes tokens until they expire, and signs nobody in"
