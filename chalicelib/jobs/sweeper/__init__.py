"""The sweeper: what got stuck is led on or ended, and files and rows that lost each other are brought together."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from chalicelib.jobs import rounds
from chalicelib.jobs.sweeper.grants import NEEDS
from chalicelib.jobs.sweeper.orphans import sweep_files, sweep_images_without_files, sweep_results, sweep_uploads
from chalicelib.jobs.sweeper.stuck import sweep_actions, sweep_images

__all__ = ["NEEDS", "sweep"]

# In this order: what users wait for comes first, and what takes long takes the time that is left.
_STEPS = (sweep_images, sweep_actions, sweep_uploads, sweep_files, sweep_results, sweep_images_without_files)


def sweep(options: Mapping[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """One round (`rounds.go`). A pass over all files and rows goes on from round to round, and begins anew each day."""
    return rounds.go("sweeper", _STEPS, options, now)
