"""The stage's buckets: whether they exist, whether a name is free, and their removal."""

from typing import Any

from botocore.exceptions import ClientError

from infra.deploy.errors import DeployError, RefusedError, code_of, ignoring
from infra.deploy.target import Target


def exists(target: Target, bucket: str) -> bool:
    """Whether the account has a bucket of that name in the stage's region."""
    buckets = target.client("s3").list_buckets(Prefix=bucket, BucketRegion=target.place.region)["Buckets"]
    return any(each["Name"] == bucket for each in buckets)


def check_name_is_free(target: Target, bucket: str) -> None:
    """Raises:
    RefusedError: another account has a bucket of that name, or this account has one in another region.
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
    """Deletes all versions of all objects and the bucket, if it exists. Returns the number of versions.

    Raises:
        DeployError: an object cannot be deleted.
    """
    removed = 0
    with ignoring("NoSuchBucket"):
        for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
            versions = [
                {"Key": each["Key"], "VersionId": each["VersionId"]}
                for each in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            ]
            if versions:
                refused = s3.delete_objects(Bucket=bucket, Delete={"Objects": versions, "Quiet": True}).get("Errors")
                if refused:
                    raise DeployError(f"{bucket} cannot be emptied: {refused[0]}. Fix that and run this again.")
                removed += len(versions)
        s3.delete_bucket(Bucket=bucket)
    return removed
