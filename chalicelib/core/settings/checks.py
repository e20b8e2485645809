"""Whether settings can be used: those of a function when it starts, those of a stage before it is made."""

from collections.abc import Iterable, Iterator, Mapping

from chalicelib.core.errors import InvalidSettingError, MissingConfigError
from chalicelib.core.settings.model import ALL
from chalicelib.core.settings.setting import Source, texts

# How similar a name must be to be taken for a slip of the hand, from 0 to 1.
_SIMILAR = 0.85
# Variables of AWS's own, for its SDK and its runtimes.
_OF_AWS = "AWS_"
_BY_EVERY_FUNCTION = frozenset(name for name, each in ALL.items() if each.source is Source.ENVIRONMENT)


def check(names: Iterable[str]) -> None:
    """Checks what a function declares, and what every function reads, before it does anything.

    Raises:
        MissingConfigError: naming every setting that is set nowhere.
        InvalidSettingError: naming every setting whose text is no value of it.
    """
    wanted = [ALL[name] for name in {*names, *_BY_EVERY_FUNCTION} if not _is_of_deploy(name)]
    try:
        found = texts(wanted)
    except MissingConfigError as error:
        there = {each.name: text for each in wanted if (text := each.in_environment()) is not None}
        raise MissingConfigError(error.missing, list(faults(there))) from None
    if found_faults := list(faults(found)):
        raise InvalidSettingError(found_faults)


def _is_of_deploy(name: str) -> bool:
    """Whether only the triggers of a deploy need it: a running function does not."""
    return name in _BY_EVERY_FUNCTION and ALL[name].is_resource


def faults(environment: Mapping[str, str]) -> Iterator[str]:
    """What is wrong with the known settings of an environment, one sentence without its full stop for each."""
    for name, text in environment.items():
        if name in ALL:
            try:
                ALL[name].parse(text)
            except InvalidSettingError as error:
                yield from error.faults


def misspelt(names: Iterable[str]) -> Iterator[str]:
    """A sentence, without its full stop, for each name that is no setting and is similar to one."""
    for name in names:
        if (meant := similar_setting(name)) is not None:
            yield f"{name} is no setting: {meant} is"


def similar_setting(name: str) -> str | None:
    """The setting whose name is most like `name`; None if `name` is a setting itself, or like none."""
    if name in ALL or name.startswith(_OF_AWS):
        return None
    # Imported late: no function needs it.
    import difflib

    return next(iter(difflib.get_close_matches(name.upper(), ALL, n=1, cutoff=_SIMILAR)), None)
