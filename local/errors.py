"""Errors of the local machine itself. Each message is written for a developer's terminal."""


class MachineError(Exception):
    """The local machine cannot start or continue."""


class ImportFailedError(MachineError):
    """The application cannot be imported. `summary` is one line: where in the project, and what is wrong."""

    def __init__(self, trace: str, summary: str) -> None:
        super().__init__(f"The application cannot be imported:\n{trace}")
        self.summary = summary


class PortTakenError(MachineError):
    """Another program listens on the requested port."""

    def __init__(self, port: int, purpose: str) -> None:
        super().__init__(
            f"Port {port} for {purpose} is taken, perhaps by another run. Let it find free ports: "
            'make run ARGS="--port 0 --aws-port 0"'
        )


class ProvisionError(MachineError):
    """The template uses something that the local machine does not support."""
