"""Objects of a bucket, compared with the versions that were current at a moment, and brought back.

An object whose deletion left a delete marker is back when the marker is removed. One that was replaced is copied from
its older version, on request. S3 keeps older versions for some days only (NoncurrentVersionDays in
infra/resources.yaml), and a deletion by a user leaves none.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any

from chalicelib.actions import ACTIONS
from chalicelib.core import clients
from chalicelib.core.aws import objects
from chalicelib.core.settings import Settings
from chalicelib.images import IMAGES, Status, is_leftover
from infra.restore.gone import Gone

INPUT = "input"
BUCKETS = {INPUT: Settings.S3_INPUT_BUCKET, "output": Settings.S3_OUTPUT_BUCKET, "archive": Settings.ARCHIVE_BUCKET}

_OF_IMAGES = re.compile(r"(?:uploads|processed)/(?P<user_id>[^/]+)/(?P<id>\w+)[.-]", re.ASCII)
_OF_ACTIONS = re.compile(r"(?:reports|exports)/(?P<user_id>[^/]+)/(?P<id>act_\w+)\.", re.ASCII)

Entry = dict[str, Any]


class Verdict(StrEnum):
    """What an object of then is now. The first three can be brought back or need not be; the others never are."""

    SAME = "as they were"
    DELETED = "deleted now"
    REPLACED = "replaced now"
    ERASED = "of erased accounts"
    ROWLESS = "without a row"


SKIPPED = (Verdict.ERASED, Verdict.ROWLESS)


@dataclass(frozen=True)
class Version:
    """The version of an object that was current at the moment; `newer` are the entries after it, newest first."""

    key: str
    version: str
    newer: tuple[Entry, ...]

    @property
    def markers(self) -> list[dict[str, str]]:
        """The delete markers after it."""
        return [{"Key": self.key, "VersionId": each["VersionId"]} for each in self.newer if _is_marker(each)]

    @property
    def is_replaced(self) -> bool:
        """Whether another version came after it."""
        return any(not _is_marker(each) for each in self.newer)


@dataclass(frozen=True)
class ObjectsRestore:
    """The restore of the objects under a prefix to a moment; `overwrite` brings replaced ones back too."""

    bucket: str
    prefix: str
    to: datetime
    gone: Gone
    overwrite: bool = False

    @property
    def name(self) -> str:
        """The bucket's name in AWS."""
        return BUCKETS[self.bucket].get()

    def days_kept(self) -> int:
        """For how many days the bucket keeps a version after it was replaced or deleted."""
        rules = clients.client("s3").get_bucket_lifecycle_configuration(Bucket=self.name)["Rules"]
        expirations = (rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays") for rule in rules)
        return min(int(days) for days in expirations if days is not None)

    def versions(self) -> Iterator[tuple[Verdict, Version]]:
        """Each object that existed at the moment, and what it is now."""
        for version in self._versions_of_then():
            yield self._judge(version), version

    def bring_back(self) -> int:
        """Brings objects back; gives how many."""
        number = 0
        for verdict, version in self.versions():
            if self.is_brought_back(verdict):
                self._bring_back(version)
                number += 1
        return number

    def is_brought_back(self, verdict: Verdict) -> bool:
        """Whether objects of that verdict are brought back."""
        return verdict is Verdict.DELETED or (self.overwrite and verdict is Verdict.REPLACED)

    def _bring_back(self, version: Version) -> None:
        # An original is found by the version in its image's row. The sweeper removes any other version of it, so a copy
        # would not last, and the one that replaced it does not either.
        if version.is_replaced and self.bucket != INPUT:
            source = {"Bucket": self.name, "Key": version.key, "VersionId": version.version}
            clients.client("s3").copy_object(Bucket=self.name, Key=version.key, CopySource=source)
        else:
            objects.delete_versions(self.name, version.markers)

    def _judge(self, version: Version) -> Verdict:
        if not version.newer:
            return Verdict.SAME
        if self._is_owner_erased(version.key):
            return Verdict.ERASED
        if not self._has_row(version.key):
            return Verdict.ROWLESS
        return Verdict.DELETED if _is_marker(version.newer[0]) else Verdict.REPLACED

    def _is_owner_erased(self, key: str) -> bool:
        owned = _OF_IMAGES.match(key) or _OF_ACTIONS.match(key)
        return owned is not None and self.gone.is_erased(owned["user_id"])

    def _has_row(self, key: str) -> bool:
        """Whether the sweeper would leave the file: its image or action has a row, or it needs none."""
        if (image := _OF_IMAGES.match(key)) is not None:
            row = IMAGES.get(image["user_id"], image["id"])
            is_variant = key.startswith("processed/")
            return row is not None and not (is_leftover(row, key) if is_variant else row["status"] == Status.DELETED)
        action = _OF_ACTIONS.match(key)
        return action is None or ACTIONS.get(action["user_id"], action["id"]) is not None

    def _versions_of_then(self) -> Iterator[Version]:
        for key, entries in itertools.groupby(self._entries(), key=itemgetter("Key")):
            # S3 lists newest first, but versions and delete markers apart.
            newest_first = sorted(entries, key=lambda each: (each["IsLatest"], each["LastModified"]), reverse=True)
            newer = tuple(itertools.takewhile(lambda each: each["LastModified"] > self.to, newest_first))
            current = newest_first[len(newer) :][:1]
            if current and not _is_marker(current[0]):
                yield Version(key, current[0]["VersionId"], newer)

    def _entries(self) -> Iterator[Entry]:
        pages = clients.client("s3").get_paginator("list_object_versions")
        for page in pages.paginate(Bucket=self.name, Prefix=self.prefix):
            markers = [{**each, "IsMarker": True} for each in page.get("DeleteMarkers", ())]
            yield from sorted([*page.get("Versions", ()), *markers], key=itemgetter("Key"))


def _is_marker(entry: Entry) -> bool:
    return "IsMarker" in entry
