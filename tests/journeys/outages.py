"""An outage of DynamoDB on the local machine, on its clock."""

import functools
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from local import moto_server
from local.machine import Machine
from local.wsgi import Application, Environ
from tests.waiting import wait_for

STREAMS = ("image_changes", "usage_records", "audit_entries")
_ERROR = b'{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError","message":"The service is out."}'


@contextmanager
def without_dynamodb(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every request to DynamoDB is answered with 500, and does nothing."""
    answer = moto_server._answer

    def refuse(application: Application, environ: Environ) -> object:
        if environ.get("HTTP_X_AMZ_TARGET", "").startswith("DynamoDB_"):
            return "500 Internal Server Error", [("Content-Type", "application/x-amz-json-1.0")], _ERROR
        return answer(application, environ)

    with patch.context() as here:
        here.setattr(moto_server, "_answer", refuse)
        yield


@contextmanager
def streams_held_back(machine: Machine) -> Iterator[None]:
    """No stream is delivered."""
    lambda_ = machine.client("lambda")
    names = {f"darkroom-local-{name}" for name in STREAMS}
    mappings = [
        mapping
        for mapping in lambda_.list_event_source_mappings()["EventSourceMappings"]
        if mapping["FunctionArn"].split(":")[6] in names
    ]
    for mapping in mappings:
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        for mapping in mappings:
            lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def pass_time(machine: Machine, seconds: float) -> None:
    """Lets that much time pass, in which each stream's function fails whenever Lambda tries it again."""
    # Between tries Lambda waits twice as long each time, a minute at the most.
    pauses, passed = itertools.chain((1, 2, 4, 8, 16, 32), itertools.repeat(64)), 0
    while passed < seconds:
        before, pause = failures(machine), next(pauses)
        machine.clock.advance(pause)
        passed += pause
        wait_for(functools.partial(have_failed, machine, before), "each stream to fail again", 60)


def have_failed(machine: Machine, before: dict[str, int]) -> bool:
    """Whether each stream's function has failed since then."""
    now = failures(machine)
    return all(now[name] > before[name] for name in STREAMS)


def catch_up(machine: Machine) -> None:
    """Lets time pass until each stream is read."""

    def are_read() -> bool:
        machine.clock.advance(64)
        return all(machine.records_waiting(name) == 0 for name in STREAMS)

    wait_for(are_read, "the streams to be read", 60)


def failures(machine: Machine) -> dict[str, int]:
    """How often each stream's function has failed."""
    assert machine.logs is not None
    return {name: (machine.logs / f"{name}.log").read_text().count('"FUNCTION_FAILED"') for name in STREAMS}
