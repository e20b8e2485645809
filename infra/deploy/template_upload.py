"""Passes the template to CloudFormation: in the request or, if it is too long, through a bucket."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from infra.deploy.buckets import check_name_is_free, exists, remove_bucket
from infra.deploy.target import Target

# The limit of CreateChangeSet for a template in the request, in bytes. From S3 it is 1 MB (AWS CloudFormation quotas).
_MAX_IN_REQUEST = 51_200
_KEEP_DAYS = 30


class TemplateUpload:
    """The bucket for a stack's template, created when it is needed."""

    def __init__(self, target: Target, name: str) -> None:
        self.bucket = f"darkroom-{target.stage}-templates-{target.place.suffix}"
        self._target = target
        self._name = name
        self._s3 = target.client("s3")
        self._created_bucket = False

    def argument(self, document: Mapping[str, Any]) -> dict[str, str]:
        """The argument of CreateChangeSet: the text of the template or its URL."""
        text = json.dumps(document, separators=(",", ":"))
        if len(text.encode()) <= _MAX_IN_REQUEST:
            return {"TemplateBody": text}
        self._ensure_bucket()
        key = f"{self._name}/{hashlib.sha256(text.encode()).hexdigest()}.json"
        self._s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode(), ContentType="application/json")
        return {"TemplateURL": f"https://{self.bucket}.s3.{self._target.place.region}.amazonaws.com/{key}"}

    def discard(self) -> None:
        """Removes the bucket if this run created it, for a change set that is discarded."""
        if self._created_bucket:
            remove_bucket(self._s3, self.bucket)
            self._created_bucket = False

    def _ensure_bucket(self) -> None:
        """Creates the bucket if it is missing. Its settings are written each time, in case a run was interrupted."""
        region = self._target.place.region
        location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        if not exists(self._target, self.bucket):
            check_name_is_free(self._target, self.bucket)
            self._s3.create_bucket(Bucket=self.bucket, **location)
            self._created_bucket = True
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
