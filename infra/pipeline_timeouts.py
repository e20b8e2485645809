"""How long the state machine waits: for a function as long as it may run, for an execution longer than for all."""

import copy
import json
from collections.abc import Mapping
from typing import Any

STATE_MACHINE = "ImagePipeline"

# What EXPRESS executions last at most (AWS Step Functions quotas). A machine that times out as a whole runs no Catch,
# so every way through it has to end before.
_LONGEST_EXPRESS = 300
_MARGIN = 10
# The sweeper takes an image up that has stood still for so long (chalicelib/sweeping/stuck.py): by then it has ended.
LONGEST_EXECUTION = 20 * 60 - _MARGIN


class TooLongError(ValueError):
    """The functions' timeouts add up to more than an execution may last."""


def with_timeouts(template: Mapping[str, Any], timeouts: Mapping[str, int]) -> dict[str, Any]:
    """The template whose state machine waits as long for each function as its timeout says, in seconds.

    It is EXPRESS where every way through it fits into the five minutes that AWS gives those, else STANDARD.

    Raises:
        TooLongError: no execution may last that long.
    """
    if STATE_MACHINE not in template["Resources"]:
        return dict(template)
    machine = copy.deepcopy(template["Resources"][STATE_MACHINE])
    definition = json.loads(machine["Properties"]["DefinitionString"])
    for name, state in definition["States"].items():
        if name.lower() in timeouts:
            state["TimeoutSeconds"] = timeouts[name.lower()]
    way = longest_path(definition)
    if way > LONGEST_EXECUTION - _MARGIN:
        raise TooLongError(
            f"The timeouts of the state machine's functions (.chalice/config.json) add up to {way} s, and an execution "
            f"ends after {LONGEST_EXECUTION - _MARGIN} s, before the sweeper takes its image up."
        )
    fits = way <= _LONGEST_EXPRESS - _MARGIN
    definition["TimeoutSeconds"] = _LONGEST_EXPRESS if fits else LONGEST_EXECUTION
    machine["Properties"]["StateMachineType"] = "EXPRESS" if fits else "STANDARD"
    machine["Properties"]["DefinitionString"] = json.dumps(definition)
    return {**template, "Resources": {**template["Resources"], STATE_MACHINE: machine}}


def longest_path(definition: Mapping[str, Any]) -> int:
    """The sum of the timeouts along the longest way through the states, in seconds."""

    def longest(name: str) -> int:
        state = definition["States"][name]
        following = [state["Next"]] if "Next" in state else []
        following += [each["Next"] for each in (*state.get("Catch", ()), *state.get("Choices", ()))]
        following += [state["Default"]] if "Default" in state else []
        return int(state.get("TimeoutSeconds", 0)) + max(map(longest, following), default=0)

    return longest(definition["StartAt"])
