"""What a stage costs a month: the load that its options name, at what an image and a request were measured to take.

`load.json` holds the measurements; `python -m bench.cost --write` makes it anew.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra import event_delivery, template
from infra.options import Options
from infra.prices import HOURS_A_MONTH, SECONDS_A_MONTH, dollars_by_service
from infra.settings import settings_of_function

LOAD = Path(__file__).with_name("load.json")

# By the name of a price in infra/prices.py, how many of its units.
Units = dict[str, float]

# A queue's trigger asks again and again while nothing comes: five at once, each for 20 seconds (AWS Lambda,
# "Configuring scaling behavior for SQS event source mappings").
_POLLERS, _POLL_SECONDS = 5, 20
# Of the traces that a function begins, Lambda has X-Ray record the first in each second and a twentieth of the others
# (AWS Lambda, "Visualize Lambda function invocations using AWS X-Ray"); API Gateway's default rule says the same.
_TRACES_A_SECOND, _TRACES_BEYOND = 1.0, 0.05


def monthly(options: Options, config: Mapping[str, Any], stage: str) -> Mapping[str, float]:
    """Dollars a month by service, the dearest first: the stage's load, its standing costs, and a month's images kept.

    `config` is .chalice/config.json. Left out: what the free tier gives, data that leaves AWS ($0.09 a GB), requests
    to KMS and Secrets Manager, data through endpoints, Cognito's users, and taxes.
    """
    load = measured()
    begun = total(
        times(load["image_traces"], options.images_a_month), times(load["request_traces"], options.requests_a_month)
    )
    return dollars_by_service(
        total(
            times(load["image"], options.images_a_month),
            times(load["request"], options.requests_a_month),
            idle_units(options, config, stage, load["custom_metrics"]),
            {"x-ray.traces": sum(traces_recorded(each / SECONDS_A_MONTH) for each in begun.values()) * SECONDS_A_MONTH},
        )
    )


def traces_recorded(begun: float) -> float:
    """How many traces a second X-Ray records of a function that begins so many."""
    return min(begun, _TRACES_A_SECOND) + _TRACES_BEYOND * max(0.0, begun - _TRACES_A_SECOND)


def measured() -> dict[str, Any]:
    """What load.json says."""
    load: dict[str, Any] = json.loads(LOAD.read_text())
    return load


def times(units: Mapping[str, float], number: float) -> Units:
    """So many times these units."""
    return {name: each * number for name, each in units.items()}


def total(*parts: Mapping[str, float]) -> Units:
    """The sum of several loads, by unit."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: sum(part.get(name, 0.0) for part in parts) for name in names}


def idle_units(options: Options, config: Mapping[str, Any], stage: str, custom_metrics: int) -> Units:
    """What a stage takes in a month in which nobody calls."""
    resources = template.complete(template.DEFAULT_STAGE)["Resources"].values()
    kinds = [each["Type"] for each in resources]
    endpoints = [each["Properties"].get("VpcEndpointType") for each in resources if each["Type"].endswith("Endpoint")]
    warm = sum(_memory_gb(config, stage, name) * number for name, number in options.provisioned_concurrency.items())
    return {
        "cloudwatch.alarms": kinds.count("AWS::CloudWatch::Alarm"),
        "cloudwatch.dashboards": kinds.count("AWS::CloudWatch::Dashboard"),
        "cloudwatch.metrics": custom_metrics,
        "sqs.requests": len(event_delivery.QUEUES) * _POLLERS * SECONDS_A_MONTH / _POLL_SECONDS,
        "kms.keys": kinds.count("AWS::KMS::Key") if options.customer_key else 0,
        "secrets_manager.secrets": kinds.count("AWS::SecretsManager::Secret"),
        "lambda.provisioned_gb_seconds": warm * SECONDS_A_MONTH,
        # One in each subnet, which is in a zone of its own.
        "vpc_endpoints.hours": endpoints.count("Interface") * len(options.subnet_ids) * HOURS_A_MONTH,
    }


def _memory_gb(config: Mapping[str, Any], stage: str, function: str) -> float:
    return float(settings_of_function(config, stage, function)["lambda_memory_size"]) / 1024
