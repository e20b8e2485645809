"""What all tests share: the local machine, waiting with a deadline, and the functions' logs of a failed test."""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from hypothesis import HealthCheck, settings

from infra import iam_report
from local.machine import Machine
from local.patching import share_parsed_models
from tests.breadth import FEW_EXAMPLES, MANY_EXAMPLES
from tests.waiting import wait_for

# Property tests draw the same examples in every run of `make test`, so that its verdict is always the same. `make
# test-all` explores, and prints how to replay what it found. A slow machine is no failure of a property.
_NOT_TIMED: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", derandomize=True, max_examples=FEW_EXAMPLES, **_NOT_TIMED)
settings.register_profile("exploring", print_blob=True, max_examples=MANY_EXAMPLES, **_NOT_TIMED)
settings.load_profile("repeatable")

# Parsing a service's model is most of what a new client costs.
share_parsed_models()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Gives the workers their tests by `tests/scheduling.py`."""
    from tests.scheduling import GroupScheduling

    return GroupScheduling(config, log)


_LOGS = pytest.StashKey[Path]()
_SIZES = pytest.StashKey[dict[Path, int]]()


class Eventually(Protocol):
    """Waits until a condition is true and returns its value."""

    def __call__(self, condition: Callable[[], Any], within: float = 15.0) -> Any: ...


@pytest.fixture(scope="session")
def eventually() -> Eventually:
    """Polls a condition until it is true; fails when the deadline passes."""

    def wait(condition: Callable[[], Any], within: float = 15.0) -> Any:
        return wait_for(condition, "a condition", within)

    return wait


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Machine]:
    """Darkroom on its embedded AWS, with its two accounts. Its schedules are off: a test that needs one enables
    its rule, and no other test's moving of the clock fires it.
    """
    logs = pytestconfig.stash[_LOGS] = tmp_path_factory.mktemp("logs")
    with Machine(logs=logs, schedules=False) as started:
        started.client("dynamodb").meta.events.register("needs-retry.dynamodb", _after_the_transaction)
        yield started
    assert started.grants_log is not None
    if collected := os.environ.get("RIGHTS_COLLECTED"):
        with Path(collected).open("a") as together:
            together.write(started.grants_log.read_text())
    refused = [each for each in iam_report.logged_calls(started.grants_log) if each.how == "refused"]
    assert not refused, "a function used what it does not declare"


def _after_the_transaction(response: Any, attempts: int, **_: Any) -> float | None:
    """Seconds until a test's own write that conflicted with a transaction is retried.

    None if the write must not be retried. Conflicts are normal: the streams add sums to the same rows.
    """
    refused = response is not None and response[1].get("Error", {}).get("Code") == "TransactionConflictException"
    return 0.05 if refused and attempts < 100 else None


@pytest.fixture(autouse=True)
def _log_sizes(request: pytest.FixtureRequest) -> None:
    """Stores the size of the functions' logs when a test starts."""
    if (logs := request.config.stash.get(_LOGS, None)) is not None:
        request.node.stash[_SIZES] = {log: log.stat().st_size for log in logs.glob("*.log")}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A failed test shows the warnings and errors that the functions logged while it ran."""
    report = yield
    logs = item.config.stash.get(_LOGS, None)
    if report.failed and logs is not None:
        before = item.stash.get(_SIZES, {})
        complaints = [line for log in sorted(logs.glob("*.log")) for line in _complaints(log, before.get(log, 0))]
        report.sections.append(("functions' logs", "\n".join(complaints) or "no complaints"))
    return report


def _complaints(log: Path, start: int) -> list[str]:
    with log.open("rb") as lines:
        lines.seek(start)
        return [f"{log.stem}: {line.decode().rstrip()}" for line in lines if b'"INFO"' not in line]
