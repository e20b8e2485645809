"""What is deployed, run by Lambda's own client: its code cannot be written to, and there is no /dev/shm."""

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import pictures
from tests.deploy.conftest import Deployment
from tests.deploy.expected import API, SIZES, lambda_arn, lambda_name
from tests.deploy.runtime_api import RuntimeApi
from tests.proxy_event import proxy_event

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="namespaces of mounts are Linux's"),
]

# As in Lambda: code that is read alone, and no shared memory for locks, queues and pools.
_CONFINED = (
    'mount -t tmpfs -o ro,size=4k tmpfs /dev/shm && mount --bind "$1" "$1" && mount -o remount,ro,bind "$1" '
    '&& cd "$1" && exec "$2" -m awslambdaric "$3"'
)
USER, IMAGE = "user-of-the-runtime", "img_0runtime0000000000000000"
# Outside of the prefix that S3 tells s3_event of, which would remove a file that no image announced.
KEY = f"runtime/{USER}/{IMAGE}.jpg"


@pytest.fixture(scope="module")
def code(deployment: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The deployed package, unpacked where Lambda has it."""
    folder = tmp_path_factory.mktemp("task")
    packages = sorted((deployment.checkout.folder / ".chalice" / "deployments").glob("*.zip"))
    (package,) = [each for each in packages if not each.name.startswith("managed-layer")]
    with zipfile.ZipFile(package) as zipped:
        zipped.extractall(folder)
    return folder


@contextmanager
def runtime(deployment: Deployment, code: Path, function: str) -> Iterator[RuntimeApi]:
    """A function at work under Lambda's client."""
    memory, seconds = SIZES[function]
    configuration = deployment.snapshot.functions[lambda_name(function)]
    with RuntimeApi(lambda_arn(function), seconds) as api:
        environment = {
            **deployment.aws.environment,
            **configuration["Environment"]["Variables"],
            "AWS_ENDPOINT_URL": deployment.aws.url,
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_LAMBDA_RUNTIME_API": api.address,
            "AWS_LAMBDA_FUNCTION_NAME": lambda_name(function),
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{lambda_name(function)}",
            "AWS_LAMBDA_LOG_STREAM_NAME": "stream",
            # X-Ray's daemon listens beside a function; segments go there by UDP, and here nothing takes them.
            "AWS_XRAY_DAEMON_ADDRESS": "127.0.0.1:9",
            "_X_AMZN_TRACE_ID": "Root=1-65f0c0de-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1",
            "LAMBDA_TASK_ROOT": str(code),
            "PYTHONPATH": str(code),
        }
        command = ["unshare", "--user", "--map-root-user", "--mount", shutil.which("sh") or "sh", "-c", _CONFINED]
        process = subprocess.Popen(
            [*command, "sh", str(code), sys.executable, configuration["Handler"]],
            env=environment,
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            yield api
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            print(process.communicate()[0])
            api.shutdown()


def answered(ended: tuple[str, Any]) -> Any:
    how, answer = ended
    assert how == "response", answer
    return answer


def test_the_api_works_with_lambdas_runtime_client(deployment: Deployment, code: Path) -> None:
    with runtime(deployment, code, API) as api:
        health = answered(api.invoke(proxy_event("GET", "/health")))
        refused = answered(api.invoke(proxy_event("GET", "/images")))
    assert health["statusCode"] == 200
    assert json.loads(health["body"])["success"] is True
    assert (refused["statusCode"], json.loads(refused["body"])["error"]["code"]) == (401, "NOT_AUTHENTICATED")


def test_the_pipeline_makes_variants_with_lambdas_runtime_client(deployment: Deployment, code: Path) -> None:
    s3 = deployment.aws.client("s3")
    bucket = deployment.environment["S3_INPUT_BUCKET"]
    version = s3.put_object(Bucket=bucket, Key=KEY, Body=pictures.jpeg(1600, 1200))["VersionId"]
    event: Any = {"s3Key": KEY, "objectVersion": version, "userId": USER, "imageId": IMAGE}
    event |= {"fileType": "image/jpeg", "execution": f"{IMAGE}-1", "correlationId": "of-the-runtime"}
    for function in ("validation", "resize", "watermark"):
        with runtime(deployment, code, function) as api:
            event = answered(api.invoke(event))
    made = [each["M"] for each in event["record"]["variants"]["L"]]
    named = {(each["size"]["S"], each["watermarked"]["BOOL"]) for each in made}
    assert named == {(size, marked) for size in ("small", "medium", "large") for marked in (False, True)}


def test_an_invalid_image_is_refused_with_lambdas_runtime_client(deployment: Deployment, code: Path) -> None:
    s3 = deployment.aws.client("s3")
    bucket = deployment.environment["S3_INPUT_BUCKET"]
    s3.put_object(Bucket=bucket, Key=KEY, Body=b"no picture")
    with runtime(deployment, code, "validation") as api:
        named = {"s3Key": KEY, "fileType": "image/jpeg", "userId": USER, "imageId": IMAGE}
        how, result = api.invoke(named)
    # The state machine catches it by this name.
    assert (how, result.get("errorType")) == ("error", "ImageRejectedError"), (how, result)
