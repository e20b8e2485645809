"""All settings: `Settings.QUALITY_SETTING.get()` is the number from 1 to 95 that the stage has.

`model` says what each one is, `kinds` what types there are, `setting` where a value comes from, `checks` whether the
values can be used.
"""

from chalicelib.core.settings.checks import check, faults, misspelt, similar_setting
from chalicelib.core.settings.model import ALL, GROUPS, Settings
from chalicelib.core.settings.setting import Setting, Source, parameter_path
from chalicelib.core.settings.trigger_names import TriggerName, trigger_name

__all__ = [
    "ALL",
    "GROUPS",
    "Setting",
    "Settings",
    "Source",
    "TriggerName",
    "check",
    "faults",
    "misspelt",
    "parameter_path",
    "similar_setting",
    "trigger_name",
]
