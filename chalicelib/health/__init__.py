"""How what Darkroom depends on is doing: checked by schedule, kept, told to operators when it changes, and served."""

from chalicelib.health.checking import NEEDS, check
from chalicelib.health.dependencies import TABLES
from chalicelib.health.serving import HEALTH, LIMIT, SHOWN_NEEDS, current

__all__ = ["HEALTH", "LIMIT", "NEEDS", "SHOWN_NEEDS", "TABLES", "check", "current"]
