"""The objects of S3's buckets, with all their versions, delete markers and tags. Their bodies are files."""

import json
from collections.abc import Collection, Mapping
from typing import Any, cast

from moto.s3.models import FakeDeleteMarker, FakeKey, s3_backends

from local.aws import ACCOUNT, REGION
from local.state.bodies import BODIES, Body
from local.state.part import Documents, Kept

_OBJECTS = "objects"
_ATTRIBUTES = (
    *("last_modified", "_etag", "_version_id", "_is_versioned", "_storage_class", "website_redirect_location"),
    *("encryption", "kms_key_id", "bucket_key_enabled", "lock_mode", "lock_legal_status", "lock_until"),
    *("checksum_algorithm", "checksum_value", "checksum_type", "checksum_parts"),
)


class Buckets:
    """One document a key, with its versions from the oldest to the newest."""

    service = "s3"
    kinds: tuple[str, ...] = (_OBJECTS,)
    is_whole = False

    def __init__(self) -> None:
        # The bodies in buckets that do not exist here must not be removed.
        self._elsewhere: list[Body] = []

    def restore(self, documents: Mapping[str, Documents]) -> None:
        """Put the objects back, without events. Raises OSError for a missing body."""
        backend = s3_backends[ACCOUNT]["aws"]
        for name, versions in documents[_OBJECTS].items():
            bucket, key = json.loads(name)
            bodies = [None if each["body"] is None else BODIES.restore(*each["body"]) for each in versions]
            if bucket in backend.buckets:
                _put(backend, backend.buckets[bucket], key, versions, bodies)
            else:
                self._elsewhere += [body for body in bodies if body is not None]
        BODIES.remove_others(())

    def changed(self, names: Collection[Any]) -> Kept:
        """The marked keys."""
        backend = s3_backends[ACCOUNT]["aws"]
        return {_OBJECTS: {json.dumps([bucket, key]): _versions(backend, bucket, key) for bucket, key in names}}


def _versions(backend: Any, bucket: str, key: str) -> list[dict[str, Any]] | None:
    found = backend.buckets[bucket].keys.getlist(key) if bucket in backend.buckets else None
    return [_document(backend, each) for each in found] if found else None


def _document(backend: Any, version: Any) -> dict[str, Any]:
    if isinstance(version, FakeDeleteMarker):
        return {"body": None, "last_modified": version.last_modified, "_version_id": version.version_id}
    attributes = {name: getattr(version, name, None) for name in _ATTRIBUTES}
    tags = backend.tagger.get_tag_dict_for_resource(version.arn)
    body = version.body
    return {**attributes, "metadata": dict(version.metadata), "tags": tags, "body": [body.digest, body.size]}


def _put(backend: Any, bucket: Any, key: str, versions: list[Any], bodies: list[Body | None]) -> None:
    restored: list[Any] = []
    for document, body in zip(versions, bodies, strict=True):
        if body is None:
            version: Any = FakeDeleteMarker(restored[-1] if restored else FakeKey(key, b"", ACCOUNT, REGION))
            version.last_modified, version._version_id = document["last_modified"], document["_version_id"]
        else:
            version = FakeKey(key, cast(Any, body), ACCOUNT, REGION, bucket_name=bucket.name)
            version.__dict__ |= {name: document[name] for name in _ATTRIBUTES}
            version.set_metadata(dict(document["metadata"]))
            if document["tags"]:
                tags = backend.tagger.convert_dict_to_tags_input(document["tags"])
                backend.tagger.tag_resource(version.arn, tags)
        restored.append(version)
    bucket.keys.setlist(key, restored)
