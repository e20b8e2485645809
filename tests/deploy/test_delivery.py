"""Every event of the deployed stage arrives: each function is reached, and each link of the way lets it through."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from infra import iam_evaluation
from tests.deploy.conftest import Deployment
from tests.deploy.expected import ACCOUNT, API, AT, QUEUES, SCHEDULES, SIZES, lambda_arn, lambda_name
from tests.waiting import wait_for

_POLLS = {
    "sqs": ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"),
    "dynamodb": ("dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:DescribeStream"),
}


def permitted(deployment: Deployment, function: str, service: str, source: str) -> bool:
    """Whether the function's own policy lets a service call it for that source."""
    for statement in deployment.snapshot.functions[lambda_name(function)]["Policy"].get("Statement", []):
        pattern = statement["Condition"]["ArnLike"]["AWS:SourceArn"]
        owner = statement["Condition"].get("StringEquals", {}).get("AWS:SourceAccount", ACCOUNT)
        matches = re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), source)
        if statement["Principal"] == {"Service": service} and matches and owner == ACCOUNT:
            return True
    return False


def may(deployment: Deployment, function: str, action: str, resource: str) -> bool:
    """Whether the function's role lets it."""
    role = deployment.snapshot.functions[lambda_name(function)]["Role"].rpartition("/")[2]
    (policy,) = deployment.snapshot.roles[role]["inline"].values()
    return iam_evaluation.allows(policy, action, resource) is not None


# --------------------------------------------------------------------------- what reaches


def by_bucket(deployment: Deployment) -> Iterator[str]:
    for bucket, found in deployment.snapshot.notifications.items():
        for rule in found["LambdaFunctionConfigurations"]:
            name = function_of(rule["LambdaFunctionArn"])
            assert permitted(deployment, name, "s3.amazonaws.com", f"arn:aws:s3:::{bucket}")
            yield name


def by_mapping(deployment: Deployment) -> Iterator[str]:
    for each in deployment.snapshot.mappings:
        name, source = function_of(each["FunctionArn"]), each["EventSourceArn"]
        for action in _POLLS[source.split(":")[2]]:
            assert may(deployment, name, action, source), (name, action)
        yield name


def by_topic(deployment: Deployment) -> Iterator[str]:
    for each in deployment.snapshot.subscriptions:
        if each["Protocol"] == "lambda":
            name = function_of(each["Endpoint"])
            assert permitted(deployment, name, "sns.amazonaws.com", each["TopicArn"])
            yield name


def by_rule(deployment: Deployment) -> Iterator[str]:
    for rule in deployment.snapshot.rules.values():
        for target in rule["Targets"]:
            name = function_of(target["Arn"])
            assert permitted(deployment, name, "events.amazonaws.com", rule["Arn"])
            yield name


def by_route(deployment: Deployment) -> Iterator[str]:
    (api,) = deployment.snapshot.apis.items()
    for (method, path), each in api[1]["methods"].items():
        if each["type"] == "AWS_PROXY":
            name = function_of(each["uri"].partition("/functions/")[2].removesuffix("/invocations"))
            # API Gateway puts a star for a part of the path that may be anything.
            at = re.sub(r"\{\w+\}", "*", path)
            source = f"arn:aws:execute-api:{AT}:{api[0]}/prod/{method}{at}"
            assert permitted(deployment, name, "apigateway.amazonaws.com", source), source
            yield name


def by_step(deployment: Deployment) -> Iterator[str]:
    states = deployment.aws.client("stepfunctions")
    machine = states.describe_state_machine(stateMachineArn=deployment.environment["STEP_FUNCTIONS_ARN"])
    inline = deployment.snapshot.roles[machine["roleArn"].rpartition("/")[2]]["inline"]
    for arn in re.findall(r"arn:aws:lambda:[\w:-]+", machine["definition"]):
        assert any(allows(policy, "lambda:InvokeFunction", arn) for policy in inline.values()), arn
        alias = arn.removeprefix(lambda_arn(function_of(arn))).removeprefix(":")
        assert not alias or alias in deployment.snapshot.functions[lambda_name(function_of(arn))]["Aliases"]
        yield function_of(arn)


def allows(policy: Mapping[str, Any], action: str, resource: str) -> bool:
    """A list, also for a single action or resource."""
    return any(
        action in several(each["Action"]) and resource in several(each["Resource"]) for each in policy["Statement"]
    )


def several(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)


