"""A round of a job: what it counts, where it ends, and how it treats failures."""

from datetime import UTC, datetime

import pytest

from chalicelib.core.deadline import Deadline
from chalicelib.core.errors import ConflictError
from chalicelib.jobs.rounds import MAX_FINDINGS, Round, go_through
from chalicelib.jobs.runner import Run

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def a_round(seconds: float = 60.0, **options: object) -> Round:
    return Round(Run("job", options, NOW, Deadline.within(seconds)))


def fails() -> bool:
    raise ConflictError


def test_a_dry_run_changes_nothing_and_gives_the_same_counts() -> None:
    dry = a_round(dryRun=True)
    assert dry.change(fails) is True
    assert dry.change_all([fails] * 3) == 3
    assert dry.answer()["status"] == "success"


def test_items_that_need_no_change_are_not_counted() -> None:
    assert a_round().change(lambda: False) is False
    assert a_round().change_all([lambda: True, lambda: False, lambda: True]) == 2


def test_a_failing_item_makes_the_round_partial_and_stops_no_other() -> None:
    round_ = a_round()
    done = round_.change_all([fails, lambda: True, fails])
    answer = round_.answer()
    assert (done, answer["status"], answer["counts"]) == (1, "partial", {"failed": 2})


def test_many_failures_in_a_row_end_the_round() -> None:
    round_ = a_round()
    for _ in range(9):
        round_.change(fails)
    round_.change(lambda: True)
    for _ in range(9):
        round_.change(fails)
    with pytest.raises(ConflictError):
        round_.change(fails)


def test_the_deadline_ends_the_round_and_the_result_says_so() -> None:
    round_ = a_round(seconds=0.0)
    assert list(round_.until_deadline([1, 2])) == []
    assert round_.answer()["isComplete"] is False
    assert a_round().answer()["isComplete"] is True


def test_a_step_that_breaks_off_goes_on_after_the_others() -> None:
    calls: list[str] = []

    def fragile(round_: Round) -> None:
        calls.append("fragile")
        if calls.count("fragile") == 1:
            raise ConflictError
        round_.count("done")

    def other(_: Round) -> None:
        calls.append("other")

    def broken(_: Round) -> None:
        raise ConflictError

    run = Run("job", {}, NOW, Deadline.within(60))
    assert go_through(run, fragile, other)["counts"] == {"done": 1}
    assert calls == ["fragile", "other", "fragile"]
    with pytest.raises(ExceptionGroup, match="1 steps of job broke off"):
        go_through(run, broken, other)


def test_only_the_first_items_are_listed_and_all_are_counted() -> None:
    round_ = a_round()
    for place in range(MAX_FINDINGS + 5):
        round_.report("strange", key=str(place))
    answer = round_.answer()
    assert answer["counts"] == {"strange": MAX_FINDINGS + 5}
    assert len(answer["findings"]) == MAX_FINDINGS
    assert answer["findings"][0] == {"what": "strange", "key": "0"}


def test_times_are_written_as_rows_hold_them() -> None:
    assert a_round().now == "2026-03-01T00:00:00.000Z"
    assert a_round().before(days=30) == "2026-01-30T00:00:00.000Z"
