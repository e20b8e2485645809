"""The functions of a stage, with what alarms and the dashboard need to know about each."""

import functools
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.core.schedules import SCHEDULES
from chalicelib.core.settings import Settings
from chalicelib.jobs.recurrence import Rate, parse
from infra import function_grants, triggers
from infra.settings import settings_of_function


@dataclass(frozen=True)
class Function:
    """A function to watch. `timeout` is in seconds.

    `refuses` is true where the function raises because a file is invalid. `gap` is the longest time between two
    scheduled runs in this stage, in seconds; None if the function has no schedule.
    """

    name: str
    timeout: int
    refuses: bool = False
    reads_stream: bool = False
    gap: int | None = None

    @property
    def lambda_name(self) -> dict[str, str]:
        return {"Fn::Sub": function_grants.lambda_name(self.name, "${Stage}")}

    @property
    def id(self) -> str:
        return "".join(word.capitalize() for word in self.name.split("_"))


def functions(app: Any, config: Mapping[str, Any], stage: str) -> list[Function]:
    """All functions of app.py, the API's first, with the settings of that stage in config.json."""
    grants = function_grants.grants_by_function(app)
    decorated = {name: function for _, name, function in triggers.functions(app)}
    return [
        Function(
            name,
            timeout=settings_of_function(config, stage, name)["lambda_timeout"],
            refuses=getattr(decorated.get(name), "refuses", False),
            reads_stream=grants[name]["stream"] is not None,
            gap=_gap(name, config, stage),
        )
        for name in grants
    ]


def _gap(name: str, config: Mapping[str, Any], stage: str) -> int | None:
    settings = {**config["environment_variables"], **config["stages"][stage]["environment_variables"]}
    if name not in SCHEDULES or name in Settings.SCHEDULES_OFF.parse(settings.get("SCHEDULES_OFF", "")):
        return None
    return longest_gap(SCHEDULES[name].by_stage.get(stage, SCHEDULES[name].expression))


@functools.cache
def longest_gap(expression: str) -> int:
    """The longest time between two runs in 400 days, in seconds."""
    recurrence, start = parse(expression), datetime(2026, 1, 1, tzinfo=UTC)
    if isinstance(recurrence, Rate):
        return recurrence.seconds
    runs = itertools.pairwise(recurrence.all_after(start, start))
    in_time = itertools.takewhile(lambda run: run[0] < start + timedelta(days=400), runs)
    return int(max(((following - run).total_seconds() for run, following in in_time), default=0))


def api_dimensions(config: Mapping[str, Any], stage: str) -> tuple[str, str]:
    """The API's name and stage in API Gateway. Its metrics have no other dimensions."""
    of_stage = config["stages"][stage]
    default = config.get("api_gateway_stage", "api")
    return config["app_name"], of_stage.get("api_gateway_stage", default)
