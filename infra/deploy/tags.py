"""The tags Environment and Service on resources that Chalice creates without tags: roles, rules, the API's stage."""

import functools
from collections.abc import Iterator, Mapping
from typing import Any

from infra.deploy import rest_api, trigger_settings
from infra.deploy.change import Change
from infra.deploy.target import Target
from infra.event_delivery import RULES
from infra.function_grants import API


def changes(target: Target) -> Iterator[Change]:
    """The missing tags."""
    wanted = target.config["stages"][target.stage]["tags"]
    yield from _roles(target, wanted)
    yield from _rules(target, wanted)
    yield from _stage(target, wanted)


def _roles(target: Target, wanted: Mapping[str, str]) -> Iterator[Change]:
    iam = target.client("iam")
    for name in target.grants:
        role = f"{target.lambda_name(API)}-{name}"
        try:
            tags = iam.list_role_tags(RoleName=role)["Tags"]
        except iam.exceptions.NoSuchEntityException:
            continue
        if not wanted.items() <= _as_dict(tags).items():
            yield Change(
                f"{name}: its role's tags", functools.partial(iam.tag_role, RoleName=role, Tags=_as_pairs(wanted))
            )


def _rules(target: Target, wanted: Mapping[str, str]) -> Iterator[Change]:
    events = target.client("events")
    for name in RULES:
        rule = trigger_settings.rule_name(target, name)
        arn = f"arn:aws:events:{target.place.region}:{target.place.account}:rule/{rule}"
        try:
            tags = events.list_tags_for_resource(ResourceARN=arn)["Tags"]
        except events.exceptions.ResourceNotFoundException:
            continue
        if not wanted.items() <= _as_dict(tags).items():
            tag = functools.partial(events.tag_resource, ResourceARN=arn, Tags=_as_pairs(wanted))
            yield Change(f"{name}: its rule's tags", tag)


def _stage(target: Target, wanted: Mapping[str, str]) -> Iterator[Change]:
    gateway = target.client("apigateway")
    api = rest_api.find(target)
    if api is None:
        return
    try:
        tags = gateway.get_stage(restApiId=api, stageName=rest_api.stage(target)).get("tags", {})
    except gateway.exceptions.NotFoundException:
        return
    if not wanted.items() <= tags.items():
        arn = f"arn:aws:apigateway:{target.place.region}::/restapis/{api}/stages/{rest_api.stage(target)}"
        yield Change(
            "API: its stage's tags", functools.partial(gateway.tag_resource, resourceArn=arn, tags=dict(wanted))
        )


def _as_pairs(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _as_dict(pairs: list[dict[str, Any]]) -> dict[str, str]:
    return {each["Key"]: each["Value"] for each in pairs}
