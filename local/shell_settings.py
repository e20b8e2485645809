"""The settings that the shell gives to the local machine, as in `OUTPUT_FORMATS=jpeg,webp make run`."""

from collections.abc import Mapping

from chalicelib.core.settings import ALL, Setting, Settings, Source, faults, misspelt
from infra.function_grants import API
from infra.settings import CONFIG, LOCAL_STAGE, environment_of, with_stage
from local.errors import MachineError


def settings_from_shell(variables: Mapping[str, str]) -> dict[str, str]:
    """Those of the variables that are settings a person may choose. No other variable reaches a function.

    Raises:
        MachineError: one of them, or a setting of the local stage in .chalice/config.json, cannot be used.
    """
    given = {name: variables[name] for name, each in ALL.items() if name in variables and _may_be_chosen(each)}
    configured = environment_of(with_stage(LOCAL_STAGE), LOCAL_STAGE, API)
    problems = [*faults({**configured, **given}), *(f"{each} (in {CONFIG.name})" for each in misspelt(configured))]
    if problems:
        raise MachineError("\n".join(f"{each}." for each in problems))
    return given


def not_taken(variables: Mapping[str, str]) -> list[str]:
    """What the shell sets and the machine leaves out, although it looks like a setting; a sentence for each."""
    own = [name for name in variables if name in ALL and not _may_be_chosen(ALL[name])]
    reasons = [*(f"{name} is that of the machine's own stage" for name in own), *misspelt(variables)]
    return [f"Not used: {each}." for each in reasons]


def _may_be_chosen(setting: Setting[object]) -> bool:
    """The machine makes the resources of its own stage, and keeps the secret of its user pool's client itself."""
    return not setting.is_resource and setting is not Settings.STAGE and setting.source is not Source.PARAMETER_STORE
