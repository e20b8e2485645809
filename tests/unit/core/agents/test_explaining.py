"""What an agent is told to do after an error."""

import re
from collections.abc import Iterator

import pytest

import app as manifest
from chalicelib.core.agents import explaining, tools
from chalicelib.core.errors import (
    DarkroomError,
    InvalidRequestError,
    NotAuthenticatedError,
    PermissionDeniedError,
    TooManyRequestsError,
    UnavailableError,
    UnexpectedError,
)
from chalicelib.images import ImageNotFoundError

DETAILS = [{"field": "fileName", "message": "is required"}, {"field": "odd", "message": "is not known here"}]


@pytest.mark.parametrize(
    ("error", "step"),
    [
        (ImageNotFoundError(), "Call list_images for the ids of your images."),
        (InvalidRequestError(details=DETAILS), "Correct fileName, odd and call get_image again."),
        (TooManyRequestsError(retry_after=7), "Call get_image again in 7 seconds, with the same arguments."),
        (UnavailableError(), "Call get_image again in 5 seconds, with the same arguments."),
        (UnexpectedError(), "Call get_image once more. If it fails again, give the requestId to the operators."),
        (PermissionDeniedError(), "Ask the user for an API key with this access, or for this right."),
        (NotAuthenticatedError(), "Send an API key of the user as bearer token: Authorization: Bearer drk_…"),
    ],
)
def test_an_error_leads_to_a_tool_a_field_or_a_time(error: DarkroomError, step: str) -> None:
    assert explaining.next_step(error, "get_image") == step


def kinds(base: type[DarkroomError] = DarkroomError) -> Iterator[type[DarkroomError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from kinds(kind)


def test_a_next_step_names_only_tools_that_exist() -> None:
    assert manifest.app is not None, "all wings are imported"
    names = {tool.operation.name for tool in tools.published()}
    steps = {kind.__name__: kind.next_step for kind in kinds() if kind.next_step}
    assert len(steps) > 10
    for kind, step in steps.items():
        assert set(re.findall(r"\b[a-z]+_[a-z_]+\b", step)) <= names, kind
        assert step.endswith("."), kind
