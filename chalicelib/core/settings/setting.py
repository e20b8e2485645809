"""One setting: what it means, where its text is found, and the value that the text stands for."""

import re
from collections.abc import Iterable
from enum import Enum
from typing import Any, Generic, TypeVar

from chalicelib.core import config
from chalicelib.core.errors import InvalidSettingError, MissingConfigError
from chalicelib.core.presets.faults import FaultyFileError
from chalicelib.core.settings.kinds import Kind, Matching, Text

T = TypeVar("T")

# What an address may hold that no message shows.
_USER_INFO, _QUERY = re.compile(r"//[^/@]*@"), re.compile(r"\?.*")


class Source(Enum):
    """Where the text of a setting may be."""

    ANYWHERE = "environment, then Parameter Store"
    # Every process reads it before its first run, and a look-up elsewhere would slow each cold start.
    ENVIRONMENT = "environment alone"
    # Consoles show the environment, and child processes inherit it.
    PARAMETER_STORE = "Parameter Store alone"


class Setting(Generic[T]):
    """A setting of the stage. Its name is that of its attribute in the model.

    - `kind`: its type and range. `unit`: of a number.
    - `does`: one sentence.
    - `default`: as a text; None if the setting is required. `{stage}` in it stands for the stage's name.
    - `empty`: what an empty value means, where one is allowed; `skipped`: what Darkroom then does not do at all.
    - `is_resource`: its value comes with the stage's resources: `make policies` or a deploy writes it.
    - `is_secret`: no message shows its value.
    """

    name: str

    def __init__(
        self,
        kind: Kind[T],
        does: str,
        *,
        default: str | None = None,
        unit: str = "",
        empty: str = "",
        skipped: str = "",
        nothing: T | None = None,
        source: Source = Source.ANYWHERE,
        is_resource: bool = False,
        is_secret: bool = False,
    ) -> None:
        """`nothing` is the value of an empty text, where one is allowed."""
        self.kind, self.does, self.default, self.unit = kind, does, default, unit
        self.empty, self.skipped, self._nothing = empty, skipped, nothing
        self.source, self.is_resource, self.is_secret = source, is_resource, is_secret

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"<setting {self.name}>"

    def get(self) -> T:
        """The value: from the environment, else from Parameter Store, else the default.

        Raises:
            MissingConfigError: it is set nowhere and has no default.
            InvalidSettingError: the text is no value of this setting.
        """
        text = self.in_environment()
        return self.parse(texts([self])[self.name] if text is None else text)

    def in_environment(self) -> str | None:
        return None if self.source is Source.PARAMETER_STORE else config.in_environment(self.name)

    def parse(self, text: str) -> T:
        """The value that a text stands for. Raises InvalidSettingError."""
        if self._nothing is not None and not text.strip():
            return self._nothing
        try:
            return self.kind.parse(text)
        except FaultyFileError as error:
            raise InvalidSettingError(error.faults) from None
        except ValueError as error:
            raise InvalidSettingError([f"{self.name} must be {error}, {self._but(text)}"]) from None

    def _but(self, text: str) -> str:
        if self.is_secret:
            return "and is not (the value is secret)"
        if isinstance(self.kind, Matching):
            text = _QUERY.sub("?…", _USER_INFO.sub("//…@", text))
        return f"not {text[:200]!r}"


STAGE = Setting(
    Text(),
    "The name of the stage, which is part of the names of its resources and parameters.",
    default="local",
    source=Source.ENVIRONMENT,
)
SERVICE_NAME = Setting(
    Text(),
    "The name of the service in the paths of its parameters, in traces and in the table of declarations.",
    default="darkroom",
    source=Source.ENVIRONMENT,
)


def parameter_path(name: str) -> str:
    """The path of a setting in Parameter Store."""
    return f"/darkroom/{STAGE.get()}/{SERVICE_NAME.get()}/{name}"


def texts(settings: Iterable[Setting[Any]]) -> dict[str, str]:
    """The texts of several settings; those that are not in the environment are fetched from Parameter Store at once.

    Raises:
        MissingConfigError: naming every setting that is set nowhere, and both places.
    """
    by_name = {each.name: each for each in settings}
    found = {name: text for name, each in by_name.items() if (text := each.in_environment()) is not None}
    others = [each for name, each in by_name.items() if name not in found]
    found |= _stored([each for each in others if each.source is not Source.ENVIRONMENT])
    missing: dict[str, str] = {}
    for each in others:
        if each.name in found:
            continue
        if each.default is None:
            missing[each.name] = parameter_path(each.name)
        else:
            found[each.name] = _in_this_stage(each.default)
    if missing:
        raise MissingConfigError(missing)
    return found


def _in_this_stage(default: str) -> str:
    return default.replace("{stage}", STAGE.get()) if "{stage}" in default else default


def _stored(settings: list[Setting[Any]]) -> dict[str, str]:
    if not settings:
        return {}
    with_default = {each.name for each in settings if each.default is not None}
    return config.in_parameter_store({each.name: parameter_path(each.name) for each in settings}, with_default)
