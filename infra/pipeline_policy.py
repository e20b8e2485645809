"""The policy of the state machine, from its role in the template, in the form of the functions' policies."""

import re
from collections.abc import Mapping
from typing import Any

from infra import stages
from infra.stages import Place

# The state machine's name in reports.
PIPELINE = "image_pipeline"
ROLE = "ImagePipelineRole"

_NOTHING = {"Ref": "AWS::NoValue"}

Document = dict[str, Any]


def document(place: Place) -> Document:
    """The policy of the role at that place, with the template's optional features switched off."""
    policies = _resolved(stages.resources()[ROLE]["Properties"]["Policies"], place)
    return with_lists(
        {"Statement": [statement for each in policies for statement in each["PolicyDocument"]["Statement"]]}
    )


def with_lists(document: Mapping[str, Any]) -> Document:
    """The policy with lists of actions and resources, even for a single one."""
    return {
        **document,
        "Statement": [
            {**each, "Action": _listed(each["Action"]), "Resource": _listed(each["Resource"])}
            for each in document["Statement"]
        ],
    }


def _listed(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def _resolved(value: Any, place: Place) -> Any:
    """A part of the template with its references replaced by ARNs; None for AWS::NoValue."""
    if isinstance(value, list):
        return [resolved for each in value if (resolved := _resolved(each, place)) is not None]
    if value == _NOTHING:
        return None
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        return _resolved(value["Fn::If"][2], place)
    if "Ref" in value:
        return stages.arn_of(stages.resources()[value["Ref"]], place)
    if "Fn::GetAtt" in value:
        return stages.arn_of(stages.resources()[value["Fn::GetAtt"][0]], place)
    if "Fn::Sub" in value:
        return re.sub(r"\$\{([^}]+)\}", lambda match: _resolved_name(match[1], place), value["Fn::Sub"])
    return {name: _resolved(each, place) for name, each in value.items()}


def _resolved_name(name: str, place: Place) -> str:
    known = {
        "Stage": place.stage,
        "AWS::Partition": "aws",
        "AWS::Region": place.region,
        "AWS::AccountId": place.account,
    }
    return known[name] if name in known else stages.arn_of(stages.resources()[name.removesuffix(".Arn")], place)
