"""How what Darkroom depends on is doing: checked by schedule, kept, told to operators when it changes, and served."""

from chalicelib.jobs.health.check import NEEDS, check
from chalicelib.jobs.health.dependencies import TABLES
from chalicelib.jobs.health.service import HEALTH, LIMIT, SHOWN_NEEDS, current

__all__ = ["HEALTH", "LIMIT", "NEEDS", "SHOWN_NEEDS", "TABLES", "check", "current"]
