"""What each stage wants of AWS beyond what .chalice/config.json can say: stages.toml, read and checked."""

import dataclasses
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from chalicelib.core.schemas import EMAIL

SOURCE = Path(__file__).with_name("stages.toml")

# CloudWatch Logs, PutRetentionPolicy.
_RETENTIONS = {1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}


class OptionsError(ValueError):
    """stages.toml says what cannot be; the message says where and what it may say."""


@dataclass(frozen=True)
class Options:
    """A stage's options; stages.toml tells what each is."""

    log_retention_days: int
    customer_key: bool
    throttle_rate: int
    throttle_burst: int
    provisioned_concurrency: Mapping[str, int]
    reserved_concurrency: Mapping[str, int]
    operators_email: str
    accounts_email: str
    daily_spend_dollars: float
    images_a_month: int
    requests_a_month: int
    vpc_id: str
    subnet_ids: tuple[str, ...]
    route_table_ids: tuple[str, ...]

    @classmethod
    def of(cls, stage: str, source: Path = SOURCE) -> Self:
        """What that stage wants.

        Raises:
            OptionsError: no TOML, an unknown option, a value of another type, or one that AWS does not know.
        """
        try:
            said = tomllib.loads(source.read_text())
        except tomllib.TOMLDecodeError as error:
            raise OptionsError(f"{source.name} is no TOML: {error}.") from None
        values = {**said["default"], **said.get(stage, {})}
        known = {each.name: each for each in dataclasses.fields(cls)}
        if strange := sorted(values.keys() - known.keys()):
            raise OptionsError(f"{source.name}: there is no option {', '.join(strange)}.")
        if missing := sorted(known.keys() - values.keys()):
            raise OptionsError(f"{source.name}: [default] has to say {', '.join(missing)}.")
        options = cls(**{name: _checked(name, value, source) for name, value in values.items()})
        options._check(source)
        return options

    def _check(self, source: Path) -> None:
        if self.log_retention_days not in _RETENTIONS:
            raise OptionsError(f"{source.name}: log_retention_days is one of {sorted(_RETENTIONS)}.")
        if bool(self.subnet_ids) != bool(self.vpc_id):
            raise OptionsError(f"{source.name}: a network is named by vpc_id and subnet_ids, by both or by neither.")


_INTEGERS = {"log_retention_days", "throttle_rate", "throttle_burst", "images_a_month", "requests_a_month"}
_TEXTS = {"operators_email", "accounts_email", "vpc_id"}
_LISTS = {"subnet_ids", "route_table_ids"}
_COUNTS = {"provisioned_concurrency", "reserved_concurrency"}


def _checked(name: str, value: Any, source: Path) -> Any:
    if name in _INTEGERS and _is_count(value):
        return value
    if name == "customer_key" and isinstance(value, bool):
        return value
    if name == "daily_spend_dollars" and isinstance(value, int | float) and not isinstance(value, bool) and value > 0:
        return float(value)
    if name == "operators_email" and isinstance(value, str) and value and not re.search(str(EMAIL["pattern"]), value):
        raise OptionsError(f"{source.name}: operators_email is {value!r}, which is no e-mail address.")
    if name in _TEXTS and isinstance(value, str):
        return value
    if name in _LISTS and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return tuple(value)
    if name in _COUNTS and isinstance(value, dict) and all(_is_count(each) for each in value.values()):
        return value
    raise OptionsError(f"{source.name}: {name} cannot be {value!r}.")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
