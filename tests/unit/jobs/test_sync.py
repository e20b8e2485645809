"""Which records a sync accepts, what its Bloom filter remembers, and how much memory it takes."""

import json
import math
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chalicelib.core.deadline import Deadline
from chalicelib.jobs.sync import bloom_filter, customer
from chalicelib.jobs.sync.bloom_filter import BloomFilter
from chalicelib.jobs.sync.customer import Customer, Rejected

ROOT = Path(__file__).parents[3]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
FORM = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
# The size limit of a DynamoDB sort key, in bytes.
KEY_BYTES = 1024

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
moments = st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat) | st.datetimes().map(str)
customers = st.fixed_dictionaries(
    {}, optional={"id": st.text() | values, "updatedAt": moments | values, "email": st.text() | values, "more": values}
)


@given(customers | values)
@example({"id": "a", "updatedAt": "9999-12-31T23:59:59-14:00"})
@example({"id": "a", "updatedAt": "0001-01-01T00:00:00+14:00"})
@example({"id": "\ud800", "updatedAt": "2026-01-01"})
@example({"id": " a", "updatedAt": "2026-01-01"})
def test_any_json_value_is_a_customer_or_a_rejection_that_a_table_can_store(raw: Any) -> None:
    read = customer.parse_record(raw, NOW)
    assert 0 < len(read.id.encode()) <= KEY_BYTES
    assert read.id >= "!", "clean-up and archiving read ids in this range"
    assert len(read.data.encode()) <= customer.MAX_RECORD_BYTES
    if isinstance(read, Customer):
        assert json.loads(read.data) == raw
        assert FORM.fullmatch(read.updated_at)
        assert datetime(1990, 1, 1, tzinfo=UTC) <= datetime.fromisoformat(read.updated_at) <= NOW + timedelta(days=1)
    else:
        assert read.reason


@given(st.text("abcé7-_.@ #", min_size=1, max_size=128).filter(lambda text: text == text.strip()))
def test_a_valid_customer_is_accepted(record_id: str) -> None:
    raw = {"updatedAt": "2026-05-01T12:00:00.1234567+02:00", "id": record_id, "email": "a@b.c", "more": [1, {"x": 2}]}
    read = customer.parse_record(raw, NOW)
    assert isinstance(read, Customer), read
    assert (read.id, read.updated_at) == (record_id, "2026-05-01T10:00:00.123Z")
    assert customer.parse_record(dict(reversed(raw.items())), NOW) == read, "the order of its fields changes nothing"


def test_a_record_nested_too_deep_is_rejected() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert customer.parse_record({"id": "a", "deep": deep}, NOW) == Rejected("a", True, "is nested too deep", "")


@given(st.lists(st.text(max_size=20), max_size=50), st.lists(st.text(max_size=20), max_size=50))
def test_the_bloom_filter_never_forgets_an_id_even_after_storage(ids: list[str], others: list[str]) -> None:
    crawl = BloomFilter()
    assert [crawl.add(each) for each in dict.fromkeys(ids)] == [True] * len(set(ids))
    stored = BloomFilter(crawl.salt, crawl.bits())
    assert all(each in stored for each in ids)
    assert not any(stored.add(each) for each in ids)
    assert not any(each in stored for each in others if each not in ids)


def test_false_positives_are_few_and_differ_between_crawls() -> None:
    crawls = [BloomFilter(bytes([number])) for number in range(2)]
    for crawl in crawls:
        for number in range(100_000):
            crawl.add(f"customer-{number}")
    confused = [{number for number in range(100_000, 130_000) if f"customer-{number}" in crawl} for crawl in crawls]
    # The expected rate of false positives is (1 - e^(-kn/m))^k; the margin allows for chance.
    share = (1 - math.exp(-8 * 100_000 / (bloom_filter.BYTES * 8))) ** 8
    assert all(len(each) < 30_000 * share * 1.6 + 5 for each in confused)
    assert confused[0] & confused[1] == set()
    assert bloom_filter.BYTES + 1024 < 400 * 1024, "a row of DynamoDB holds it"


class Context:
    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@pytest.mark.parametrize(
    ("context", "seconds"),
    [(None, 270), (Context(900_000), 270), (Context(60_000), 35), (Context(5_000), 0)],
)
def test_a_run_ends_before_its_function_would(context: Any, seconds: float) -> None:
    clock = 1000.0
    left = Deadline.within(270.0, context, reserve=25.0).seconds_left
    assert seconds - 1 < left <= seconds
    assert Deadline(clock, lambda: clock).is_over


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a program's own peak")
def test_a_sync_of_a_hundred_thousand_customers_takes_less_than_256_mb() -> None:
    script = "from bench import sync; print(sync.peak(100_000))"
    run = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert float(run.stdout) < 256
