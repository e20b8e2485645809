"""docs/settings.md, generated from the model of settings: `python -m infra settings`."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from chalicelib.core.settings import GROUPS, Setting, Source
from infra.function_grants import FunctionGrants
from infra.settings import ROOT

DOCUMENT = ROOT / "docs" / "settings.md"

_INTRODUCTION = """\
# Settings

Generated from `chalicelib/core/settings/` by `python -m infra settings`.

A setting is looked for in the environment, then in Parameter Store (`/darkroom/{stage}/{SERVICE_NAME}/{NAME}`), else
its default holds. A stage's environment is `environment_variables` in `.chalice/config.json`. A setting that is absent
there costs a function that reads it a call to Parameter Store in each cold start, so the usual ones stand there with
their defaults. Locally, `OUTPUT_FORMATS=jpeg,webp make run` sets a setting, but neither names of resources, nor
`STAGE`, nor secrets; `make run` names what it does not use. A value that cannot be used ends it before anything starts.

What a function reads is checked when it starts, and what a stage sets when it is deployed, before anything changes.
"Read by" names the functions that look the setting up, as `@required_env_vars` declares it.
"""
_OF_RESOURCES = """\
These come with the stage's resources: `make policies` and `python -m infra deploy` write them into
`.chalice/config.json`, and the client's secret into Parameter Store.
"""
_HEADER = "| setting | what it does | value | unit | default | read by |\n|---|---|---|---|---|---|"


def write(grants: Mapping[str, FunctionGrants]) -> int:
    """Updates docs/settings.md; returns how many files were changed."""
    text = document(grants)
    if DOCUMENT.exists() and DOCUMENT.read_text() == text:
        return 0
    DOCUMENT.write_text(text)
    return 1


def document(grants: Mapping[str, FunctionGrants]) -> str:
    """docs/settings.md."""
    return "\n".join([_INTRODUCTION, *_sections(grants)])


def _sections(grants: Mapping[str, FunctionGrants]) -> Iterator[str]:
    for group in GROUPS:
        yield f"## {group.__doc__}\n"
        settings = [each for each in vars(group).values() if isinstance(each, Setting)]
        if all(each.is_resource for each in settings):
            yield _OF_RESOURCES
        yield _HEADER
        yield from (_row(each, _readers(each, grants)) for each in settings)
        yield ""


def _row(setting: Setting[Any], readers: str) -> str:
    cells = [f"`{setting.name}`", _meaning(setting), _value(setting), setting.unit, _default(setting), readers]
    return f"| {' | '.join(cells)} |"


def _meaning(setting: Setting[Any]) -> str:
    when_empty = setting.empty or setting.skipped
    return f"{setting.does} Empty: {when_empty}." if when_empty else setting.does


def _value(setting: Setting[Any]) -> str:
    places = {Source.ENVIRONMENT: ", from the environment alone", Source.PARAMETER_STORE: ", in Parameter Store alone"}
    return f"{setting.kind.rule}{places.get(setting.source, '')}"


def _default(setting: Setting[Any]) -> str:
    if setting.default is None:
        return "required"
    return f"`{setting.default}`" if setting.default else "empty"


def _readers(setting: Setting[Any], grants: Mapping[str, FunctionGrants]) -> str:
    readers = [function for function, each in grants.items() if setting.name in _names(each)]
    if setting.source is Source.ENVIRONMENT and not setting.is_resource:
        return "every function"
    if not readers:
        return "`infra deploy` alone"
    others = [function for function in grants if function not in readers]
    if not others:
        return "every function"
    return f"every function but {_list(others)}" if len(others) <= len(grants) // 3 else _list(readers)


def _names(grants: FunctionGrants) -> set[str | None]:
    return {*grants["operations"], grants["queue"], grants["stream"]}


def _list(names: Iterable[str]) -> str:
    return ", ".join(f"`{each}`" for each in names)
