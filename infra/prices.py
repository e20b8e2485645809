"""AWS's prices: dollars for a unit in us-east-1, first tier, without the free tier.

Read in 2026-11 from the price page of each service (`source`). Lambda's prices are defined in chalicelib, because
tracking writes them into usage records.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from chalicelib.core.observing.tracking import PRICE_PER_GB_SECOND, PRICE_PER_REQUEST

REGION = "us-east-1"
READ = "2026-11"
ARCHITECTURE = "arm64"
HOURS_A_MONTH = 730
SECONDS_A_MONTH = HOURS_A_MONTH * 3600

_MILLION = 1_000_000
_THOUSAND = 1_000


@dataclass(frozen=True)
class Price:
    """Dollars for one unit, the service on the bill, and the source."""

    service: str
    dollars: float
    unit: str
    source: str


def _of(service: str, page: str, **units: tuple[float, str]) -> dict[str, Price]:
    """The prices of a service, by name: `service.unit`."""
    source = f"aws.amazon.com/{page}/pricing"
    short = service.lower().replace(" ", "_")
    return {f"{short}.{name}": Price(service, dollars, unit, source) for name, (dollars, unit) in units.items()}


PRICES: Mapping[str, Price] = {
    **_of(
        "Lambda",
        "lambda",
        requests=(PRICE_PER_REQUEST, "invocation"),
        gb_seconds=(PRICE_PER_GB_SECOND[ARCHITECTURE], "GB-second, arm64"),
        gb_seconds_x86=(PRICE_PER_GB_SECOND["x86_64"], "GB-second, x86-64"),
        provisioned_gb_seconds=(0.0000033334, "GB-second of provisioned concurrency, arm64"),
    ),
    **_of(
        "Step Functions",
        "step-functions",
        express_requests=(1.00 / _MILLION, "execution started"),
        express_gb_seconds=(0.06 / 3600, "GB-second, each execution in steps of 64 MB and 100 ms"),
        standard_transitions=(0.025 / _THOUSAND, "state entered"),
    ),
    **_of(
        "S3",
        "s3",
        writes=(0.005 / _THOUSAND, "PUT, COPY, POST or LIST"),
        reads=(0.0004 / _THOUSAND, "GET or HEAD"),
    ),
    **_of("S3 storage", "s3", gb_months=(0.023, "GB-month")),
    **_of(
        "DynamoDB",
        "dynamodb",
        writes=(0.625 / _MILLION, "write of 1 KB; in a transaction it counts twice"),
        reads=(0.125 / _MILLION, "consistent read of 4 KB; an eventual one counts half"),
        gb_months=(0.25 + 0.20, "GB-month, with point-in-time recovery"),
    ),
    **_of("SQS", "sqs", requests=(0.40 / _MILLION, "request of 64 KB, standard queue")),
    **_of("SNS", "sns", publishes=(0.50 / _MILLION, "publish of 64 KB; what goes to Lambda or SQS is free")),
    **_of("API Gateway", "api-gateway", requests=(3.50 / _MILLION, "request, REST API")),
    **_of(
        "CloudWatch",
        "cloudwatch",
        log_gb=(0.50, "GB of logs taken in"),
        log_gb_months=(0.03, "GB-month of logs kept"),
        api_requests=(0.01 / _THOUSAND, "PutMetricData and its like"),
        metrics=(0.30, "custom metric a month"),
        alarms=(0.10, "alarm a month, standard resolution"),
        dashboards=(3.00, "dashboard a month"),
    ),
    **_of("X-Ray", "xray", traces=(5.00 / _MILLION, "trace recorded")),
    **_of("KMS", "kms", keys=(1.00, "key a month")),
    **_of("Secrets Manager", "secrets-manager", secrets=(0.40, "secret a month")),
    **_of("VPC endpoints", "privatelink", hours=(0.01, "interface endpoint, zone and hour")),
}


def dollars_by_service(units: Mapping[str, float]) -> dict[str, float]:
    """Dollars by service, the most expensive first.

    Raises:
        KeyError: a unit that has no price.
    """
    dollars: dict[str, float] = {}
    for name, number in units.items():
        price = PRICES[name]
        dollars[price.service] = dollars.get(price.service, 0.0) + number * price.dollars
    return dict(sorted(dollars.items(), key=lambda each: -each[1]))
