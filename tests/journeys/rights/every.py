"""Imports all modules of small journeys, so that `JOURNEYS` is complete."""

from tests.journeys.rights import (
    of_actions,
    of_api,
    of_every_function,
    of_reconciler,
    of_schedules,
    of_streams,
    of_sync,
    of_uploads,
)
from tests.journeys.rights.journey import JOURNEYS

__all__ = [
    "JOURNEYS",
    "of_actions",
    "of_api",
    "of_every_function",
    "of_reconciler",
    "of_schedules",
    "of_streams",
    "of_sync",
    "of_uploads",
]
