"""What fires functions: Chalice's own declarations and infra's delivery settings, as AWS is told about them."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from infra.event_delivery import AsyncDelivery, RuleDelivery, StreamDelivery
from local.asynchronous import AsyncInvocations
from local.clock import Clock
from local.cloud import ACCOUNT, REGION
from local.functions import Function, FunctionHost
from local.gaps import RUNNERS
from local.pollers import Poller, QueuePoller, StreamPoller
from local.properties import Client, Made
from local.scheduler import Scheduler

# Lambda sets these itself and refuses them in a function's configuration.
RESERVED = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"}
LAMBDA_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Triggers:
    """Every function in Lambda, and everything that invokes it."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        host: FunctionHost,
        made: Mapping[str, Made],
        asynchronous: Mapping[str, AsyncDelivery],
        streams: Mapping[str, StreamDelivery],
        rules: Mapping[str, RuleDelivery],
        *,
        schedules: bool,
        gathering: bool,
    ) -> None:
        self._client = client
        self._clock = clock
        self._host = host
        self._made = made
        self._asynchronous = asynchronous
        self._streams = streams
        self._rules = rules
        self._gathering = gathering
        self._rules_state = "ENABLED" if schedules else "DISABLED"
        self._notifications: dict[str, list[dict[str, Any]]] = {}
        self.events = AsyncInvocations(clock)
        self.scheduler = Scheduler(clock, self.events)
        self.pollers: dict[str, Poller] = {}

    def connect(self, specs: list[dict[str, Any]]) -> None:
        """Create the functions and their triggers."""
        code = _some_code()
        for spec in specs:
            self._create(spec, code)
        for spec in specs:
            if spec["trigger"] is not None:
                self._fire(self._host.functions[spec["name"]], spec)
        for bucket, rules in self._notifications.items():
            configuration = {"LambdaFunctionConfigurations": rules}
            self._client("s3").put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration=configuration
            )

    def start(self) -> None:
        """Deliver from now on."""
        self.events.start()
        self.scheduler.start()
        for poller in self.pollers.values():
            poller.start()

    def stop(self) -> None:
        """Begin nothing more; what runs goes on until its worker ends."""
        for name in self._host.by_lambda_name:
            RUNNERS.pop(name, None)
        for poller in self.pollers.values():
            poller.stop()
        self.scheduler.stop()
        self.events.stop()

    def join(self) -> None:
        """Wait until nothing runs."""
        self.scheduler.join()
        self.events.join()
        for poller in self.pollers.values():
            poller.join()

    def _create(self, spec: dict[str, Any], code: bytes) -> None:
        name = spec["lambda_name"]
        role = f"arn:aws:iam::{ACCOUNT}:role/{name}"
        self._client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(LAMBDA_TRUST))
        environment = {key: value for key, value in spec["environment"].items() if key not in RESERVED}
        self._client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=role,
            Handler=f"app.{spec['name']}",
            Code={"ZipFile": code},
            Timeout=spec["timeout"],
            MemorySize=spec["memory"],
            Environment={"Variables": environment},
        )
        RUNNERS[name] = _Runner(self._host.functions[spec["name"]], self.events)
        delivery = self._asynchronous.get(spec["name"])
        if delivery is not None:
            self._client("lambda").put_function_event_invoke_config(
                FunctionName=name,
                MaximumRetryAttempts=delivery.retries,
                MaximumEventAgeInSeconds=delivery.max_age_seconds,
                DestinationConfig={"OnFailure": {"Destination": self._arn(delivery.on_failure)}},
            )

    def _fire(self, function: Function, spec: dict[str, Any]) -> None:
        connect = {
            "s3": self._by_bucket,
            "sqs": self._by_queue,
            "stream": self._by_stream,
            "sns": self._by_topic,
            "schedule": self._by_schedule,
        }
        connect[spec["trigger"]["kind"]](function, spec)

    def _by_bucket(self, function: Function, spec: dict[str, Any]) -> None:
        trigger = spec["trigger"]
        filters = [{"Name": name, "Value": trigger[name]} for name in ("prefix", "suffix") if trigger[name] is not None]
        rule: dict[str, Any] = {"LambdaFunctionArn": function.arn, "Events": trigger["events"]}
        if filters:
            rule["Filter"] = {"Key": {"FilterRules": filters}}
        self._permit(function, "s3.amazonaws.com", f"arn:aws:s3:::{trigger['bucket']}")
        self._notifications.setdefault(trigger["bucket"], []).append(rule)

    def _by_queue(self, function: Function, spec: dict[str, Any]) -> None:
        trigger = spec["trigger"]
        mapping = self._client("lambda").create_event_source_mapping(
            EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{trigger['queue']}",
            FunctionName=function.lambda_name,
            BatchSize=trigger["batch_size"],
        )
        self.pollers[function.name] = QueuePoller(
            self._clock, function, trigger["queue"], mapping["UUID"], trigger["concurrency"]
        )

    def _by_stream(self, function: Function, spec: dict[str, Any]) -> None:
        # arn:aws:dynamodb:region:account:table/NAME/stream/LABEL; the label is not known before the table is made.
        table = spec["trigger"]["stream_arn"].split("/")[1]
        stream = self._client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
        arguments: dict[str, Any] = {}
        delivery = self._streams.get(function.name)
        window = spec["trigger"]["window"]
        if delivery is not None:
            window = delivery.window_seconds if self._gathering else window
            destination = {"OnFailure": {"Destination": self._arn(delivery.on_failure)}}
            arguments = {
                "MaximumRetryAttempts": delivery.retries,
                "BisectBatchOnFunctionError": delivery.bisect,
                "DestinationConfig": destination,
            }
        mapping = self._client("lambda").create_event_source_mapping(
            EventSourceArn=stream,
            FunctionName=function.lambda_name,
            BatchSize=spec["trigger"]["batch_size"],
            StartingPosition=spec["trigger"]["starting_position"],
            MaximumBatchingWindowInSeconds=window,
            **arguments,
        )
        self.pollers[function.name] = StreamPoller(self._clock, function, table, mapping["UUID"], window)

    def _by_topic(self, function: Function, spec: dict[str, Any]) -> None:
        topic = spec["trigger"]["topic"]
        arn = topic if topic.startswith("arn:") else f"arn:aws:sns:{REGION}:{ACCOUNT}:{topic}"
        self._permit(function, "sns.amazonaws.com", arn)
        self._client("sns").subscribe(TopicArn=arn, Protocol="lambda", Endpoint=function.arn)

    def _by_schedule(self, function: Function, spec: dict[str, Any]) -> None:
        # The name that Chalice gives it.
        rule, expression = f"{function.lambda_name}-event", spec["trigger"]["expression"]
        self.scheduler.add(rule, function, expression)
        events = self._client("events")
        arn = events.put_rule(Name=rule, ScheduleExpression=expression, State=self._rules_state)["RuleArn"]
        self._permit(function, "events.amazonaws.com", arn)
        target: dict[str, Any] = {"Id": "1", "Arn": function.arn}
        delivery = self._rules.get(function.name)
        if delivery is not None:
            target["RetryPolicy"] = {
                "MaximumRetryAttempts": delivery.retries,
                "MaximumEventAgeInSeconds": delivery.max_age_seconds,
            }
            target["DeadLetterConfig"] = {"Arn": self._arn(delivery.dead_letters)}
        events.put_targets(Rule=rule, Targets=[target])

    def _permit(self, function: Function, service: str, source: str) -> None:
        self._client("lambda").add_permission(
            FunctionName=function.lambda_name,
            StatementId=service.replace(".", "-"),
            Action="lambda:InvokeFunction",
            Principal=service,
            SourceArn=source,
        )

    def _arn(self, logical_id: str) -> str:
        return self._made[logical_id].attributes["Arn"]


class _Runner:
    """A function as the embedded Lambda sees it."""

    def __init__(self, function: Function, events: AsyncInvocations) -> None:
        self._function = function
        self._events = events

    def call(self, payload: bytes) -> tuple[bytes, bool]:
        """Run now."""
        outcome = self._function.invoke(payload)
        return outcome.payload, outcome.errored

    def submit(self, payload: bytes) -> None:
        """Run soon."""
        self._events.submit(self._function, payload)


def _some_code() -> bytes:
    """A package for the API to accept: the workers run the checkout itself."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as package:
        package.writestr("app.py", "# The workers of the machine run the checkout.\n")
    return packed.getvalue()
