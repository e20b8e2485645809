"""What is under way: asynchronous events, stream records, schedules and executions."""

import json
from collections.abc import Collection, Mapping
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import StreamRecord

from local.aws import ACCOUNT, REGION
from local.functions import FunctionHost
from local.moto_patches import stepfunctions_progress
from local.pollers import StreamPoller
from local.state.part import Documents, Kept
from local.triggers import Triggers

_EVENTS, _STREAMS, _RECORDS, _SCHEDULES, _EXECUTIONS = "events", "streams", "records", "schedules", "executions"


class Work:
    """A document for each thing that is under way. Restore it before the triggers start, and then `resume`."""

    service = "work"
    kinds: tuple[str, ...] = (_EVENTS, _STREAMS, _RECORDS, _SCHEDULES, _EXECUTIONS)
    is_whole = True

    def __init__(self, triggers: Triggers, host: FunctionHost) -> None:
        self._triggers = triggers
        self._host = host
        self._executions: dict[str, stepfunctions_progress.Progress] = {}

    def restore(self, documents: Mapping[str, Documents]) -> None:
        """Put all back but the executions."""
        self._triggers.events.restore(documents[_EVENTS], self._host.functions)
        self._triggers.scheduler.restore(documents[_SCHEDULES])
        records: dict[str, dict[int, Any]] = {}
        for name, record in documents[_RECORDS].items():
            table, number = json.loads(name)
            records.setdefault(table, {})[number] = record
        for table, stream in documents[_STREAMS].items():
            _restore_stream(table, stream, records.get(table, {}), self._stream_pollers(table))
        self._executions = stepfunctions_progress.of_documents(documents[_EXECUTIONS])

    def resume(self) -> None:
        """Go on with the executions."""
        stepfunctions_progress.resume(self._executions)

    def changed(self, names: Collection[Any]) -> Kept:
        """Everything."""
        kept: Kept = {kind: {} for kind in self.kinds}
        kept[_EVENTS] = self._triggers.events.unfinished()
        kept[_SCHEDULES] = self._triggers.scheduler.dues()
        kept[_EXECUTIONS] = stepfunctions_progress.as_documents()
        for name, table in dynamodb_backends[ACCOUNT][REGION].tables.items():
            if pollers := self._stream_pollers(name):
                shard: Any = table.stream_shard
                positions = {function: each.position for function, each in pollers.items()}
                first, begin = min(positions.values()), shard.starting_sequence_number
                kept[_STREAMS][name] = {
                    "first": begin + first,
                    "positions": {function: begin + position for function, position in positions.items()},
                }
                for number, record in enumerate(shard.items[first:], begin + first):
                    kept[_RECORDS][json.dumps([name, number])] = record.record
        return kept

    def _stream_pollers(self, table: str) -> dict[str, StreamPoller]:
        return {
            name: each
            for name, each in self._triggers.pollers.items()
            if isinstance(each, StreamPoller) and each.table == table
        }


def _restore_stream(
    name: str, stream: Mapping[str, Any], records: Mapping[int, Any], pollers: Mapping[str, StreamPoller]
) -> None:
    """Put the records back that a function has not seen. Sequence numbers go on."""
    if not pollers:
        return
    shard: Any = dynamodb_backends[ACCOUNT][REGION].tables[name].stream_shard
    shard.starting_sequence_number = stream["first"]
    for _, document in sorted(records.items()):
        record: Any = StreamRecord.__new__(StreamRecord)
        record.record = document
        shard.items.append(record)
    for function, poller in pollers.items():
        poller.position = stream["positions"].get(function, stream["first"] + len(records)) - stream["first"]
