"""The simulation behind docs/scale.md respects its limits and loses no image."""

import dataclasses
import random

from bench._pipeline_simulation import Limits, Outcome, Retry, Simulation

SECONDS = {"s3_event": 0.05, "orchestrator": 0.06, "validation": 0.1, "resize": 0.3, "watermark": 0.4}
USUAL = Limits(seconds=SECONDS, cold_seconds=1.0, retry=Retry(2, 1.5, 6, 15))
RATE, DURATION = 2.0, 300.0


def burst(images: int, limits: Limits = USUAL) -> Outcome:
    return Simulation(limits, random.Random(1)).run(RATE, DURATION, images, burst_at=10.0)


def test_every_image_is_completed_or_failed() -> None:
    outcome = burst(500)
    assert outcome.failed == 0
    assert abs(outcome.completed[-1] - (500 + RATE * DURATION)) < 5
    assert outcome.drained is not None


def test_the_accounts_concurrency_limits_the_busy_containers() -> None:
    narrow = burst(500, dataclasses.replace(USUAL, concurrency=40))
    assert max(narrow.busy) == 40
    assert narrow.throttled > 0
    assert max(burst(500).busy) > 40


def test_a_limit_on_the_orchestrator_keeps_the_rest_in_the_queue() -> None:
    free, held = burst(3000), burst(3000, dataclasses.replace(USUAL, max_orchestrators=5))
    assert max(held.by_function["orchestrator"]) <= 5
    assert max(held.by_function["resize"]) < max(free.by_function["resize"])
    assert max(held.oldest) > max(free.oldest)


def test_an_image_that_is_throttled_after_its_last_retry_fails() -> None:
    hasty = dataclasses.replace(USUAL, concurrency=20, retry=Retry(0.1, 1.0, 2, 0.1))
    assert burst(2000, hasty).failed > 0
