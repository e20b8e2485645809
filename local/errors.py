"""What can go wrong in the machine itself; each message is meant for a developer's terminal."""


class MachineError(Exception):
    """The machine cannot start or go on."""


class PortTakenError(MachineError):
    """Another program listens on the port that was asked for."""

    def __init__(self, port: int, purpose: str) -> None:
        super().__init__(
            f"Port {port} for {purpose} is taken, perhaps by another run. Let it find free ports: "
            'make run ARGS="--port 0 --aws-port 0"'
        )


class ProvisionError(MachineError):
    """The template asks for something that the machine has no meaning for."""
