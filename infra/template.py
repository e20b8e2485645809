"""resources.yaml as one plain CloudFormation document: short tags spelled out, the state machine's text put in."""

import copy
import functools
import json
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
SOURCE = HERE / "resources.yaml"

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


def main() -> None:
    print(json.dumps(load(), indent=2))


if __name__ == "__main__":
    main()
