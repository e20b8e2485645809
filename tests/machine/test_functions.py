"""Functions run as on Lambda: in warm workers, separately, with a timeout, and replaced when they die."""

import ast
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Eventually
from tests.machine.conftest import Tiny

ROOT = Path(__file__).resolve().parents[2]


class PausedRun:
    """A run of `obedient` that has started and waits for `resume`."""

    def __init__(self, tiny: Tiny, folder: Path, name: str, threads: ThreadPoolExecutor) -> None:
        started, self._go = folder / f"{name}-started", folder / f"{name}-go"
        os.mkfifo(started)
        os.mkfifo(self._go)
        event = {"do": "wait", "started": str(started), "go": str(self._go)}
        self.result: Future[tuple[Any, bool]] = threads.submit(tiny.invoke, "obedient", event)
        self.pid = int(started.read_text())

    def resume(self) -> tuple[Any, bool]:
        self._go.write_text("go")
        return self.result.result(15)


def test_a_worker_stays_warm(tiny: Tiny) -> None:
    first, _ = tiny.invoke("obedient")
    again, _ = tiny.invoke("obedient")
    assert first["pid"] == again["pid"]
    assert first["pid"] in tiny.machine.workers("obedient")


def test_the_context_is_like_lambdas(tiny: Tiny) -> None:
    context = tiny.invoke("obedient")[0]["context"]
    assert context["name"] == "darkroom-tiny-obedient"
    assert context["version"] == "$LATEST"
    assert context["memory"] == "256"
    assert context["arn"] == "arn:aws:lambda:us-east-1:123456789012:function:darkroom-tiny-obedient"
    assert 0 < context["remaining"] <= 60_000
    assert context["log"][0] == "/aws/lambda/darkroom-tiny-obedient"
    assert context["request"] != tiny.invoke("obedient")[0]["context"]["request"]


def test_a_function_has_its_own_environment(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    environment = tiny.invoke("obedient")[0]["environment"]
    assert environment["ONLY_HERE"] == "obedient"
    assert environment["GREETING"] == "good day", "a machine's own settings replace the stage's"
    assert environment["OUTPUT_FORMATS"] == "webp"
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == "darkroom-tiny-obedient"
    assert environment["AWS_ENDPOINT_URL"] == tiny.machine.aws_url
    assert environment["SQS_QUEUE_URL"] == tiny.resource("UploadsQueue")


def _program(*lines: str) -> str:
    """A program that runs these lines with its own machine of the little application."""
    start = "with Machine(Path('tests/machine/app'), stage='tiny', api=False, asynchronous={}, streams={}) as machine:"
    imports = ["from pathlib import Path", "from local.machine import Machine"]
    return "\n".join([*imports, start, *(f"    {line}" for line in lines)])


def _run(program: str, **environment: str) -> str:
    command = [sys.executable, "-c", program]
    settings = os.environ | {"PYTHONPATH": "."} | environment
    result = subprocess.run(command, cwd=ROOT, env=settings, capture_output=True, text=True, check=True, timeout=30)
    return result.stdout


def test_a_machine_hides_the_developers_credentials_and_stops_while_functions_run() -> None:
    """Endless runs for a queue, a stream and a topic do not delay the stop."""
    program = _program(
        "print(machine.invoke('obedient')[0]['environment'])",
        "machine.client('sqs').send_message(QueueUrl=machine.resources['UploadsQueue'].ref, MessageBody='forever')",
        "machine.client('sns').publish(TopicArn=machine.resources['NotificationsTopic'].ref, Message='forever')",
        "item = {'userId': {'S': 'u'}, 'imageId': {'S': 'forever'}}",
        "machine.client('dynamodb').put_item(TableName='darkroom-tiny-images', Item=item)",
        "while machine.client('dynamodb').scan(TableName='darkroom-tiny-daily')['Count'] < 3: pass",
    )
    environment = ast.literal_eval(_run(program, AWS_PROFILE="company", AWS_SESSION_TOKEN="real"))
    assert environment["AWS_SECRET_ACCESS_KEY"] == "darkroom-local"
    assert environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert "AWS_PROFILE" not in environment
    assert "AWS_SESSION_TOKEN" not in environment


def test_an_exception_is_described_as_by_lambda(tiny: Tiny) -> None:
    failure, errored = tiny.invoke("obedient", {"do": "raise"})
    assert errored
    assert failure["errorType"] == "KeyError"
    assert failure["errorMessage"] == "'missing'"
    assert 'raise KeyError("missing")' in failure["stackTrace"][-1]


def test_a_result_that_is_not_json_is_an_error(tiny: Tiny) -> None:
    failure, errored = tiny.invoke("obedient", {"do": "return a set"})
    assert errored
    assert failure["errorType"] == "Runtime.MarshalError"


def test_a_worker_that_exits_is_replaced(tiny: Tiny) -> None:
    failure, errored = tiny.invoke("obedient", {"do": "exit"})
    assert errored
    assert failure["errorType"] == "Runtime.ExitError"
    assert "exit status 3" in failure["errorMessage"]
    assert tiny.invoke("obedient") != (failure, errored)


def test_a_worker_killed_during_a_run_is_replaced_at_once(tiny: Tiny, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as threads:
        run = PausedRun(tiny, tmp_path, "run", threads)
        os.kill(run.pid, signal.SIGKILL)
        failure, errored = run.result.result(15)
    assert errored
    assert failure["errorType"] == "Runtime.ExitError"
    assert run.pid not in tiny.machine.workers("obedient")
    assert len(tiny.machine.workers("obedient")) == 2
    result, errored = tiny.invoke("obedient")
    assert not errored
    assert result["pid"] != run.pid


def test_a_worker_that_died_while_idle_makes_no_run_fail(tiny: Tiny, eventually: Eventually) -> None:
    workers = tiny.machine.workers("obedient")
    for pid in workers:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: all(_has_ended(pid) for pid in workers))
    for _ in range(2):
        assert not tiny.invoke("obedient")[1]


def test_a_run_is_killed_at_its_timeout(tiny: Tiny) -> None:
    before = tiny.machine.workers("stuck")
    failure, errored = tiny.invoke("stuck")
    assert errored
    assert failure["errorType"] == "Sandbox.Timedout"
    assert failure["errorMessage"].endswith("Task timed out after 1.00 seconds")
    assert len(set(before) & set(tiny.machine.workers("stuck"))) == 1


def test_a_third_run_waits_for_two_workers(tiny: Tiny, tmp_path: Path) -> None:
    with ThreadPoolExecutor(3) as threads:
        first = PausedRun(tiny, tmp_path, "first", threads)
        second = PausedRun(tiny, tmp_path, "second", threads)
        assert first.pid != second.pid
        third = threads.submit(tiny.invoke, "obedient")
        first.resume()
        assert third.result(15)[0]["pid"] == first.pid
        second.resume()


def test_an_unknown_function_is_not_found(tiny: Tiny) -> None:
    functions = tiny.client("lambda")
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.invoke(FunctionName="darkroom-tiny-nothing", Payload=json.dumps({}))


def _has_ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True
