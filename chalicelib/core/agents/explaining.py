"""What an agent should do after an error, in one sentence that names the tool, the field or the time."""

from chalicelib.core.errors import DarkroomError, NotAuthenticatedError, PermissionDeniedError


def next_step(error: DarkroomError, operation: str) -> str:
    """What the error's class says, or what follows from its kind; "" if the message says it all."""
    if error.next_step:
        return error.next_step
    if isinstance(error, NotAuthenticatedError):
        return "Send an API key of the user as bearer token: Authorization: Bearer drk_…"
    if error.details:
        fields = dict.fromkeys(detail["field"] for detail in error.details)
        return f"Correct {', '.join(fields)} and call {operation} again."
    if error.retry_after is not None:
        return f"Call {operation} again in {error.retry_after} seconds, with the same arguments."
    if isinstance(error, PermissionDeniedError):
        return "Ask the user for an API key with this access, or for this right."
    if error.status >= 500:
        return f"Call {operation} once more. If it fails again, give the requestId to the operators."
    return ""
