"""Creates alarms, dashboards and subscriptions, which the local machine leaves out."""

from collections.abc import Callable

from local.cloud import ACCOUNT, REGION
from local.properties import Client, Made, Properties

_ALARM = (
    "AlarmName",
    "AlarmDescription",
    "ActionsEnabled",
    "AlarmActions",
    "OKActions",
    "InsufficientDataActions",
    "MetricName",
    "Namespace",
    "Statistic",
    "ExtendedStatistic",
    "Dimensions",
    "Period",
    "Unit",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
    "EvaluateLowSampleCountPercentile",
    "Metrics",
    "Tags",
)


def alarm(client: Client, properties: Properties) -> Made:
    """An alarm."""
    arguments = properties.pick(*_ALARM)
    for number in ("Period", "EvaluationPeriods", "DatapointsToAlarm"):
        if number in arguments:
            arguments[number] = int(arguments[number])
    arguments["Threshold"] = float(arguments["Threshold"])
    client("cloudwatch").put_metric_alarm(**arguments)
    name = arguments["AlarmName"]
    return Made(name, {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"})


def dashboard(client: Client, properties: Properties) -> Made:
    """A dashboard."""
    name = properties.need("DashboardName")
    client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=properties.need("DashboardBody"))
    return Made(name)


def subscription(client: Client, properties: Properties) -> Made:
    """A subscription."""
    arguments = properties.pick("TopicArn", "Protocol", "Endpoint")
    return Made(client("sns").subscribe(ReturnSubscriptionArn=True, **arguments)["SubscriptionArn"])


TYPES: dict[str, Callable[[Client, Properties], Made]] = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::SNS::Subscription": subscription,
}
