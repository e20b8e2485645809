"""The values of the template's parameters, from the stage's options and settings."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from chalicelib.core.settings import Settings
from infra import stages
from infra.deploy.target import Target
from infra.function_grants import API


def parameters_of(target: Target, template: Mapping[str, Any], former: str) -> list[dict[str, str]]:
    """The parameters that the template has. `former` is a state of infra/deploy/pool_clients.py."""
    options = target.options
    values = {
        "Stage": target.stage,
        "BucketSuffix": target.place.suffix,
        "CorsOrigin": _cors_origin(target),
        "PageOrigin": page_origin(target),
        "LogRetentionDays": str(options.log_retention_days),
        "CustomerKey": _flag(options.customer_key),
        "FormerClient": former,
        "VpcId": options.vpc_id,
        "SubnetIds": ",".join(options.subnet_ids),
        "RouteTableIds": ",".join(options.route_table_ids),
        "OperatorsEmail": options.operators_email,
        "AccountsEmail": options.accounts_email,
        "DailySpendDollars": f"{options.daily_spend_dollars:g}",
        "WarmResize": _flag("resize" in options.provisioned_concurrency),
    }
    return [{"ParameterKey": name, "ParameterValue": values[name]} for name in template["Parameters"] if name in values]


def page_origin(target: Target) -> str:
    """The origin of the API's own address, where the page is.

    "" if CORS_ORIGIN covers it, or as long as a new stage has no address.
    """
    address = urlsplit(target.settings(API).get(stages.API_URL, ""))
    origin = f"{address.scheme}://{address.netloc}" if address.netloc else ""
    return "" if _cors_origin(target) in ("*", origin) else origin


def _cors_origin(target: Target) -> str:
    return target.settings(API).get(Settings.CORS_ORIGIN.name, Settings.CORS_ORIGIN.default or "")


def _flag(on: bool) -> str:
    return "true" if on else "false"
