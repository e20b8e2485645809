"""Files in S3: read within a limit, written whole or in parts, linked to for a while, deleted for good."""

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

from chalicelib.core import clients, log
from chalicelib.core.aws.grants import required_env_vars
from chalicelib.core.settings import Settings

_DELETION = "DeleteObjects"
# S3 takes at most this many keys in one deletion.
_KEYS_A_DELETION = 1000
# All parts but the last have 5 MiB or more (S3, "Multipart upload limits"): 8 holds a file of 80 GB in 10,000 of them.
_PART_BYTES = 8 * 1024 * 1024
# Private: a shared cache must not keep a file longer than its owner does.
_CACHE_CONTROL = "private, max-age=3600"
# Anyone who has a link may use it, so an hour is the most, whatever is configured. AWS itself takes seven days, and a


class ObjectTooLargeError(Exception):
    """The object has more bytes than the reader allows: `size`."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size


def read(bucket: str, key: str, *, version: str | None = None, at_most: int | None = None) -> bytes:
    """An object's bytes, or those of one version ("null" is what an unversioned bucket says).

    Raises:
        ObjectTooLargeError: it has more than `at_most` bytes; none was read.
    """
    request = {"Bucket": bucket, "Key": key}
    if version not in (None, "null"):
        request["VersionId"] = str(version)
    response = clients.client("s3").get_object(**request)
    if at_most is not None and response["ContentLength"] > at_most:
        response["Body"].close()
        raise ObjectTooLargeError(response["ContentLength"])
    data: bytes = response["Body"].read()
    return data


def write(bucket: str, key: str, data: bytes, media_type: str) -> dict[str, str]:
    """Writes an object; returns its key and version, as `delete_versions` takes them."""
    response = clients.client("s3").put_object(
        Bucket=bucket, Key=key, Body=data, ContentType=media_type, CacheControl=_CACHE_CONTROL
    )
    return {"Key": key, "VersionId": response.get("VersionId", "null")}


def delete_versions(bucket: str, versions: Iterable[Mapping[str, str]]) -> None:
    """Deletes these versions of objects. Raises ClientError if S3 did not delete some of them."""
    all_versions = list(versions)
    for start in range(0, len(all_versions), _KEYS_A_DELETION):
        batch = all_versions[start : start + _KEYS_A_DELETION]
        response = clients.client("s3").delete_objects(Bucket=bucket, Delete={"Objects": batch, "Quiet": True})
        # S3 responds with 200 even if some were not deleted.
        for refused in response.get("Errors", ())[:1]:
            raise clients.ClientError(
                {"Error": {name: refused.get(name, "") for name in ("Code", "Message")}}, _DELETION
            )


def delete_after_failure(bucket: str, versions: Iterable[Mapping[str, str]]) -> None:
    """As `delete_versions`, while another error is handled: never raises; the sweeper deletes what is left."""
    try:
        delete_versions(bucket, versions)
    except Exception as error:
        log.warning("OBJECTS_LEFT_OVER", error)


def delete_all(bucket: str, prefix: str) -> None:
    """Deletes every version of every object whose key has this prefix."""
    # A plain deletion in a versioned bucket hides the bytes; deleting versions removes them.
    for page in clients.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        versions = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        delete_versions(bucket, [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions])


@dataclass(frozen=True)
class ObjectVersion:
    """One version of an object: `size` in bytes; `is_latest` if a read without a version finds it."""

    key: str
    version: str
    size: int
    modified: datetime
    is_latest: bool

    def to_reference(self) -> dict[str, str]:
        """As `delete_versions` takes it."""
        return {"Key": self.key, "VersionId": self.version}


def list_versions(bucket: str, prefix: str, after: str = "") -> Iterator[ObjectVersion]:
    """Every version of every object whose key has this prefix and sorts after `after`, in the order of the keys."""
    request = {"Bucket": bucket, "Prefix": prefix, **({"KeyMarker": after} if after else {})}
    while True:
        response = clients.client("s3").list_object_versions(**request)
        for each in response.get("Versions", ()):
            yield ObjectVersion(each["Key"], each["VersionId"], each["Size"], each["LastModified"], each["IsLatest"])
        if not response.get("IsTruncated"):
            return
        request["KeyMarker"] = response["NextKeyMarker"]
        request["VersionIdMarker"] = response.get("NextVersionIdMarker", "")


def list_keys(bucket: str, prefix: str, after: str) -> Iterator[str]:
    """The keys that have this prefix and sort after `after`, in their order."""
    pages = (
        clients.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=after)
    )
    for page in pages:
        yield from (each["Key"] for each in page.get("Contents", ()))


@required_env_vars({"LINK_EXPIRY_SECONDS": []})
def link(bucket: str, key: str, file_name: str | None = None, version: str | None = None) -> str:
    """A URL with which anyone can read the file, or one version of it, until it expires; saved as `file_name`."""
    params = {"Bucket": bucket, "Key": key} | ({} if version is None else {"VersionId": version})
    if file_name is not None:
        params["ResponseContentDisposition"] = _attachment(file_name)
    url: str = clients.client("s3").generate_presigned_url(
        "get_object", Params=params, ExpiresIn=Settings.LINK_EXPIRY_SECONDS.get()
    )
    return url


def _attachment(file_name: str) -> str:
    """The header Content-Disposition of a file that is saved under this name (RFC 6266).

    S3 takes ASCII alone, so any other name is percent-encoded in `filename*`. Clients without that use `filename`.
    """
    plain = re.sub(r"[^ !#-\[\]-~]|%", "_", file_name)
    encoded = "" if plain == file_name else f"; filename*=UTF-8''{quote(file_name, safe='')}"
    return f'attachment; filename="{plain}"{encoded}'


def origin(bucket: str, key: str, operation: str) -> str:
    """Scheme and host of the links by which clients do an operation (`get_object`, `put_object`) on a bucket's files.

    `key` is one that the operation's grant covers.
    """
    link = clients.client("s3").generate_presigned_url(operation, Params={"Bucket": bucket, "Key": key})
    parts = urlsplit(link)
    return f"{parts.scheme}://{parts.netloc}"


@dataclass
class Writer:
    """Writes a file to S3 in parts, so that only one of them is in memory. `size` is in bytes."""

    bucket: str
    key: str
    upload_id: str
    size: int = 0
    _waiting: bytearray = field(default_factory=bytearray)
    _parts: list[dict[str, Any]] = field(default_factory=list)

    def write(self, data: bytes) -> int:
        self._waiting += data
        self.size += len(data)
        while len(self._waiting) >= _PART_BYTES:
            self._send(bytes(self._waiting[:_PART_BYTES]))
            del self._waiting[:_PART_BYTES]
        return len(data)

    def flush(self) -> None:
        """Does nothing: S3 takes only full parts."""

    def _send(self, part: bytes) -> None:
        number = len(self._parts) + 1
        response = clients.client("s3").upload_part(
            Bucket=self.bucket, Key=self.key, UploadId=self.upload_id, PartNumber=number, Body=part
        )
        self._parts.append({"PartNumber": number, "ETag": response["ETag"]})

    def complete(self) -> dict[str, str]:
        if self._waiting or not self._parts:
            self._send(bytes(self._waiting))
        response = clients.client("s3").complete_multipart_upload(
            Bucket=self.bucket, Key=self.key, UploadId=self.upload_id, MultipartUpload={"Parts": self._parts}
        )
        return {"Key": self.key, "VersionId": response.get("VersionId", "null")}

    def abort(self) -> None:
        """Lets S3 forget the parts. Never raises, since another error is handled; the lifecycle does it in a day."""
        try:
            clients.client("s3").abort_multipart_upload(Bucket=self.bucket, Key=self.key, UploadId=self.upload_id)
        except Exception as error:
            log.warning("UPLOAD_NOT_ABORTED", error, s3Key=self.key)


@contextmanager
def open_writer(bucket: str, key: str, media_type: str) -> Iterator[Writer]:
    """The file exists when the block has ended; if the block raises, nothing of it is left."""
    upload = clients.client("s3").create_multipart_upload(
        Bucket=bucket, Key=key, ContentType=media_type, CacheControl=_CACHE_CONTROL
    )
    writer = Writer(bucket, key, upload["UploadId"])
    try:
        yield writer
        writer.complete()
    except BaseException:
        writer.abort()
        raise
