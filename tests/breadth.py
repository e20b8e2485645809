"""How broad a test is: a few cases and examples in `make test`, all of them in `make test-all`."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import settings

# Examples of a property test in `make test` and, without a number of its own, in `make test-all`.
FEW_EXAMPLES, MANY_EXAMPLES = 25, 100


def mostly_slow(cases: Iterable[Any], quick: int = 1) -> list[Any]:
    """The cases of a sweep: the first `quick` of them are in `make test`, the others only in `make test-all`.

    A case of several parameters is a tuple.
    """
    listed = [each if isinstance(each, tuple) else (each,) for each in cases]
    return [*listed[:quick], *(pytest.param(*each, marks=pytest.mark.slow) for each in listed[quick:])]


def examples(number: int) -> settings:
    """That many examples in `make test-all`, and a quarter of them in `make test`."""
    return settings(max_examples=max(2, number * settings().max_examples // MANY_EXAMPLES))
