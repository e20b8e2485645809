"""How broad a test is: a few cases and examples in `make test`, all of them in `make test-all`."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import settings

# Examples of a property test in `make test` and, without a number of its own, in `make test-all`.
FEW_EXAMPLES, MANY_EXAMPLES = 25, 100


def mostly_slow(cases: Iterable[Any], quick: int = 1) -> list[Any]:
    """The cases of a sweep: the first `quick` of them are in `make test`, the others only in `make test-all`.

    A case of several parameters is a tuple.
    """
    return [
        pytest.param(*_parameters(case), marks=[pytest.mark.slow] if place >= quick else [])
        for place, case in enumerate(cases)
    ]


def named(cases: Mapping[str, Any], *quick: str) -> list[Any]:
    """The cases of a sweep by their names: those named here are in `make test`, the others only in `make test-all`."""
    assert set(quick) <= set(cases), f"no cases: {set(quick) - set(cases)}"
    return [
        pytest.param(*_parameters(case), id=name, marks=[] if name in quick else [pytest.mark.slow])
        for name, case in cases.items()
    ]


def _parameters(case: Any) -> tuple[Any, ...]:
    return case if isinstance(case, tuple) else (case,)


def examples(number: int) -> settings:
    """That many examples in `make test-all`, and a quarter of them in `make test`."""
    return settings(max_examples=max(2, number * settings().max_examples // MANY_EXAMPLES))
