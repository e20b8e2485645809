"""A stage's network as EC2 has it: which endpoints its zones offer, and when Lambda has left it."""

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from infra.deploy.errors import DeployError
from infra.deploy.target import Target
from infra.template import Template

Progress = Callable[[str], None]

_POLL_SECONDS = 5.0
# Lambda takes up to some tens of minutes to remove its interfaces ("VPC-enabled Lambda functions").
_PATIENCE_SECONDS = 45 * 60


def fitted(target: Target, template: Template) -> Template:
    """The template whose interface endpoints have only those subnets whose zones offer the service.

    An endpoint that no subnet can have is left out: what calls the service then needs another way out of the network.
    """
    if not target.options.subnet_ids:
        return template
    resources = dict(template["Resources"])
    for name, subnets in _offered(target, template).items():
        if subnets:
            endpoint = resources[name]
            resources[name] = {**endpoint, "Properties": {**endpoint["Properties"], "SubnetIds": subnets}}
        else:
            del resources[name]
    return {**template, "Resources": resources}


def remarks(target: Target, template: Template) -> Iterator[str]:
    """What the stage's zones do not offer."""
    if not target.options.subnet_ids:
        return
    zones = ", ".join(sorted(set(_zones(target).values())))
    for name, subnets in _offered(target, template).items():
        if not subnets:
            yield f"No zone of the stage ({zones}) offers {name}: without a NAT gateway, calls to that service fail."
        elif len(subnets) < len(target.options.subnet_ids):
            yield f"{name} is in {', '.join(subnets)} alone: the other subnets' zones do not offer it."


def _offered(target: Target, template: Template) -> dict[str, list[str]]:
    """By interface endpoint of the template, the stage's subnets that it can be in."""
    zones, offers = _zones(target), _offers(target)
    return {
        name: [subnet for subnet, zone in zones.items() if zone in offers.get(_service(each, target), ())]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::EC2::VPCEndpoint" and each["Properties"]["VpcEndpointType"] == "Interface"
    }


def _service(endpoint: Mapping[str, Any], target: Target) -> str:
    name: str = endpoint["Properties"]["ServiceName"]["Fn::Sub"]
    return name.replace("${AWS::Region}", target.place.region)


def _zones(target: Target) -> dict[str, str]:
    """By subnet of the stage, its availability zone."""
    return _zones_of(target.client("ec2"), target.options.subnet_ids)


@functools.cache
def _zones_of(ec2: Any, subnets: tuple[str, ...]) -> dict[str, str]:
    found = ec2.describe_subnets(SubnetIds=list(subnets))["Subnets"]
    zones = {each["SubnetId"]: each["AvailabilityZone"] for each in found}
    return {subnet: zones[subnet] for subnet in subnets}


def _offers(target: Target) -> dict[str, frozenset[str]]:
    """By service, the availability zones that offer an interface endpoint of it."""
    return _offers_of(target.client("ec2"))


@functools.cache
def _offers_of(ec2: Any) -> dict[str, frozenset[str]]:
    return {
        each["ServiceName"]: frozenset(each["AvailabilityZones"])
        for page in ec2.get_paginator("describe_vpc_endpoint_services").paginate()
        for each in page["ServiceDetails"]
        if {"ServiceType": "Interface"} in each["ServiceType"]
    }


def wait_until_lambda_left(target: Target, security_group: str | None, progress: Progress) -> None:
    """Returns when no interface is left in the functions' security group: until then EC2 does not remove the group.

    Raises:
        DeployError: there are some after 45 minutes.
    """
    if security_group is None:
        return
    ec2 = target.client("ec2")
    until = time.monotonic() + _PATIENCE_SECONDS
    filters = [{"Name": "group-id", "Values": [security_group]}]
    while left := ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]:
        if time.monotonic() > until:
            raise DeployError(
                f"Lambda still has {len(left)} network interfaces in {security_group}, and the stack cannot go before "
                "they do. Wait some minutes and run this again."
            )
        progress(f"Lambda still has {len(left)} network interfaces; it removes them within some tens of minutes")
        time.sleep(_POLL_SECONDS)
