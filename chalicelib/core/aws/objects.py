"""Files in S3: read within a limit, written whole or as they are made, linked to for a while, removed for good."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.core import clients, config, log

_DELETION = "DeleteObjects"
# S3 takes at most this many keys in one deletion.
_KEYS_A_DELETION = 1000
# All parts but the last have 5 MiB or more (S3, "Multipart upload limits"): 8 holds a file of 80 GB in 10,000 of them.
_PART_BYTES = 8 * 1024 * 1024
# Nobody may guess what a file is from its bytes, or keep it longer than its owner.
_CACHE_CONTROL = "private, max-age=3600"
# Anyone who has a link may use it: an hour is the longest that we give, whatever is configured. AWS itself takes seven
# days, and ends a link with the credentials that signed it: a function's, which last some hours.
_LONGEST_LINK_SECONDS = 3600


class ObjectTooLargeError(Exception):
    """The object has more bytes than were asked for: `size`."""

    def __init__(self, size: int) -> None:
        super().__init__(f"{size} bytes")
        self.size = size


def read(bucket: str, key: str, *, version: str | None = None, at_most: int | None = None) -> bytes:
    """An object's bytes, of that version where one is named ("null" is what an unversioned bucket says).

    Raises:
        ObjectTooLargeError: it has more than `at_most` bytes; none was read.
    """
    request = {"Bucket": bucket, "Key": key}
    if version not in (None, "null"):
        request["VersionId"] = str(version)
    answer = clients.client("s3").get_object(**request)
    if at_most is not None and answer["ContentLength"] > at_most:
        answer["Body"].close()
        raise ObjectTooLargeError(answer["ContentLength"])
    data: bytes = answer["Body"].read()
    return data


def write(bucket: str, key: str, data: bytes, media_type: str) -> dict[str, str]:
    """Writes an object; its key and version, as `discard` takes them."""
    answer = clients.client("s3").put_object(
        Bucket=bucket, Key=key, Body=data, ContentType=media_type, CacheControl=_CACHE_CONTROL
    )
    return {"Key": key, "VersionId": answer.get("VersionId", "null")}


def discard(bucket: str, versions: Iterable[Mapping[str, str]]) -> None:
    """Removes these versions of objects.

    Raises:
        ClientError: S3 let some of them stay.
    """
    named = list(versions)
    for start in range(0, len(named), _KEYS_A_DELETION):
        some = named[start : start + _KEYS_A_DELETION]
        answer = clients.client("s3").delete_objects(Bucket=bucket, Delete={"Objects": some, "Quiet": True})
        # S3 answers 200 whatever became of each.
        for refused in answer.get("Errors", ())[:1]:
            raise clients.ClientError(
                {"Error": {name: refused.get(name, "") for name in ("Code", "Message")}}, _DELETION
            )


def discard_behind_failure(bucket: str, versions: Iterable[Mapping[str, str]]) -> None:
    """As `discard`, for those who fail already: what stays is left to the sweeper, and hides no cause."""
    try:
        discard(bucket, versions)
    except Exception as error:
        log.warning("OBJECTS_LEFT_OVER", error)


def discard_all(bucket: str, prefix: str) -> None:
    """Removes every version of every object whose key begins so."""
    # A plain deletion in a versioned bucket hides the bytes; deleting versions removes them.
    for page in clients.client("s3").get_paginator("list_object_versions").paginate(Bucket=bucket, Prefix=prefix):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        discard(bucket, [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found])


@dataclass(frozen=True)
class Stored:
    """One version of an object: `size` in bytes; `is_latest` where a read without a version would find it."""

    key: str
    version: str
    size: int
    modified: datetime
    is_latest: bool

    def named(self) -> dict[str, str]:
        """As `discard` takes it."""
        return {"Key": self.key, "VersionId": self.version}


def stored(bucket: str, prefix: str, after: str = "") -> Iterator[Stored]:
    """Every version of every object whose key begins so and sorts behind `after`, in the order of the keys."""
    request = {"Bucket": bucket, "Prefix": prefix, **({"KeyMarker": after} if after else {})}
    while True:
        answer = clients.client("s3").list_object_versions(**request)
        for each in answer.get("Versions", ()):
            yield Stored(each["Key"], each["VersionId"], each["Size"], each["LastModified"], each["IsLatest"])
        if not answer.get("IsTruncated"):
            return
        request["KeyMarker"] = answer["NextKeyMarker"]
        request["VersionIdMarker"] = answer.get("NextVersionIdMarker", "")


def keys(bucket: str, prefix: str, after: str) -> Iterator[str]:
    """The keys that begin so and sort behind `after`, in their order."""
    pages = (
        clients.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=after)
    )
    for page in pages:
        yield from (each["Key"] for each in page.get("Contents", ()))


def link_seconds() -> int:
    """How long a presigned request is good for: LINK_EXPIRY_SECONDS, an hour at most."""
    return min(config.integer("LINK_EXPIRY_SECONDS"), _LONGEST_LINK_SECONDS)


def link(bucket: str, key: str, file_name: str | None = None, version: str | None = None) -> str:
    """A URL that lets anyone who has it read the file, for `link_seconds`; saved under `file_name` where given.

    With `version` it is that one for good, whatever is put in its place.
    """
    params = {"Bucket": bucket, "Key": key} | ({} if version is None else {"VersionId": version})
    if file_name is not None:
        params["ResponseContentDisposition"] = f'attachment; filename="{file_name}"'
    url: str = clients.client("s3").generate_presigned_url("get_object", Params=params, ExpiresIn=link_seconds())
    return url


@dataclass
class Writer:
    """A file on its way to S3, in parts, so that no more than one of them is ever in memory. `size` is in bytes."""

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
        """Nothing is sent before a part is full: S3 takes no smaller ones."""

    def _send(self, part: bytes) -> None:
        number = len(self._parts) + 1
        answer = clients.client("s3").upload_part(
            Bucket=self.bucket, Key=self.key, UploadId=self.upload_id, PartNumber=number, Body=part
        )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})

    def complete(self) -> dict[str, str]:
        if self._waiting or not self._parts:
            self._send(bytes(self._waiting))
        answer = clients.client("s3").complete_multipart_upload(
            Bucket=self.bucket, Key=self.key, UploadId=self.upload_id, MultipartUpload={"Parts": self._parts}
        )
        return {"Key": self.key, "VersionId": answer.get("VersionId", "null")}


@contextmanager
def writing(bucket: str, key: str, media_type: str) -> Iterator[Writer]:
    """A file that is there once the block has ended well; of one that raised, nothing stays."""
    begun = clients.client("s3").create_multipart_upload(
        Bucket=bucket, Key=key, ContentType=media_type, CacheControl=_CACHE_CONTROL
    )
    writer = Writer(bucket, key, begun["UploadId"])
    try:
        yield writer
        writer.complete()
    except BaseException:
        clients.client("s3").abort_multipart_upload(Bucket=bucket, Key=key, UploadId=writer.upload_id)
        raise
