"""The health of what Darkroom depends on: checked by schedule, stored, served, and reported to operators."""

from chalicelib.jobs.health.check import HEALTH_CHECK, check
from chalicelib.jobs.health.dependencies import TABLES
from chalicelib.jobs.health.overview import get_system_health
from chalicelib.jobs.health.schemas import HEALTH, SYSTEM_HEALTH
from chalicelib.jobs.health.service import LIMIT, get_health
