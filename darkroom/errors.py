"""What ends a command, with its exit code. Messages are sentences for the user's terminal."""

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any


class ExitCode(IntEnum):
    """How a command ended. The manual lists these with `MEANINGS`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NOT_SIGNED_IN = 3
    NOT_ALLOWED = 4
    NOT_FOUND = 5
    LIMIT = 6
    UNREACHABLE = 7
    STOPPED = 130


MEANINGS = {
    ExitCode.DONE: "Done.",
    ExitCode.FAILED: "Something was refused or failed: a file, an action, a request. What could be done is done.",
    ExitCode.USAGE: "The command was not understood; nothing was sent.",
    ExitCode.NOT_SIGNED_IN: "Not signed in, a wrong password or key, or a session that has ended: `darkroom login`.",
    ExitCode.NOT_ALLOWED: "The account, or the API key, may not do this.",
    ExitCode.NOT_FOUND: "There is no such thing, or it belongs to somebody else.",
    ExitCode.LIMIT: "A limit is reached: of requests, spending or stored bytes.",
    ExitCode.UNREACHABLE: "No answer from the server, or none that a Darkroom gives; a later try may succeed.",
    ExitCode.STOPPED: "Stopped by Ctrl-C.",
}

_BY_STATUS = {
    401: ExitCode.NOT_SIGNED_IN,
    403: ExitCode.NOT_ALLOWED,
    404: ExitCode.NOT_FOUND,
    429: ExitCode.LIMIT,
}
_LIMIT_CODES = {"STORAGE_LIMIT_EXCEEDED", "SPENDING_LIMIT"}


class DarkroomError(Exception):
    """Ends the command with a message and an exit code. `code` names the error for programs."""

    exit_code = ExitCode.FAILED
    code = "FAILED"

    @property
    def line(self) -> str:
        """What the terminal shows."""
        return str(self)

    def document(self) -> dict[str, Any]:
        """The error as the answer of `--json`."""
        return {"success": False, "message": str(self), "error": {"code": self.code}}


class ConfigurationError(DarkroomError):
    """A file or a setting of this machine is not usable."""

    code = "NOT_CONFIGURED"


class NotSignedInError(DarkroomError):
    exit_code, code = ExitCode.NOT_SIGNED_IN, "NOT_SIGNED_IN"


class UnreachableError(DarkroomError):
    """The server gave no answer, or one that no Darkroom gives."""

    exit_code, code = ExitCode.UNREACHABLE, "UNREACHABLE"


class ApiError(DarkroomError):
    """The API refused a request: its message, code and request id."""

    def __init__(self, status: int, body: Mapping[str, Any]) -> None:
        error = body.get("error")
        error = error if isinstance(error, Mapping) else {}
        # API Gateway's own refusals have a message alone.
        super().__init__(str(body.get("message") or f"The server answered {status}."))
        self.status, self.code = status, str(error.get("code") or f"HTTP_{status}")
        self.request_id = str(body.get("requestId") or "")
        details = error.get("details")
        self.details: Sequence[Mapping[str, Any]] = details if isinstance(details, list) else []

    @property
    def exit_code(self) -> ExitCode:  # type: ignore[override]
        if self.code in _LIMIT_CODES:
            return ExitCode.LIMIT
        return ExitCode.UNREACHABLE if self.status >= 500 else _BY_STATUS.get(self.status, ExitCode.FAILED)

    @property
    def line(self) -> str:
        where = ", ".join(each for each in (self.code, f"request {self.request_id}" if self.request_id else "") if each)
        return "\n".join(
            [f"{self} ({where})", *(f"  {each.get('field')}: {each.get('message')}" for each in self.details)]
        )

    def document(self) -> dict[str, Any]:
        error = {"code": self.code, **({"details": list(self.details)} if self.details else {})}
        return {**super().document(), "error": error, "requestId": self.request_id or None}
