"""All that the embedded AWS holds: put back before each point, and read after it."""

import copy
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.cognitoidp.models import cognitoidp_backends
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import FakeDeleteMarker, s3_backends
from moto.sqs.models import sqs_backends

from chalicelib.core import clients
from local.aws import ACCOUNT, REGION
from local.machine import Machine
from local.moto_patches.sqs import RECEIVED_BY_FUNCTIONS
from local.pollers import StreamPoller

_OF_POOL = ("users", "refresh_tokens", "access_tokens", "id_tokens")
_SAME_EACH_TIME = ("uploads/", "processed/")
_PREFIX, _SUFFIX = "darkroom-local-", "-machine"


@dataclass(frozen=True)
class World:
    """The state at one moment, without messages: there are none when it is taken."""

    tables: dict[str, Any]
    buckets: dict[str, dict[str, list[Any]]]
    pools: dict[str, dict[str, Any]]

    @classmethod
    def take(cls) -> "World":
        """A copy of all that is there now."""
        return cls(
            tables={table.name: copy.deepcopy(table.items) for table in _tables()},
            buckets={bucket.name: _objects(bucket) for bucket in _buckets()},
            pools={pool.id: {name: copy.deepcopy(getattr(pool, name)) for name in _OF_POOL} for pool in _pools()},
        )

    def put_back(self, machine: Machine) -> None:
        """Make all as it was. To be called while nothing runs; streams do not tell of it."""
        for table in _tables():
            table.items = copy.deepcopy(self.tables[table.name])
            if table.stream_shard is not None:
                table.stream_shard.items.clear()
        for poller in machine._triggers.pollers.values():
            if isinstance(poller, StreamPoller):
                poller.position = 0
                poller._arrived.clear()
        for bucket in _buckets():
            bucket.keys.clear()
            for key, versions in self.buckets[bucket.name].items():
                bucket.keys.setlist(key, list(versions))
        for pool in _pools():
            for name in _OF_POOL:
                setattr(pool, name, copy.deepcopy(self.pools[pool.id][name]))
        for queue in _queues():
            with queue._messages_lock:
                queue._messages.clear()
                queue.pending_messages.clear()
                queue.deleted_messages.clear()
                queue.__dict__.pop("sent_at_by_deduplication_id", None)
        RECEIVED_BY_FUNCTIONS.clear()
        with machine.clock.moved:
            machine._triggers.events._waiting.clear()
            machine._triggers.events._unfinished.clear()


def tables() -> dict[str, list[dict[str, Any]]]:
    """The rows of each table, as plain values."""
    return {
        _plain(table.name): [clients.unmarshal(item.to_json()["Attributes"]) for item in table.all_items()]
        for table in _tables()
    }


def objects() -> dict[str, list[tuple[str, str]]]:
    """By bucket, the key and the checksum of each object, and of each version of what is deleted.

    The older versions of an object that is there do not count: whoever writes it twice leaves one, and it expires.
    """
    return {
        _plain(bucket.name): sorted(
            (key, _checksum(key, each))
            for key, versions in _objects(bucket).items()
            for each in (versions if isinstance(versions[-1], FakeDeleteMarker) else versions[-1:])
        )
        for bucket in _buckets()
    }


def _checksum(key: str, version: Any) -> str:
    if isinstance(version, FakeDeleteMarker):
        return "deleted"
    # Other files say when they were made.
    return str(version.etag) if key.startswith(_SAME_EACH_TIME) else "written"


def archived() -> list[str]:
    """The ids of the records in the archive's files, once however often they are there."""
    files = [version for bucket in _buckets() if _plain(bucket.name) == "archive" for version in _newest(bucket)]
    lines = [line for file in files for line in gzip.decompress(file.value).splitlines()]
    return sorted({str(json.loads(line)["recordId"]) for line in lines})


def _newest(bucket: Any) -> list[Any]:
    return [each[-1] for each in _objects(bucket).values() if not isinstance(each[-1], FakeDeleteMarker)]


def messages() -> dict[str, list[str]]:
    """The bodies of the messages in each queue that has any, whether visible or not."""
    found = {_plain(queue.name): [message.body for message in queue._messages] for queue in _queues()}
    return {name: bodies for name, bodies in found.items() if bodies}


def cognito_users() -> list[dict[str, Any]]:
    """Who is in the user pool, and whether their tokens are valid."""
    return [
        {"email": user.username, "status": str(user.status), "password": user.password, "enabled": user.enabled}
        for pool in _pools()
        for user in pool.users.values()
    ]


def _plain(name: str) -> str:
    return name.removeprefix(_PREFIX).removesuffix(_SUFFIX)


def _tables() -> Iterator[Any]:
    yield from dynamodb_backends[ACCOUNT][REGION].tables.values()


def _buckets() -> Iterator[Any]:
    yield from s3_backends[ACCOUNT]["aws"].buckets.values()


def _queues() -> Iterator[Any]:
    yield from sqs_backends[ACCOUNT][REGION].queues.values()


def _pools() -> Iterator[Any]:
    yield from cognitoidp_backends[ACCOUNT][REGION].user_pools.values()


def _objects(bucket: Any) -> dict[str, list[Any]]:
    return {key: list(bucket.keys.getlist(key)) for key in list(bucket.keys)}
