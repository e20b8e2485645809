"""The price of a stage for a month: the load in its options, times the measured units of an image and a request.

`load.json` contains the measurements; `python -m bench.cost --write` updates it.
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

# A number of units, by the name of a price in infra/prices.py.
Units = dict[str, float]

# While a queue is empty, its trigger polls it: five requests at once, each for 20 seconds (AWS Lambda,
# "Configuring scaling behavior for SQS event source mappings").
_POLLERS, _POLL_SECONDS = 5, 20
# X-Ray records the first trace of a function in each second and a twentieth of the others (AWS Lambda, "Visualize
# Lambda function invocations using AWS X-Ray"). API Gateway's default rule is the same.
_TRACES_A_SECOND, _TRACES_BEYOND = 1.0, 0.05


def monthly(options: Options, config: Mapping[str, Any], stage: str) -> Mapping[str, float]:
    """Dollars a month by service, the most expensive first: load, fixed costs, and storage of a month's images.

    `config` is .chalice/config.json. Not included: the free tier, data out of AWS ($0.09 a GB), requests to KMS and
    Secrets Manager, data through endpoints, Cognito's users, and taxes.
    """
    load = measured()
    started = total(
        times(load["image_traces"], options.images_a_month), times(load["request_traces"], options.requests_a_month)
    )
    return dollars_by_service(
        total(
            times(load["image"], options.images_a_month),
            times(load["request"], options.requests_a_month),
            idle_units(options, config, stage, load["custom_metrics"]),
            {"x-ray.traces": sum(map(_traces_a_month, started.values()))},
        )
    )


def _traces_a_month(started: float) -> float:
    return traces_recorded(started / SECONDS_A_MONTH) * SECONDS_A_MONTH


def traces_recorded(started: float) -> float:
    """How many traces a second X-Ray records of a function that starts `started` a second."""
    return min(started, _TRACES_A_SECOND) + _TRACES_BEYOND * max(0.0, started - _TRACES_A_SECOND)


def measured() -> dict[str, Any]:
    """The content of load.json."""
    load: dict[str, Any] = json.loads(LOAD.read_text())
    return load


def times(units: Mapping[str, float], number: float) -> Units:
    """The units, multiplied."""
    return {name: each * number for name, each in units.items()}


def total(*parts: Mapping[str, float]) -> Units:
    """The sum of several loads, by unit."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: sum(part.get(name, 0.0) for part in parts) for name in names}


def idle_units(options: Options, config: Mapping[str, Any], stage: str, custom_metrics: int) -> Units:
    """The units of a month without any request."""
    resources = template.complete(template.DEFAULT_STAGE)["Resources"].values()
    kinds = [each["Type"] for each in resources]
    endpoints = [each["Properties"].get("VpcEndpointType") for each in resources if each["Type"].endswith("Endpoint")]
    provisioned_gb = sum(
        _memory_gb(config, stage, name) * number for name, number in options.provisioned_concurrency.items()
    )
    return {
        "cloudwatch.alarms": kinds.count("AWS::CloudWatch::Alarm"),
        "cloudwatch.dashboards": kinds.count("AWS::CloudWatch::Dashboard"),
        "cloudwatch.metrics": custom_metrics,
        "sqs.requests": len(event_delivery.QUEUES) * _POLLERS * SECONDS_A_MONTH / _POLL_SECONDS,
        "kms.keys": kinds.count("AWS::KMS::Key") if options.customer_key else 0,
        "secrets_manager.secrets": kinds.count("AWS::SecretsManager::Secret"),
        "lambda.provisioned_gb_seconds": provisioned_gb * SECONDS_A_MONTH,
        # One in each subnet; each subnet is in another zone.
        "vpc_endpoints.hours": endpoints.count("Interface") * len(options.subnet_ids) * HOURS_A_MONTH,
    }


def _memory_gb(config: Mapping[str, Any], stage: str, function: str) -> float:
    return float(settings_of_function(config, stage, function)["lambda_memory_size"]) / 1024