def function_of(arn: str) -> str:
    """The function's own name, whatever version or alias the ARN names."""
    return arn.split(":")[6].removeprefix(lambda_name(API)).removeprefix("-") or API


WAYS = (by_bucket, by_mapping, by_topic, by_rule, by_route, by_step)


def test_each_function_has_one_kind_of_trigger(deployment: Deployment) -> None:
    reached = {way.__name__: set(way(deployment)) for way in WAYS}
    assert reached["by_route"] == {API}
    assert reached["by_rule"] == set(SCHEDULES)
    found = [name for names in reached.values() for name in names]
    assert sorted(found) == sorted(SIZES)


def test_undelivered_events_have_a_dead_letter_queue(deployment: Deployment) -> None:
    queues = {f"arn:aws:sqs:{AT}:{url.rpartition('/')[2]}" for url in deployment.snapshot.others["queue"]}
    destinations = list(last_resorts(deployment))
    # Asynchronous functions, streams; and the rules, which have no role of their own.
    assert len(destinations) == 10 + 3
    for function, queue in destinations:
        assert queue in queues
        assert may(deployment, function, "sqs:SendMessage", queue), (function, queue)


def last_resorts(deployment: Deployment) -> Iterator[tuple[str, str]]:
    for name in SIZES:
        config = deployment.snapshot.functions[lambda_name(name)]["EventInvokeConfig"]
        if config is not None:
            yield name, config["DestinationConfig"]["OnFailure"]["Destination"]
    for each in deployment.snapshot.mappings:
        if "DestinationConfig" in each:
            yield function_of(each["FunctionArn"]), each["DestinationConfig"]["OnFailure"]["Destination"]


def test_rules_may_send_to_their_dead_letter_queue(deployment: Deployment) -> None:
    (queue,) = {
        target["DeadLetterConfig"]["Arn"] for rule in deployment.snapshot.rules.values() for target in rule["Targets"]
    }
    sqs = deployment.aws.client("sqs")
    url = sqs.get_queue_url(QueueName=queue.rpartition(":")[2])["QueueUrl"]
    policy = json.loads(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"])
    (lets_in,) = [each for each in policy["Statement"] if each["Effect"] == "Allow"]
    assert lets_in["Principal"] == {"Service": "events.amazonaws.com"}
    pattern = lets_in["Condition"]["ArnLike"]["aws:SourceArn"]
    assert deployment.snapshot.rules
    for rule in deployment.snapshot.rules.values():
        assert re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), rule["Arn"])


def test_queues_move_messages_that_fail_repeatedly(deployment: Deployment) -> None:
    sqs = deployment.aws.client("sqs")
    of_queues = [each for each in deployment.snapshot.mappings if ":sqs:" in each["EventSourceArn"]]
    assert len(of_queues) == len(QUEUES)
    for each in of_queues:
        url = sqs.get_queue_url(QueueName=each["EventSourceArn"].rpartition(":")[2])["QueueUrl"]
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        redrive = json.loads(attributes["RedrivePolicy"])
        _, timeout = SIZES[function_of(each["FunctionArn"])]
        # AWS Lambda, "Using Lambda with Amazon SQS".
        assert int(attributes["VisibilityTimeout"]) >= 6 * timeout
        assert int(redrive["maxReceiveCount"]) >= 5
        assert redrive["deadLetterTargetArn"].startswith(f"arn:aws:sqs:{AT}:darkroom-prod-")


# --------------------------------------------------------------------------------- alive


def runs(deployment: Deployment) -> set[str]:
    """Which functions have left a record of a run."""
    rows = deployment.aws.client("dynamodb").scan(TableName=deployment.environment["USAGE_METRICS_DYNAMO_TABLE"])
    return {value["S"] for row in rows["Items"] for name, value in row.items() if name == "operation"}


def test_uploads_and_notifications_run_the_deployed_functions(deployment: Deployment) -> None:
    bucket, topic = deployment.environment["S3_INPUT_BUCKET"], deployment.environment["SNS_TOPIC_ARN"]
    deployment.aws.client("s3").put_object(Bucket=bucket, Key="uploads/nobody/nothing/1.jpg", Body=b"no picture")
    message = {"userId": "nobody", "imageId": "none"}
    deployment.aws.client("sns").publish(TopicArn=topic, Message=json.dumps(message))
    wait_for(lambda: {"s3_event", "notifications"} <= runs(deployment), "both functions' records")
