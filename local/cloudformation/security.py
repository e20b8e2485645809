"""Keys, secrets and networks of the template: one function a resource type makes the API calls that create it."""

import json
from typing import Any

from local.cloudformation.properties import Client, Properties, Resource


def key(client: Client, properties: Properties) -> Resource:
    """An encryption key. PendingWindowInDays matters only for its deletion."""
    kms = client("kms")
    properties.take("PendingWindowInDays")
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.take("Tags", [])]
    policy = json.dumps(properties.require("KeyPolicy"))
    made = kms.create_key(Policy=policy, Tags=tags, **properties.take_all("Description"))["KeyMetadata"]
    if properties.take("EnableKeyRotation", False):
        kms.enable_key_rotation(KeyId=made["KeyId"])
    return Resource(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})


def key_alias(client: Client, properties: Properties) -> Resource:
    """A name for a key."""
    name = properties.require("AliasName")
    client("kms").create_alias(AliasName=name, TargetKeyId=properties.require("TargetKeyId"))
    return Resource(name)


def secret(client: Client, properties: Properties) -> Resource:
    """A secret with its initial value."""
    arguments = properties.take_all("Name", "Description", "SecretString", "KmsKeyId", "Tags")
    arn = client("secretsmanager").create_secret(**arguments)["ARN"]
    return Resource(arn, {"Id": arn})


def security_group(client: Client, properties: Properties) -> Resource:
    """A security group with only the template's rules."""
    ec2, description = client("ec2"), properties.require("GroupDescription")
    name = properties.take("GroupName", description[:255])
    group = ec2.create_security_group(GroupName=name, Description=description, VpcId=properties.require("VpcId"))[
        "GroupId"
    ]
    if (inward := properties.take("SecurityGroupIngress")) is not None:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=list(map(_permission, inward)))
    if (outward := properties.take("SecurityGroupEgress")) is not None:
        # A new group has a rule that allows all outgoing traffic.
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=list(map(_permission, outward)))
    ec2.create_tags(Resources=[group], Tags=properties.take("Tags", []))
    return Resource(group, {"GroupId": group})


def _permission(rule: dict[str, Any]) -> dict[str, Any]:
    permission = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
    description = {"Description": rule["Description"]} if "Description" in rule else {}
    if "CidrIp" in rule:
        return permission | {"IpRanges": [{"CidrIp": rule["CidrIp"], **description}]}
    return permission | {"UserIdGroupPairs": [{"GroupId": rule["SourceSecurityGroupId"], **description}]}


def endpoint(client: Client, properties: Properties) -> Resource:
    """An endpoint of an AWS service in a network."""
    names = ("VpcEndpointType", "VpcId", "ServiceName", "RouteTableIds", "SubnetIds", "SecurityGroupIds")
    arguments = properties.take_all(*names, "PrivateDnsEnabled")
    made = client("ec2").create_vpc_endpoint(**arguments)["VpcEndpoint"]
    return Resource(made["VpcEndpointId"], {"Id": made["VpcEndpointId"]})
