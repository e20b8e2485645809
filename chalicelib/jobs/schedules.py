"""When a scheduled function runs in this stage."""

from chalicelib.core.schedules import SCHEDULES
from chalicelib.core.settings import Settings


def expression(name: str) -> str | None:
    """When the function runs in this stage; None where the stage's SCHEDULES_OFF names it.

    Raises:
        KeyError: no schedule is called so.
        InvalidSettingError: SCHEDULES_OFF names one that there is not.
    """
    schedule = SCHEDULES[name]
    is_off = name in Settings.SCHEDULES_OFF.get()
    return None if is_off else schedule.by_stage.get(Settings.STAGE.get(), schedule.expression)
