"""Creates the functions in the embedded Lambda, with the triggers that Chalice and infra/event_delivery.py declare."""

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from infra.event_delivery import AsyncDelivery, RuleDelivery, StreamDelivery
from local.async_invocations import AsyncInvocations
from local.aws import ACCOUNT, REGION
from local.clock import Clock
from local.cloudformation.properties import Client, Resource
from local.functions import Function, FunctionHost
from local.moto_patches.awslambda import RUNNERS
from local.pollers import Poller, QueuePoller, StreamPoller
from local.scheduler import Scheduler
from local.state.changes import CHANGES

# Lambda sets these variables itself and refuses them in a function's configuration.
RESERVED = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_DEFAULT_REGION", "AWS_REGION"}
LAMBDA_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


class Triggers:
    """All functions in the embedded Lambda, and what invokes them."""

    def __init__(
        self,
        client: Client,
        clock: Clock,
        host: FunctionHost,
        resources: Mapping[str, Resource],
        asynchronous: Mapping[str, AsyncDelivery],
        streams: Mapping[str, StreamDelivery],
        rules: Mapping[str, RuleDelivery],
        *,
        schedules: bool,
        batching_windows: bool,
    ) -> None:
        """With `schedules` off, rules are created disabled. `batching_windows`: streams' batches wait as on AWS."""
        self._client = client
        self._clock = clock
        self._host = host
        self._resources = resources
        self._asynchronous = asynchronous
        self._streams = streams
        self._rules = rules
        self._batching_windows = batching_windows
        self._rules_state = "ENABLED" if schedules else "DISABLED"
        self._notifications: dict[str, list[dict[str, Any]]] = {}
        self.events = AsyncInvocations(clock)
        self.scheduler = Scheduler(clock, self.events)
        self.pollers: dict[str, Poller] = {}

    def connect(self, specs: list[dict[str, Any]]) -> None:
        """Create the functions and their triggers."""
        code = _placeholder_package()
        for spec in specs:
            self._create_function(spec, code)
        for spec in specs:
            if spec["trigger"] is not None:
                self._create_trigger(self._host.functions[spec["name"]], spec)
        for bucket, rules in self._notifications.items():
            configuration = {"LambdaFunctionConfigurations": rules}
            self._client("s3").put_bucket_notification_configuration(
                Bucket=bucket, NotificationConfiguration=configuration
            )

    def start(self) -> None:
        """Start delivering events."""
        self.events.start()
        self.scheduler.start()
        for poller in self.pollers.values():
            poller.start()

    def stop(self) -> None:
        """Start no more runs; runs in progress continue until their workers end."""
        for name in self._host.by_lambda_name:
            RUNNERS.pop(name, None)
        for poller in self.pollers.values():
            poller.stop()
        self.scheduler.stop()
        self.events.stop()

    def join(self) -> None:
        """Wait until all runs have ended."""
        self.scheduler.join()
        self.events.join()
        for poller in self.pollers.values():
            poller.join()

    def _create_function(self, spec: dict[str, Any], code: bytes) -> None:
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

    def _create_trigger(self, function: Function, spec: dict[str, Any]) -> None:
        create = {
            "s3": self._connect_bucket,
            "sqs": self._connect_queue,
            "stream": self._connect_stream,
            "sns": self._connect_topic,
            "schedule": self._create_rule,
        }
        create[spec["trigger"]["kind"]](function, spec)

    def _connect_bucket(self, function: Function, spec: dict[str, Any]) -> None:
        trigger = spec["trigger"]
        filters = [{"Name": name, "Value": trigger[name]} for name in ("prefix", "suffix") if trigger[name] is not None]
        rule: dict[str, Any] = {"LambdaFunctionArn": function.arn, "Events": trigger["events"]}
        if filters:
            rule["Filter"] = {"Key": {"FilterRules": filters}}
        self._allow_invocation(function, "s3.amazonaws.com", f"arn:aws:s3:::{trigger['bucket']}")
        self._notifications.setdefault(trigger["bucket"], []).append(rule)

    def _connect_queue(self, function: Function, spec: dict[str, Any]) -> None:
        trigger = spec["trigger"]
        mapping = self._client("lambda").create_event_source_mapping(
            EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{trigger['queue']}",
            FunctionName=function.lambda_name,
            BatchSize=trigger["batch_size"],
        )
        self.pollers[function.name] = QueuePoller(
            self._clock, function, trigger["queue"], mapping["UUID"], trigger["concurrency"]
        )

    def _connect_stream(self, function: Function, spec: dict[str, Any]) -> None:
        # arn:aws:dynamodb:region:account:table/NAME/stream/LABEL. The label in the settings is a placeholder.
        table = spec["trigger"]["stream_arn"].split("/")[1]
        stream = self._client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
        arguments: dict[str, Any] = {}
        delivery = self._streams.get(function.name)
        window = spec["trigger"]["window"]
        if delivery is not None:
            window = delivery.window_seconds if self._batching_windows else window
            destination = {"OnFailure": {"Destination": self._arn(delivery.on_failure)}}
            arguments = {
                "MaximumRetryAttempts": delivery.retries,
                "MaximumRecordAgeInSeconds": delivery.max_age_seconds,
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

    def _connect_topic(self, function: Function, spec: dict[str, Any]) -> None:
        topic = spec["trigger"]["topic"]
        arn = topic if topic.startswith("arn:") else f"arn:aws:sns:{REGION}:{ACCOUNT}:{topic}"
        self._allow_invocation(function, "sns.amazonaws.com", arn)
        self._client("sns").subscribe(TopicArn=arn, Protocol="lambda", Endpoint=function.arn)

    def _create_rule(self, function: Function, spec: dict[str, Any]) -> None:
        # Chalice's name for the rule.
        rule, expression = f"{function.lambda_name}-event", spec["trigger"]["expression"]
        self.scheduler.add(rule, function, expression)
        events = self._client("events")
        arn = events.put_rule(Name=rule, ScheduleExpression=expression, State=self._rules_state)["RuleArn"]
        self._allow_invocation(function, "events.amazonaws.com", arn)
        target: dict[str, Any] = {"Id": "1", "Arn": function.arn}
        delivery = self._rules.get(function.name)
        if delivery is not None:
            target["RetryPolicy"] = {
                "MaximumRetryAttempts": delivery.retries,
                "MaximumEventAgeInSeconds": delivery.max_age_seconds,
            }
            target["DeadLetterConfig"] = {"Arn": self._arn(delivery.dead_letters)}
        events.put_targets(Rule=rule, Targets=[target])

    def _allow_invocation(self, function: Function, service: str, source: str) -> None:
        self._client("lambda").add_permission(
            FunctionName=function.lambda_name,
            StatementId=service.replace(".", "-"),
            Action="lambda:InvokeFunction",
            Principal=service,
            SourceArn=source,
        )

    def _arn(self, logical_id: str) -> str:
        return self._resources[logical_id].attributes["Arn"]


class _Runner:
    """Runs a function for the embedded Lambda; see local.moto_patches.awslambda.Runner."""

    def __init__(self, function: Function, events: AsyncInvocations) -> None:
        self._function = function
        self._events = events

    def call(self, payload: bytes) -> tuple[bytes, bool]:
        """Run now: the result, and whether it is an error."""
        with CHANGES.waiting():
            outcome = self._function.invoke(payload)
        return outcome.payload, outcome.errored

    def submit(self, payload: bytes) -> None:
        """Run soon, with Lambda's retries."""
        self._events.submit(self._function, payload)


def _placeholder_package() -> bytes:
    """A deployment package for CreateFunction: the workers run the checkout itself."""
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("app.py", "# The local workers run the checkout.\n")
    return package.getvalue()
