"""The template's keys, secrets and networks as the API calls that make them: one small function a resource type."""

import json
from typing import Any

from local.properties import Client, Made, Properties


def key(client: Client, properties: Properties) -> Made:
    """A key that encrypts. How long it would wait for its end means nothing before."""
    kms = client("kms")
    properties.take("PendingWindowInDays")
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in properties.take("Tags", [])]
    policy = json.dumps(properties.need("KeyPolicy"))
    made = kms.create_key(Policy=policy, Tags=tags, **properties.pick("Description"))["KeyMetadata"]
    if properties.take("EnableKeyRotation", False):
        kms.enable_key_rotation(KeyId=made["KeyId"])
    return Made(made["KeyId"], {"Arn": made["Arn"], "KeyId": made["KeyId"]})


def key_alias(client: Client, properties: Properties) -> Made:
    """A name for a key."""
    name = properties.need("AliasName")
    client("kms").create_alias(AliasName=name, TargetKeyId=properties.need("TargetKeyId"))
    return Made(name)


def secret(client: Client, properties: Properties) -> Made:
    """A secret with what it holds at first."""
    arguments = properties.pick("Name", "Description", "SecretString", "KmsKeyId", "Tags")
    arn = client("secretsmanager").create_secret(**arguments)["ARN"]
    return Made(arn, {"Id": arn})


def security_group(client: Client, properties: Properties) -> Made:
    """A security group with its own rules alone."""
    ec2, description = client("ec2"), properties.need("GroupDescription")
    name = properties.take("GroupName", description[:255])
    group = ec2.create_security_group(GroupName=name, Description=description, VpcId=properties.need("VpcId"))[
        "GroupId"
    ]
    if (inward := properties.take("SecurityGroupIngress")) is not None:
        ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=list(map(_permission, inward)))
    if (outward := properties.take("SecurityGroupEgress")) is not None:
        # EC2 begins with a rule that lets everything out.
        everything = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
        ec2.revoke_security_group_egress(GroupId=group, IpPermissions=[everything])
        ec2.authorize_security_group_egress(GroupId=group, IpPermissions=list(map(_permission, outward)))
    ec2.create_tags(Resources=[group], Tags=properties.take("Tags", []))
    return Made(group, {"GroupId": group})


def _permission(rule: dict[str, Any]) -> dict[str, Any]:
    permission = {name: rule[name] for name in ("IpProtocol", "FromPort", "ToPort") if name in rule}
    told = {"Description": rule["Description"]} if "Description" in rule else {}
    if "CidrIp" in rule:
        return permission | {"IpRanges": [{"CidrIp": rule["CidrIp"], **told}]}
    return permission | {"UserIdGroupPairs": [{"GroupId": rule["SourceSecurityGroupId"], **told}]}


def endpoint(client: Client, properties: Properties) -> Made:
    """A way from a network to a service of AWS."""
    names = ("VpcEndpointType", "VpcId", "ServiceName", "RouteTableIds", "SubnetIds", "SecurityGroupIds")
    arguments = properties.pick(*names, "PrivateDnsEnabled")
    made = client("ec2").create_vpc_endpoint(**arguments)["VpcEndpoint"]
    return Made(made["VpcEndpointId"], {"Id": made["VpcEndpointId"]})
