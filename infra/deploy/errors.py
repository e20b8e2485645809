"""The errors of a deploy. Each message says what is wrong and what to do next."""

import contextlib
from collections.abc import Iterator

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    TokenRetrievalError,
)


class DeployError(Exception):
    """A step failed. Running the command again continues from there."""

    code = 1


class RefusedError(DeployError):
    """The command was refused before it changed anything."""

    code = 2


_STALE = {
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "UnrecognizedClientException",
    "SignatureDoesNotMatch",
    "AuthFailure",
    "InvalidAccessKeyId",
}
_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"}
_SIGN_IN = "Set AWS_PROFILE, or sign in (`aws sso login`, `aws configure`), and run this again."


def code_of(error: ClientError) -> str:
    """The error code of a service ("NoSuchBucket")."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", error))


@contextlib.contextmanager
def ignoring(*codes: str) -> Iterator[None]:
    """Ends the block at an error of a service with one of these codes: what it asks about does not exist."""
    try:
        yield
    except ClientError as error:
        if code_of(error) not in codes:
            raise


@contextlib.contextmanager
def errors_of_aws() -> Iterator[None]:
    """Converts errors of AWS and of the connection.

    Raises:
        DeployError: there was one.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise explained(error) from error


def explained(error: BotoCoreError | ClientError) -> DeployError:
    """The error with a message that says what to do next."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound | TokenRetrievalError):
        return RefusedError(f"There are no AWS credentials ({error}). {_SIGN_IN}")
    if isinstance(error, EndpointConnectionError):
        return DeployError(f"AWS cannot be reached: {error} Check the network and AWS_ENDPOINT_URL.")
    if isinstance(error, ClientError):
        where = f"{error.operation_name}: {message_of(error)}"
        if code_of(error) in _STALE:
            return RefusedError(f"AWS refused these credentials ({where}). {_SIGN_IN}")
        if code_of(error) in _DENIED:
            return DeployError(
                f"These credentials lack a permission ({where}). Get the permission, then run this again."
            )
        return DeployError(
            f"AWS refused {where} ({code_of(error)}). Fix that and run this again: it continues from there."
        )
    return DeployError(f"The call to AWS failed: {error}. Run this again: it continues from there.")
