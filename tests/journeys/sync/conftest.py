"""A source of customers and a clock for syncs."""

import json
from collections.abc import Iterator

import pytest

from chalicelib.jobs.sync import source
from chalicelib.jobs.sync.models import SYNCS
from chalicelib.jobs.sync.sync_records import RECORDS
from local.fake_api import FakeApi
from local.machine import Machine
from tests.journeys.external_services import SECRET_ID
from tests.journeys.sync.syncing import (
    COUNT,
    PAGE,
    FakeClock,
    empty_table,
)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def fake_api(machine: Machine, function: pytest.MonkeyPatch) -> Iterator[FakeApi]:
    """A source of 60 customers in pages of 20, read by this process as the scheduled function; empty tables."""
    empty_table(RECORDS, "recordId")
    empty_table(SYNCS, "executedAt")
    function.setattr(source, "PAGE", PAGE)
    function.setenv("BATCH_SIZE", "7")
    with FakeApi(customers=COUNT) as started:
        function.setenv("EXTERNAL_API_URL", started.url)
        secrets = machine.client("secretsmanager")
        secrets.put_secret_value(SecretId=SECRET_ID, SecretString=json.dumps({"api_key": started.api_key}))
        yield started
        secrets.put_secret_value(SecretId=SECRET_ID, SecretString="{}")
