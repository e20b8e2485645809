"""Whether the settings of a stage can be used, and what the stage skips because it leaves settings empty."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.core.settings import ALL, Settings, Source, faults, misspelt, similar_setting
from infra.function_grants import FunctionGrants
from infra.settings import environment_of

# Variables of AWS's own, for its SDK and its runtimes.
_OF_AWS = "AWS_"


@dataclass(frozen=True)
class StageSettings:
    """`grants` are those of the functions; `stored` are the stage's settings in Parameter Store, without secrets."""

    config: Mapping[str, Any]
    stage: str
    grants: Mapping[str, FunctionGrants]
    stored: Mapping[str, str]

    def problems(self) -> list[str]:
        """What must be corrected before the stage is deployed; all of it, in sentences without a full stop."""
        found = [fault for each in self.grants for fault in faults(self._environment(each))]
        found += [f"{fault} (in Parameter Store)" for fault in faults(self._read_from_store())]
        found += faults(self._defaults())
        found += misspelt(self._names_in_config())
        found += [
            f"{name} is read from Parameter Store alone: remove it from .chalice/config.json"
            for name in self._names_in_config()
            if name in ALL and ALL[name].source is Source.PARAMETER_STORE
        ]
        return list(dict.fromkeys(found))

    def unknown(self) -> Iterator[str]:
        """Variables of the stage that are neither settings nor similar to one: perhaps a library reads them."""
        for name in self._names_in_config():
            if name not in ALL and not name.startswith(_OF_AWS) and similar_setting(name) is None:
                yield f"{name} is no setting of Darkroom; the functions get it as it is."

    def skipped(self) -> Iterator[str]:
        """What the stage does not do because a setting is empty."""
        for name, setting in ALL.items():
            if setting.skipped and any(not self.text(each, name).strip() for each in self._readers(name)):
                yield f"{name}: {setting.skipped}"

    def _environment(self, function: str) -> dict[str, str]:
        return environment_of(self.config, self.stage, function)

    def _readers(self, name: str) -> Iterator[str]:
        return (function for function, each in self.grants.items() if name in each["operations"])

    def text(self, function: str, name: str) -> str:
        """What a function reads."""
        return self._environment(function).get(name, self.stored.get(name, ALL[name].default or ""))

    def _read_from_store(self) -> dict[str, str]:
        return {
            name: text
            for name, text in self.stored.items()
            if any(name not in self._environment(each) for each in self._readers(name))
        }

    def _defaults(self) -> dict[str, str]:
        """Those that functions read: the default of one may name a file of the checkout."""
        return {
            name: setting.default
            for name, setting in ALL.items()
            if setting.default is not None
            and name not in self.stored
            and any(name not in self._environment(each) for each in self._readers(name))
        }

    def _names_in_config(self) -> Iterable[str]:
        return dict.fromkeys(name for each in self.grants for name in self._environment(each))


def parameter_paths(config: Mapping[str, Any], stage: str, grants: Mapping[str, FunctionGrants]) -> dict[str, str]:
    """The paths at which functions of the stage look for settings that their environment lacks, by path."""
    paths = {}
    for function, each in grants.items():
        environment = environment_of(config, stage, function)
        service = environment.get(Settings.SERVICE_NAME.name, Settings.SERVICE_NAME.default)
        for name in each["operations"]:
            if name not in environment and not ALL[name].is_secret:
                paths[f"/darkroom/{stage}/{service}/{name}"] = name
    return paths
