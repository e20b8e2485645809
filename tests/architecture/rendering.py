"""The template as a stage with certain options has it, and its policies in plain ARNs."""

from collections.abc import Iterator
from typing import Any

from infra import stages, template
from local.cloudformation.conditions import Conditions
from local.cloudformation.properties import Resource
from local.cloudformation.provision import resolve

PSEUDO = {"AWS::Region": "us-east-1", "AWS::AccountId": "000000000000", "AWS::Partition": "aws"}
KEY = "arn:aws:kms:us-east-1:000000000000:key/00000000-0000-0000-0000-000000000000"
ALL_OPTIONS = {
    "CustomerKey": "true",
    "WarmResize": "true",
    "LogRetentionDays": "90",
    "VpcId": "vpc-1",
    "SubnetIds": "subnet-1,subnet-2",
    "RouteTableIds": "rtb-1",
}
_NAMED = {"AWS::DynamoDB::Table", "AWS::S3::Bucket", "AWS::SNS::Topic", "AWS::SQS::Queue"}
_DOCUMENTS = ("PolicyDocument", "KeyPolicy")


class Rendering:
    """The template's resources in a stage: conditions are evaluated, references are left as they are."""

    def __init__(self, stage: str, options: dict[str, str]) -> None:
        whole = template.complete(stage)
        self.stage, self.options = stage, options
        defaults = {name: each.get("Default", "") for name, each in whole["Parameters"].items()}
        suffix = {"Stage": stage, "BucketSuffix": "000000000000"}
        self.values: dict[str, Any] = {**defaults, **suffix, **options, **PSEUDO}
        self.resources = Conditions(whole["Conditions"], self.values).select(whole["Resources"])

    @property
    def under_key(self) -> bool:
        return "CustomerKey" in self.options

    def of(self, kind: str) -> dict[str, dict[str, Any]]:
        """The properties of each resource of a type ("S3::Bucket"), by its name in the template."""
        found = {
            name: each.get("Properties", {}) for name, each in self.resources.items() if each["Type"] == f"AWS::{kind}"
        }
        assert found, kind
        return found

    def one(self, kind: str) -> dict[str, Any]:
        (only,) = self.of(kind).values()
        return only

    def policies(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each policy of the template in plain ARNs, with the name of its resource."""
        made = {name: self._made(name, each["Type"]) for name, each in self.resources.items()}
        for name, each in self.resources.items():
            properties = each.get("Properties", {})
            documents = [properties[key] for key in _DOCUMENTS if key in properties]
            if each["Type"] == "AWS::IAM::Role":
                documents += [policy["PolicyDocument"] for policy in properties["Policies"]]
            for document in documents:
                yield name, resolve(document, self.values, made)

    def _made(self, name: str, kind: str) -> Resource:
        if kind == "AWS::KMS::Key":
            return Resource(KEY, {"Arn": KEY})
        arn = self.arn(name) if kind in _NAMED else ""
        return Resource(arn, {"Arn": arn})

    def arn(self, name: str) -> str:
        """The ARN of a bucket, table, queue, topic or state machine."""
        place = stages.Place(self.stage, "us-east-1", "000000000000", "000000000000")
        return stages.arn_of(stages.resources()[name], place)
