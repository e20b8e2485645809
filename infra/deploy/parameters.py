"""The values of the template's parameters, from the stage's options and settings."""

from collections.abc import Mapping
from typing import Any

from chalicelib.core.settings import Settings
from infra.deploy.target import Target
from infra.function_grants import API


def parameters_of(target: Target, template: Mapping[str, Any], former: str) -> list[dict[str, str]]:
    """The parameters that the template has. `former` is a state of infra/deploy/pool_clients.py."""
    options = target.options
    values = {
        "Stage": target.stage,
        "BucketSuffix": target.place.suffix,
        "CorsOrigin": target.settings(API).get(Settings.CORS_ORIGIN.name, Settings.CORS_ORIGIN.default or ""),
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


def _flag(on: bool) -> str:
    return "true" if on else "false"
