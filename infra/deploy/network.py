"""A stage's network in EC2: the endpoints that its zones offer, and Lambda's network interfaces."""

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
_MAX_WAIT_SECONDS = 45 * 60


def with_available_endpoints(target: Target, template: Template) -> Template:
    """The template with each interface endpoint only in the subnets whose zones offer the service.

    An endpoint that no zone offers is removed. Calls to its service then need a NAT gateway.
    """
    if not target.options.subnet_ids:
        return template
    resources = dict(template["Resources"])
    for name, subnets in _available_subnets(target, template).items():
        if subnets:
            endpoint = resources[name]
            resources[name] = {**endpoint, "Properties": {**endpoint["Properties"], "SubnetIds": subnets}}
        else:
            del resources[name]
    return {**template, "Resources": resources}


def remarks(target: Target, template: Template) -> Iterator[str]:
    """The endpoints that the stage's zones do not offer, as sentences."""
    if not target.options.subnet_ids:
        return
    zones = ", ".join(sorted(set(_zones(target).values())))
    for name, subnets in _available_subnets(target, template).items():
        if not subnets:
            yield f"No zone of the stage ({zones}) offers {name}: without a NAT gateway, calls to that service fail."
        elif len(subnets) < len(target.options.subnet_ids):
            yield f"{name} is only in {', '.join(subnets)}: the zones of the other subnets do not offer it."


def _available_subnets(target: Target, template: Template) -> dict[str, list[str]]:
    """The possible subnets of each interface endpoint of the template."""
    zones, offers = _zones(target), _zones_by_service(target)
    return {
        name: [subnet for subnet, zone in zones.items() if zone in offers.get(_service(each, target), ())]
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::EC2::VPCEndpoint" and each["Properties"]["VpcEndpointType"] == "Interface"
    }


def _service(endpoint: Mapping[str, Any], target: Target) -> str:
    name: str = endpoint["Properties"]["ServiceName"]["Fn::Sub"]
    return name.replace("${AWS::Region}", target.place.region)


def _zones(target: Target) -> dict[str, str]:
    """The availability zone of each subnet of the stage."""
    return _zones_of(target.client("ec2"), target.options.subnet_ids)


@functools.cache
def _zones_of(ec2: Any, subnets: tuple[str, ...]) -> dict[str, str]:
    described = ec2.describe_subnets(SubnetIds=list(subnets))["Subnets"]
    zones = {each["SubnetId"]: each["AvailabilityZone"] for each in described}
    return {subnet: zones[subnet] for subnet in subnets}


def _zones_by_service(target: Target) -> dict[str, frozenset[str]]:
    """The availability zones that offer an interface endpoint, by service."""
    return _zones_by_service_of(target.client("ec2"))


@functools.cache
def _zones_by_service_of(ec2: Any) -> dict[str, frozenset[str]]:
    return {
        each["ServiceName"]: frozenset(each["AvailabilityZones"])
        for page in ec2.get_paginator("describe_vpc_endpoint_services").paginate()
        for each in page["ServiceDetails"]
        if {"ServiceType": "Interface"} in each["ServiceType"]
    }


def wait_until_lambda_is_gone(target: Target, security_group: str | None, progress: Progress) -> None:
    """Waits until the functions' security group has no interfaces. Before, EC2 does not remove the group.

    Raises:
        DeployError: interfaces are left after 45 minutes.
    """
    if security_group is None:
        return
    ec2 = target.client("ec2")
    until = time.monotonic() + _MAX_WAIT_SECONDS
    filters = [{"Name": "group-id", "Values": [security_group]}]
    while left := ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"]:
        if time.monotonic() > until:
            raise DeployError(
                f"Lambda still has {len(left)} network interfaces in {security_group}, and the stack cannot be "
                "removed before. Wait some minutes and run this again."
            )
        progress(f"Lambda still has {len(left)} network interfaces; it removes them after up to 45 minutes")
        time.sleep(_POLL_SECONDS)
