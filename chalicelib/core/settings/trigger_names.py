"""The names of the buckets, queues, topics and streams that trigger functions, for their decorators."""

from typing import Any

from chalicelib.core import config
from chalicelib.core.settings.setting import STAGE, Setting


class TriggerName(str):
    """A trigger's name that also knows its setting: its grants are found by it."""

    variable: str


def trigger_name(setting: Setting[Any]) -> TriggerName:
    """The bucket, queue, topic or stream of a trigger, for its decorator; of a queue's URL the queue's name.

    From the environment only: every function imports app.py, so a look-up elsewhere would slow each cold start.
    Without the variable a running function gets a placeholder, which it never uses.

    Raises:
        SystemExit: Chalice's command line deploys the triggers, and the variable is not set.
    """
    value = setting.in_environment()
    if value is None:
        if config.is_chalice_command() and STAGE.get() != "local":
            raise SystemExit(
                f"{setting.name} is named by AWS when the stage's resources are made: run `python -m infra deploy "
                f"--stage {STAGE.get()}`, which makes them and then calls Chalice."
            )
        value = f"unset-{setting.name.lower().replace('_', '-')}"
    name = TriggerName(value.rsplit("/", 1)[-1] if value.startswith(("http://", "https://")) else value)
    name.variable = setting.name
    return name
