"""Where moto is not AWS in a way that Darkroom would notice: each gap closed by one small, named patch."""

import copy
import functools
import itertools
import json
import time
import types
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Protocol
from urllib.parse import quote_plus

from local.clock import CLOCK
from local.identity import close_gaps_of_cognito
from local.interpreter import close_gaps_of_step_functions
from local.models import patch, share_parsed_models
from local.tables import close_gaps_of_tables


class Runner(Protocol):
    """What runs functions behind the embedded Lambda."""

    def call(self, payload: bytes) -> tuple[bytes, bool]:
        """Run now: the answer, and whether it is an error."""

    def submit(self, payload: bytes) -> None:
        """Run soon, with Lambda's retries."""


# Lambda's function name → what runs it. A function without a runner cannot be invoked.
RUNNERS: dict[str, Runner] = {}

_sequencers = itertools.count(time.time_ns())


@functools.cache
def close_gaps() -> None:
    """Close them all, once a process."""
    share_parsed_models()
    close_gaps_of_step_functions()
    _look_up_once()
    _run_functions()
    _leave_mappings_to_pollers()
    _drive_queues_by_the_clock()
    _make_queues_thread_safe()
    _remember_what_was_deduplicated()
    _list_versions_by_prefix()
    _give_s3_events_their_real_shape()
    _give_sns_events_their_real_shape()
    _honour_policy_conditions()
    close_gaps_of_cognito()
    close_gaps_of_tables()


def _look_up_once() -> None:
    # For every request moto lists its own folder, tries every service's address and inspects the service's class.
    from moto import backends
    from moto.core import responses, utils
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication

    modules = tuple(backends.list_of_moto_modules())
    patch(backends, "list_of_moto_modules", lambda: modules)
    patch(responses, "method_names_from_class", functools.cache(utils.method_names_from_class))
    find = DomainDispatcherApplication.get_backend_for_host
    found: dict[str | None, Any] = {}

    def get_backend_for_host(self: Any, host: str | None) -> Any:
        if host not in found:
            found[host] = find(self, host)
        return found[host]

    patch(DomainDispatcherApplication, "get_backend_for_host", get_backend_for_host)


def _run_functions() -> None:
    from moto.awslambda.models import LambdaFunction

    def invoke_lambda(self: Any, event: Any = None) -> tuple[str, bool, str]:
        runner = RUNNERS.get(self.function_name)
        if runner is None:
            return json.dumps({"errorType": "Runtime.Unavailable", "errorMessage": "No worker runs this."}), True, ""
        payload, errored = runner.call(json.dumps({} if event is None else event).encode())
        return payload.decode(), errored, ""

    def invoke(self: Any, body: Any, request_headers: Mapping[str, str], response_headers: dict[str, str]) -> bytes:
        kind = request_headers.get("x-amz-invocation-type", "RequestResponse")
        event = json.loads(body) if body else {}
        if kind == "DryRun":
            return b""
        runner = RUNNERS.get(self.function_name)
        if kind == "Event" and runner is not None:
            runner.submit(json.dumps(event).encode())
            return b""
        result, errored, _ = self._invoke_lambda(event)
        if errored:
            response_headers["x-amz-function-error"] = "Unhandled"
        return str(result).encode()

    patch(LambdaFunction, "_invoke_lambda", invoke_lambda)
    patch(LambdaFunction, "invoke", invoke)


def _leave_mappings_to_pollers() -> None:
    # moto would run a mapped function within SendMessage and PutItem, one record at a time, never again.
    from moto.awslambda.models import LambdaBackend
    from moto.dynamodb.models import dynamodb_backends
    from moto.sqs.models import sqs_backends

    create = LambdaBackend.create_event_source_mapping

    def create_event_source_mapping(self: Any, spec: dict[str, Any]) -> Any:
        mapping = create(self, spec)
        for queue in sqs_backends[self.account_id][self.region_name].queues.values():
            queue.lambda_event_source_mappings.clear()
        for table in dynamodb_backends[self.account_id][self.region_name].tables.values():
            table.lambda_event_source_mappings.clear()
        return mapping

    patch(LambdaBackend, "create_event_source_mapping", create_event_source_mapping)


def _drive_queues_by_the_clock() -> None:
    import moto.sqs.models as sqs

    patch(sqs, "unix_time", lambda dt=None: CLOCK.now())
    patch(sqs, "unix_time_millis", lambda dt=None: CLOCK.now() * 1000)


def _make_queues_thread_safe() -> None:
    # Two receivers could get one message, and a message sent while another was deleted could be lost.
    from moto.sqs.models import Queue, SQSBackend

    receive, delete = SQSBackend.receive_message, Queue.delete_message

    @functools.wraps(receive)
    def receive_message(self: Any, queue_name: str, *args: Any, **kwargs: Any) -> Any:
        with self.get_queue(queue_name)._messages_lock:
            return receive(self, queue_name, *args, **kwargs)

    @functools.wraps(delete)
    def delete_message(self: Any, receipt_handle: str) -> None:
        with self._messages_lock:
            delete(self, receipt_handle)

    patch(SQSBackend, "receive_message", receive_message)
    patch(Queue, "delete_message", delete_message)


