"""The running API answers as its contract says, whatever schemathesis draws from it, right and wrong."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import settings

from tests import breadth
from tests.contract.callers import OPERATIONS, Caller, Nobody, SignedIn, WithKey
from tests.contract.run import Outcome, run
from tests.contract.running import Running, running

CALLERS: dict[str, Callable[[Running], Caller]] = {
    "a user": SignedIn,
    "an API key": WithKey,
    "nobody": lambda there: Nobody(),
}
QUICK = {"examples": {"enabled": True}, "coverage": {"enabled": False}, "stateful": {"enabled": False}}


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("state")) as started:
        yield started


def found_nothing(outcome: Outcome) -> bool:
    """Whether every operation was asked, no request was refused by a limit, and nothing was found."""
    assert set(outcome.requests) == set(OPERATIONS)
    assert 429 not in outcome.statuses
    return not outcome.failures and not outcome.errors


@pytest.mark.parametrize("caller", breadth.named({name: name for name in CALLERS}, "a user"))
def test_examples_and_what_is_drawn_like_them_are_answered_as_the_contract_says(there: Running, caller: str) -> None:
    fuzzing = {"enabled": caller == "a user", "generation": {"max-examples": 1}}
    outcome = run(there.url, CALLERS[caller](there), generation=drawn(), phases={**QUICK, "fuzzing": fuzzing})
    assert found_nothing(outcome), outcome.report()


@pytest.mark.slow
@pytest.mark.parametrize("caller", CALLERS)
def test_whatever_is_sent_is_answered_as_the_contract_says(there: Running, caller: str) -> None:
    seed = secrets.randbelow(2**32)
    phases: dict[str, Any] = {
        "examples": {"enabled": True},
        "coverage": {"enabled": True},
        "fuzzing": {"enabled": True, "generation": {"max-examples": 20}},
        "stateful": {"enabled": True, "generation": {"max-examples": 20}},
    }
    outcome = run(there.url, CALLERS[caller](there), seed=seed, generation=drawn(), phases=phases)
    print(f"{caller}, seed {seed}: {outcome}")
    assert found_nothing(outcome), f"seed {seed}\n{outcome.report()}"


def drawn() -> dict[str, Any]:
    """`make test` draws the same in every run, as other property tests do."""
    return {"deterministic": settings().derandomize, "database": "none"}
