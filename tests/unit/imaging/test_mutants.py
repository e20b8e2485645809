"""Three hundred damaged pictures of every kind, the same each time: `make fuzz` tries others, for minutes."""

from __future__ import annotations

from chalicelib.imaging import REASONS, check
from tests.fuzz import OPERATIONS, Report
from tests.mutants import corpus

NUMBER = 300


def test_damaged_pictures_give_a_result_or_a_reason() -> None:
    report = Report()
    for number in range(NUMBER):
        report.try_mutant(number)
    assert report.escapes == {}
    assert set(report.verdicts) <= {"accepted", *REASONS}
    # Damage that all or none of them survive would try nothing.
    assert 30 < report.verdicts["accepted"] < 200
    assert len(report.verdicts) > 4


def test_all_that_damage_is_done_to_is_sound() -> None:
    for name, data in corpus().items():
        assert check(data, ""), name
    assert len(OPERATIONS) == 3
