"""What the state machine may do: the role that the template gives it, as policies are read here."""

import re
from collections.abc import Mapping
from typing import Any

from infra import stages
from infra.stages import Place

# What reports call it, beside the functions.
PIPELINE = "image_pipeline"
ROLE = "ImagePipelineRole"

_NOTHING = {"Ref": "AWS::NoValue"}

Document = dict[str, Any]


def document(place: Place) -> Document:
    """The policy of its role at that place, where the stage has set none of the template's options."""
    policies = _resolved(stages.resources()[ROLE]["Properties"]["Policies"], place)
    return with_lists(
        {"Statement": [statement for each in policies for statement in each["PolicyDocument"]["Statement"]]}
    )


def with_lists(document: Mapping[str, Any]) -> Document:
    """A policy whose statements have lists of actions and of resources, even of one."""
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
    """A piece of the template with the ARNs that it stands for; None where it stands for nothing."""
    if isinstance(value, list):
        return [found for each in value if (found := _resolved(each, place)) is not None]
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
        return re.sub(r"\$\{([^}]+)\}", lambda found: _named(found[1], place), value["Fn::Sub"])
    return {name: _resolved(each, place) for name, each in value.items()}


def _named(name: str, place: Place) -> str:
    known = {
        "Stage": place.stage,
        "AWS::Partition": "aws",
        "AWS::Region": place.region,
        "AWS::AccountId": place.account,
    }
    return known[name] if name in known else stages.arn_of(stages.resources()[name.removesuffix(".Arn")], place)
