"""What stops a deploy: each message says what is wrong and what to do next."""

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
    """It cannot go on: something failed on the way. Running the command again goes on from there."""

    code = 1


class RefusedError(DeployError):
    """What was asked for cannot be begun, so nothing was changed."""

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
    """What a service calls its refusal ("NoSuchBucket")."""
    return str(error.response.get("Error", {}).get("Code", ""))


def message_of(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Message", error))


@contextlib.contextmanager
def errors_of_aws() -> Iterator[None]:
    """Turns faults of AWS, and of the way to it, into our own.

    Raises:
        DeployError: there was one.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise explained(error) from error


def explained(error: BotoCoreError | ClientError) -> DeployError:
    """A fault of AWS or on the way to it, in words that say what to do next."""
    if isinstance(error, NoCredentialsError | PartialCredentialsError | ProfileNotFound | TokenRetrievalError):
        return RefusedError(f"There are no credentials of AWS here ({error}). {_SIGN_IN}")
    if isinstance(error, EndpointConnectionError):
        return DeployError(f"AWS cannot be reached: {error} Look at the network and at AWS_ENDPOINT_URL.")
    if isinstance(error, ClientError):
        where = f"{error.operation_name}: {message_of(error)}"
        if code_of(error) in _STALE:
            return RefusedError(f"AWS does not take these credentials ({where}). {_SIGN_IN}")
        if code_of(error) in _DENIED:
            return DeployError(
                f"These credentials may not do what deploying takes ({where}). Have that allowed, then run this again."
            )
        return DeployError(
            f"AWS refused {where} ({code_of(error)}). Mend that and run this again: it goes on from there."
        )
    return DeployError(f"AWS could not be asked: {error}. Run this again: it goes on from there.")
