"""Creates alarms, dashboards and subscriptions, which the local machine leaves out."""

from collections.abc import Callable

from local.aws import ACCOUNT, REGION
from local.cloudformation.properties import Client, Properties, Resource

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


def alarm(client: Client, properties: Properties) -> Resource:
    """An alarm."""
    arguments = properties.take_all(*_ALARM)
    for number in ("Period", "EvaluationPeriods", "DatapointsToAlarm"):
        if number in arguments:
            arguments[number] = int(arguments[number])
    arguments["Threshold"] = float(arguments["Threshold"])
    client("cloudwatch").put_metric_alarm(**arguments)
    name = arguments["AlarmName"]
    return Resource(name, {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{name}"})


def dashboard(client: Client, properties: Properties) -> Resource:
    """A dashboard."""
    name = properties.require("DashboardName")
    client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody=properties.require("DashboardBody"))
    return Resource(name)


def subscription(client: Client, properties: Properties) -> Resource:
    """A subscription."""
    arguments = properties.take_all("TopicArn", "Protocol", "Endpoint")
    return Resource(client("sns").subscribe(ReturnSubscriptionArn=True, **arguments)["SubscriptionArn"])


TYPES: dict[str, Callable[[Client, Properties], Resource]] = {
    "AWS::CloudWatch::Alarm": alarm,
    "AWS::CloudWatch::Dashboard": dashboard,
    "AWS::SNS::Subscription": subscription,
}
