"""The timeouts of the state machine: for each function its own timeout, for an execution more than the sum."""

import copy
import json
from collections.abc import Mapping
from typing import Any

STATE_MACHINE = "ImagePipeline"

# The limit of EXPRESS executions (AWS Step Functions quotas). An execution that times out as a whole runs no Catch, so
# every path must end before.
_MAX_EXPRESS = 300
_MARGIN = 10
# The sweeper retries an image after 20 minutes (jobs/sweeper/stuck.py). Its execution must have ended by then.
MAX_EXECUTION = 20 * 60 - _MARGIN


class TooLongError(ValueError):
    """The sum of the functions' timeouts is more than an execution may last."""


def with_timeouts(template: Mapping[str, Any], timeouts: Mapping[str, int]) -> dict[str, Any]:
    """The template with the functions' timeouts (seconds) in its state machine.

    The type is EXPRESS if every path ends within AWS's limit of five minutes, else STANDARD.

    Raises:
        TooLongError: the timeouts are too long even for STANDARD.
    """
    if STATE_MACHINE not in template["Resources"]:
        return dict(template)
    machine = copy.deepcopy(template["Resources"][STATE_MACHINE])
    definition = json.loads(machine["Properties"]["DefinitionString"])
    for name, state in definition["States"].items():
        if name.lower() in timeouts:
            state["TimeoutSeconds"] = timeouts[name.lower()]
    longest = longest_path(definition)
    if longest > MAX_EXECUTION - _MARGIN:
        raise TooLongError(
            f"The timeouts of the state machine's functions (.chalice/config.json) add up to {longest} s. An "
            f"execution must end after {MAX_EXECUTION - _MARGIN} s, before the sweeper retries its image."
        )
    fits = longest <= _MAX_EXPRESS - _MARGIN
    definition["TimeoutSeconds"] = _MAX_EXPRESS if fits else MAX_EXECUTION
    machine["Properties"]["StateMachineType"] = "EXPRESS" if fits else "STANDARD"
    machine["Properties"]["DefinitionString"] = json.dumps(definition)
    return {**template, "Resources": {**template["Resources"], STATE_MACHINE: machine}}


def longest_path(definition: Mapping[str, Any]) -> int:
    """The largest sum of timeouts on a path through the states, in seconds."""

    def longest(name: str) -> int:
        state = definition["States"][name]
        following = [state["Next"]] if "Next" in state else []
        following += [each["Next"] for each in (*state.get("Catch", ()), *state.get("Choices", ()))]
        following += [state["Default"]] if "Default" in state else []
        return int(state.get("TimeoutSeconds", 0)) + max(map(longest, following), default=0)

    return longest(definition["StartAt"])
