"""Usage records summed by day: usage, cost and spending, for users, administrators and limits."""

from chalicelib.metering.reconciling import count_lost_runs
from chalicelib.metering.schemas import ALL_USAGE, GET, GET_ALL, SUMMARY
from chalicelib.metering.service import get_all_usage, get_own_usage, mean_seconds, parse_period, summarize
from chalicelib.metering.stream import count_records
