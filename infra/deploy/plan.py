"""The plan that is shown before a deploy: all changes, and the price of the stage."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from infra import cost, template
from infra.deploy import account, functions, network, pool_clients, remaining_settings
from infra.deploy.change import Change
from infra.deploy.functions import Differences
from infra.deploy.progress import counted
from infra.deploy.stack import ChangeSet, ResourceChange, Stack
from infra.deploy.target import Target
from infra.settings_check import StageSettings

_SIGNS = {"Add": "+", "Modify": "~", "Remove": "-", "Import": "<"}
_MAX_SETTINGS = 12


@dataclass(frozen=True)
class Plan:
    """What would change. `settings` are for existing functions; `remarks` are sentences."""

    target: Target
    stack: str
    resources: ChangeSet
    functions: Differences
    settings: list[Change]
    # Changes to the user pool's clients, as sentences.
    clients: list[str]
    dollars: Mapping[str, float]
    remarks: list[str]
    # What the stage does not do because it leaves a setting empty.
    skipped: list[str]

    @property
    def is_first(self) -> bool:
        return not (self.functions.same or self.functions.changed)


def make_plan(
    target: Target, settings: StageSettings, stack: Stack, resources: ChangeSet, more_remarks: Iterable[str]
) -> Plan:
    differences = functions.differences(target)
    changed = [] if len(differences.new) == len(target.grants) else remaining_settings.changes(target)
    remarks = [
        *account.remarks(target),
        *network.remarks(target, template.load()),
        *settings.unknown(),
        *more_remarks,
    ]
    return Plan(
        target=target,
        stack=stack.name,
        resources=resources,
        functions=differences,
        settings=changed,
        clients=_clients(target, stack.outputs()),
        dollars=cost.monthly(target.options, target.config, target.stage),
        remarks=remarks,
        skipped=list(settings.skipped()),
    )


def _clients(target: Target, outputs: Mapping[str, str]) -> list[str]:
    sentences = [change.what for change in pool_clients.secret_changes(target, outputs)]
    if pool_clients.former_client_state(target, outputs) == pool_clients.SIGNS_IN:
        sentences.append("the user pool's client without a secret: only refreshes tokens after this deploy")
    return sentences


def lines(plan: Plan) -> Iterator[str]:
    """The plan as text."""
    place = plan.target.place
    yield f"Plan for {place.stage}: account {place.account}, {place.region}"
    if plan.target.is_newly_placed:
        yield "  The stage had no account yet. It gets the account of these credentials, in .chalice/config.json."
    yield f"Resources ({plan.stack})"
    yield from _resources(plan.resources)
    yield "Functions"
    yield from _functions(plan.functions)
    yield "Settings that Chalice does not make"
    yield from _settings(plan)
    if plan.skipped:
        yield "Skipped, because the stage leaves a setting empty (docs/settings.md)"
        yield from (f"  {each}" for each in plan.skipped)
    yield from _price(plan)
    if plan.remarks:
        yield "Notes"
        yield from (f"  {each}" for each in plan.remarks)


def _resources(change_set: ChangeSet) -> Iterator[str]:
    if not change_set.changes:
        yield "  nothing changes"
    by_kind: dict[tuple[str, str], list[ResourceChange]] = defaultdict(list)
    for each in change_set.changes:
        by_kind[each.action, each.kind].append(each)
    for (action, kind), some in sorted(by_kind.items()):
        names = ", ".join(sorted(each.logical_id for each in some))
        # There are ninety alarms, so only their number is shown.
        text = names if action != "Add" or len(some) <= 4 else counted(len(some), "resource")
        yield f"  {_SIGNS.get(action, '?')} {kind}: {text}"
    if change_set.imports:
        yield "  + all other resources of the template; those above exist from an earlier deploy and are imported"
    for each in change_set.changes:
        if each.replaced:
            yield f"  ! {each.logical_id} may be replaced: the data of the old one is not moved"


def _functions(differences: Differences) -> Iterator[str]:
    for sign, names in (("+", differences.new), ("~", differences.changed), ("-", differences.removed)):
        if names:
            yield f"  {sign} {', '.join(names)}"
    if differences.same:
        yield f"  {counted(len(differences.same), 'function')} unchanged"


def _settings(plan: Plan) -> Iterator[str]:
    if plan.is_first:
        yield f"  + all settings of {counted(len(plan.functions.new), 'function')} and of the API"
    elif not plan.settings and not plan.clients:
        yield "  nothing changes, except what Chalice's deploy resets"
    for sentence in plan.clients:
        yield f"  ~ {sentence}"
    for each in plan.settings[:_MAX_SETTINGS]:
        yield f"  ~ {each.what}"
    if len(plan.settings) > _MAX_SETTINGS:
        yield f"    and {len(plan.settings) - _MAX_SETTINGS} more"


def _price(plan: Plan) -> Iterator[str]:
    options = plan.target.options
    yield (
        f"Price: ${sum(plan.dollars.values()):,.2f} a month for {options.images_a_month:,} images and "
        f"{options.requests_a_month:,} requests"
    )
    yield "  " + ", ".join(f"{service} ${dollars:,.2f}" for service, dollars in plan.dollars.items() if dollars >= 0.01)
