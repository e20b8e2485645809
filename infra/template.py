"""resources.yaml as one plain CloudFormation document: short tags spelled out, the state machine's text put in.

    python -m infra template --stage prod

What stands in AWS of a stage is that and what watches its functions: log groups, alarms and a dashboard.
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


class _Loader(yaml.SafeLoader):
    """SafeLoader that also knows CloudFormation's short tags."""


def _intrinsic(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
        return {name: value.split(".", 1) if suffix == "GetAtt" else value}
    if isinstance(node, yaml.SequenceNode):
        return {name: loader.construct_sequence(node, deep=True)}
    if isinstance(node, yaml.MappingNode):
        return {name: loader.construct_mapping(node, deep=True)}
    raise yaml.YAMLError(f"!{suffix} stands before something that is no node of YAML")


_Loader.add_multi_constructor("!", _intrinsic)


def load(source: Path = SOURCE) -> Template:
    """The template as CloudFormation takes it: long-form intrinsics, no YAML aliases, nothing beside it needed.

    A state machine's DefinitionString names a file beside the template; the file's JSON takes its place.
    """
    return copy.deepcopy(_read(source))


# YAML takes its time: a tenth of a second and more.
@functools.cache
def _read(source: Path) -> Template:
    # The loader is a SafeLoader: it builds plain values only.
    template: Template = yaml.load(source.read_text(), Loader=_Loader)  # noqa: S506
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::StepFunctions::StateMachine":
            definition = json.loads((source.parent / resource["Properties"]["DefinitionString"]).read_text())
            resource["Properties"]["DefinitionString"] = json.dumps(definition)
    return template


def complete(stage: str, config: Mapping[str, Any] | None = None) -> Template:
    """All that CloudFormation makes for a stage: the resources, and what watches the functions as that stage has them.

    It takes CloudFormation's parameters as `load` does, and those of the alarms beside them.

    Raises:
        KeyError: .chalice/config.json has no such stage.
    """
    # They know the application: the machine of one, which has no use for them, starts without.
    from infra import alarms, dashboard, log_groups, pipeline_timeouts, settings, triggers, watched_functions

    config = config or json.loads(settings.CONFIG.read_text())
    template = pipeline_timeouts.with_timeouts(load(), settings.timeouts(config, stage))
    functions = watched_functions.functions(triggers.application(), config, stage)
    api = watched_functions.api_dimensions(config, stage)
    watching = {
        **log_groups.resources(each.name for each in functions),
        **alarms.resources(functions, template["Resources"], api),
        **dashboard.resources(functions, template["Resources"], api),
    }
    return {
        **template,
        "Parameters": {**template["Parameters"], **alarms.PARAMETERS},
        "Conditions": {**template.get("Conditions", {}), **alarms.CONDITIONS},
        "Resources": {**template["Resources"], **watching},
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
