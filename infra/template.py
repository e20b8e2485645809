"""The CloudFormation template: resources.yaml with long-form intrinsics and the state machine's definition.

    python -m infra template --stage prod

`complete` adds log groups, alarms and the dashboard.
"""

import argparse
import copy
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
SOURCE = HERE / "resources.yaml"
DEFAULT_STAGE = "prod"

Template = dict[str, Any]


# The parser in C, where PyYAML has it, takes a tenth of the time.
_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_SafeLoader):  # type: ignore[misc]
    """A SafeLoader that also reads CloudFormation's short tags."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    raise yaml.YAMLError(f"!{suffix} tags an unknown YAML node")


_Loader.add_multi_constructor("!", _intrinsic)


def load() -> Template:
    """The template with long-form intrinsics and without YAML aliases.

    In resources.yaml the DefinitionString of a state machine names a file. Here the file's content replaces the name.
    """
    return copy.deepcopy(_read())


@functools.cache
def _read() -> Template:
    # The loader is a SafeLoader: it builds plain values only.
    template: Template = yaml.load(SOURCE.read_text(), Loader=_Loader)  # noqa: S506
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            definition = json.loads((SOURCE.parent / resource["Properties"]["DefinitionString"]).read_text())
            resource["Properties"]["DefinitionString"] = json.dumps(definition)
    return template


def complete(stage: str, config: Mapping[str, Any] | None = None) -> Template:
    """The complete template of a stage: resources, log groups, alarms and dashboard, with the alarms' parameters.

    Raises:
        KeyError: .chalice/config.json has no such stage.
    """
    # Imported here, because they import the application. The local machine does not need them.
    from infra import alarms, dashboard, log_groups, pipeline_timeouts, settings, triggers, watched_functions

    config = config or json.loads(settings.CONFIG.read_text())
    template = pipeline_timeouts.with_timeouts(load(), settings.timeouts(config, stage))
    functions = watched_functions.functions(triggers.application(), config, stage)
    api = watched_functions.api_dimensions(config, stage)
    monitoring = {
        **log_groups.resources(each.name for each in functions),
        **alarms.resources(functions, template["Resources"], api),
        **dashboard.resources(functions, template["Resources"], api),
    }
    return {
        **template,
        "Parameters": {**template["Parameters"], **alarms.PARAMETERS},
        "Conditions": {**template.get("Conditions", {}), **alarms.CONDITIONS},
        "Resources": {**template["Resources"], **monitoring},
    }


def show(stage: str) -> None:
    from infra import settings

    print(json.dumps(complete(stage, settings.with_stage(stage)), indent=2))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.template", description=__doc__)
    parser.add_argument("--stage", default=DEFAULT_STAGE)
    show(parser.parse_args().stage)


if __name__ == "__main__":
    main()
