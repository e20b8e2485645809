"""How the template reaches CloudFormation: in the request, or where it is too long for that, through a bucket."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.errors import DeployError, RefusedError, code_of
from infra.deploy.target import Target

# Bytes that CreateChangeSet takes in the request itself; through S3 it takes 1 MB (AWS CloudFormation quotas).
_IN_REQUEST = 51_200
_KEEP_DAYS = 30


class TemplateUpload:
    """The stack's template on its way."""

    def __init__(self, target: Target, name: str) -> None:
        self.bucket = f"darkroom-{target.stage}-templates-{target.place.suffix}"
        self._target = target
        self._name = name
        self._s3 = target.client("s3")
        self._made_now = False

    def argument(self, document: Mapping[str, Any]) -> dict[str, str]:
        """What CreateChangeSet is told: the text, or where it lies."""
        text = json.dumps(document, separators=(",", ":"))
        if len(text.encode()) <= _IN_REQUEST:
            return {"TemplateBody": text}
        self._have_bucket()
        key = f"{self._name}/{hashlib.sha256(text.encode()).hexdigest()}.json"
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode(), ContentType="application/json")
        return {"TemplateURL": f"https://{self.bucket}.s3.{self._target.place.region}.amazonaws.com/{key}"}

    def discard(self) -> None:
        """Removes the bucket where it was made for a change set that was taken back."""
        if self._made_now:
            remove_bucket(self._s3, self.bucket)
            self._made_now = False

    def _have_bucket(self) -> None:
        """Makes the bucket where there is none; its settings are put each time, lest one be left half-made."""
        region = self._target.place.region
        there = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        if not is_ours(self._target, self.bucket):
            check_free(self._target, self.bucket)
            self._s3.create_bucket(Bucket=self.bucket, **there)
            self._made_now = True
        self._s3.put_public_access_block(
            Bucket=self.bucket,
            PublicAccessBlockConfiguration={
                "BlockPublicAcls": True,
                "BlockPublicPolicy": True,
                "IgnorePublicAcls": True,
                "RestrictPublicBuckets": True,
            },
        )
        arn = f"arn:aws:s3:::{self.bucket}"
        tls_only = {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [arn, f"{arn}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        }
        policy = {"Version": "2012-10-17", "Statement": [tls_only]}
        self._s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps(policy))
        self._s3.put_bucket_lifecycle_configuration(
            Bucket=self.bucket,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "expire",
                        "Status": "Enabled",
                        "Filter": {"Prefix": ""},
                        "Expiration": {"Days": _KEEP_DAYS},
                    }
                ]
            },
        )
        self._s3.put_bucket_tagging(
            Bucket=self.bucket,
            Tagging={
                "TagSet": [
                    {"Key": "Environment", "Value": self._target.stage},
                    {"Key": "Service", "Value": "darkroom"},
                ]
            },
        )


def is_ours(target: Target, bucket: str) -> bool:
    """Whether the account has a bucket of that name in the stage's region."""
    listed = target.client("s3").list_buckets(Prefix=bucket, BucketRegion=target.place.region)["Buckets"]
    return any(each["Name"] == bucket for each in listed)


def check_free(target: Target, bucket: str) -> None:
    """Raises:
    RefusedError: somebody has a bucket of that name, though not the account in the stage's region.
    """
    try:
        target.client("s3").head_bucket(Bucket=bucket)
    except ClientError as error:
        if code_of(error) in ("404", "NoSuchBucket", "NotFound"):
            return
        if code_of(error) not in ("403", "301", "AccessDenied", "PermanentRedirect"):
            raise
    raise RefusedError(
        f"The name of the bucket {bucket} is taken, by another account or in another region. Choose another suffix: "
        f"`python -m infra configure --stage {target.stage} --account {target.place.account} "
        f"--region {target.place.region} --suffix SOMETHING-OF-YOURS`, then deploy again."
    )


def remove_bucket(s3: Any, bucket: str) -> int:
    """Empties a bucket of every version and removes it; how many versions went. A bucket that is not there is none.

    Raises:
        DeployError: an object may not be removed.
    """
    removed = 0
    try:
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            versions = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            ]
            if versions:
                refused = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True}).get("Errors")
                if refused:
                    raise DeployError(f"{bucket} cannot be emptied: {refused[0]}. Mend that and run this again.")
                removed += len(versions)
        s3.delete_bucket(Bucket=bucket)
    except ClientError as error:
        if code_of(error) != "NoSuchBucket":
            raise
    return removed