def _remember_what_was_deduplicated() -> None:
    # Stock moto compares with the messages that still wait; AWS with all of the last five minutes, received or not.
    from moto.sqs.models import DEDUPLICATION_TIME_IN_SECONDS, Queue

    stock = Queue.add_message

    def add_message(self: Any, message: Any) -> None:
        identity, now = message.deduplication_id, CLOCK.now()
        seen: dict[str, float] = self.__dict__.setdefault("deduplicated", {})
        if identity and now - seen.get(identity, float("-inf")) < DEDUPLICATION_TIME_IN_SECONDS:
            return
        if identity:
            seen[identity] = now
        stock(self, message)

    patch(Queue, "add_message", add_message)


def _list_versions_by_prefix() -> None:
    # Stock moto copies every object of the bucket, bytes and all, while others add to it.
    from moto.s3.models import S3Backend

    stock: Any = S3Backend.list_object_versions

    def list_object_versions(self: Any, bucket_name: str, *args: Any, prefix: str = "", **kwargs: Any) -> Any:
        bucket = self.get_bucket(bucket_name)
        narrowed = copy.copy(bucket)
        narrowed.keys = type(bucket.keys)()
        for key, versions in list(dict.items(bucket.keys)):
            if key.startswith(prefix or ""):
                narrowed.keys.setlist(key, list(versions))
        backend = types.SimpleNamespace(get_bucket=lambda name: narrowed)
        return stock(backend, bucket_name, *args, prefix=prefix, **kwargs)

    patch(S3Backend, "list_object_versions", list_object_versions)


def _give_s3_events_their_real_shape() -> None:
    from moto.s3 import notifications

    shape = notifications._get_s3_event

    def get_s3_event(event_name: str, bucket: Any, key: Any, notification_id: str) -> dict[str, Any]:
        event: dict[str, Any] = shape(event_name, bucket, key, notification_id)
        for record in event["Records"]:
            record |= {
                "userIdentity": {"principalId": f"AWS:{bucket.account_id}"},
                "requestParameters": {"sourceIPAddress": "127.0.0.1"},
                "responseElements": {"x-amz-request-id": uuid.uuid4().hex[:16].upper(), "x-amz-id-2": "local"},
            }
            record["s3"]["bucket"]["ownerIdentity"] = {"principalId": bucket.account_id}
            record["s3"]["object"]["key"] = quote_plus(key.name, safe="/")
            # Larger for whatever happened later to a key; hexadecimal, as S3's.
            record["s3"]["object"]["sequencer"] = f"{next(_sequencers):018X}"
            if bucket.versioning_status == "Enabled" and key.version_id:
                record["s3"]["object"]["versionId"] = key.version_id
        return event

    def invoke_awslambda(account_id: str, event_body: Any, fn_arn: str, region_name: str) -> None:
        _submit(fn_arn, event_body)

    patch(notifications, "_get_s3_event", get_s3_event)
    patch(notifications, "_invoke_awslambda", invoke_awslambda)


def _give_sns_events_their_real_shape() -> None:
    from moto.core.utils import iso_8601_datetime_with_milliseconds
    from moto.sns.models import Subscription

    publish = Subscription.publish

    @functools.wraps(publish)
    def deliver(self: Any, message: str, message_id: str, **details: Any) -> None:
        if self.protocol != "lambda":
            publish(self, message, message_id, **details)
            return
        attributes = details.get("message_attributes") or {}
        matcher = self._filter_policy_matcher
        if matcher is not None and not matcher.matches(attributes, message):
            return
        if details.get("message_structure") == "json":
            message = self._parse_message_structure(message, self.protocol)
        notification = {
            "Type": "Notification",
            "MessageId": message_id,
            "TopicArn": self.topic_arn,
            "Subject": details.get("subject"),
            "Message": message,
            "Timestamp": iso_8601_datetime_with_milliseconds(),
            "SignatureVersion": "1",
            "Signature": "local",
            "SigningCertUrl": "https://sns.us-east-1.amazonaws.com/local.pem",
            "UnsubscribeUrl": "https://sns.us-east-1.amazonaws.com/?Action=Unsubscribe",
            "MessageAttributes": {
                name: {"Type": value["Type"], "Value": value["Value"]} for name, value in attributes.items()
            },
        }
        record = {"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": self.arn}
        _submit(self.endpoint, {"Records": [record | {"Sns": notification}]})

    patch(Subscription, "publish", deliver)


def _submit(function_arn: str, event: Any) -> None:
    runner = RUNNERS.get(function_arn.split(":function:", 1)[-1].split(":", 1)[0])
    if runner is not None:
        runner.submit(json.dumps(event).encode())


def _honour_policy_conditions() -> None:
    # A bucket policy's Deny would hold whatever its Condition says. One condition is understood: whether the
    # request came over TLS, which the embedded AWS answers with yes.
    from moto.s3.models import FakeBucket

    allowed: Callable[..., Any] = FakeBucket.get_permission

    @functools.cache
    def holding(policy: bytes) -> Any:
        document = json.loads(policy)
        document["Statement"] = [each for each in document["Statement"] if _holds(each.get("Condition", {}))]
        return types.SimpleNamespace(policy=json.dumps(document).encode())

    def get_permission(self: Any, action: str, resource: str) -> Any:
        return allowed(self if self.policy is None else holding(self.policy), action, resource)

    patch(FakeBucket, "get_permission", get_permission)


def _holds(condition: Mapping[str, Mapping[str, Any]]) -> bool:
    for operator, tests in condition.items():
        for key, wanted in tests.items():
            if (operator, key) != ("Bool", "aws:SecureTransport"):
                raise NotImplementedError(f"The embedded AWS does not understand the condition {operator} {key}.")
            if str(wanted).lower() != "true":
                return False
    return True
