"""Replace parts of libraries; share botocore's parsed service models, whose parsing is half of a cold start."""

from functools import cache
from typing import Any

from botocore import loaders

_USED_BY_MOST = ("s3", "dynamodb", "sqs", "sns", "stepfunctions", "cognito-idp", "ssm")


@cache
def share_parsed_models() -> None:
    """Parse each model file once a process, for all botocore sessions and for moto, which reads the same files."""
    read = loaders.JSONFileLoader.load_file
    reader = loaders.JSONFileLoader()

    @cache
    def parsed(path: str) -> Any:
        return read(reader, path)

    patch(loaders.JSONFileLoader, "load_file", lambda self, file_path: parsed(file_path))


@cache
def load_clients() -> None:
    """Parse the models of the services that most functions use, and import what their clients need, once a process."""
    import boto3

    share_parsed_models()
    session = boto3.Session()
    for service in _USED_BY_MOST:
        session.client(service, region_name="us-east-1")


def patch(owner: Any, name: str, replacement: Any) -> None:
    """Replace an attribute of a library's class or module."""
    setattr(owner, name, replacement)
