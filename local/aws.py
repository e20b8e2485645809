"""The account, region and address of the embedded AWS, which alone is used while it runs."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

ACCOUNT = "123456789012"
REGION = "us-east-1"
HOST = "127.0.0.1"


@contextmanager
def without_profile() -> Iterator[None]:
    """The block runs without the developer's AWS profile, which boto3 and moto would look for."""
    names = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
    profiles = {name: os.environ.pop(name) for name in names if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(profiles)
