"""The application's code as it runs: imported once at the start, and again after each change of its files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from local.api_process import ApiProcess, api_spec
from local.fork_client import Libraries
from local.functions import FunctionHost
from local.grants import Grants


class Code:
    """The process that has imported the application, replaced by `reload`."""

    def __init__(self, project: Path, stage: str, endpoint: str, settings: Mapping[str, str]) -> None:
        self._libraries = Libraries(project, stage, endpoint, settings)
        self.fork_server = self._libraries.start_application()
        self.description: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        """The id of the process that all others come from."""
        return self._libraries.pid

    def receive_environment(self) -> dict[str, str]:
        """The stage's environment, known before the import. Raises MachineError."""
        environment: dict[str, str] = self.fork_server.receive_description()["environment"]
        return environment

    def receive_description(self) -> dict[str, Any]:
        """The functions, routes and declared grants, known after the import. Raises MachineError."""
        self.description = self.fork_server.receive_description()
        return self.description

    def watch(self, before_end: Callable[[], None]) -> None:
        """End the machine if a process ends by itself. `before_end` is called before a run or a fork fails by that."""
        self._before_end = before_end
        self._libraries.watch()
        self.fork_server.watch(before_end)

    def load_libraries(self) -> None:
        """Let the next `reload` take less time: libraries are imported once more, in the background."""
        self._libraries.load(self.description["modules"])

    def reload(self, grants: Grants, host: FunctionHost, api: ApiProcess | None) -> list[str]:
        """Run the code as its files are now. Sentences about what takes effect at the next start only.

        Raises:
            ImportFailedError: it cannot be imported; the code from before goes on.
        """
        fork_server, before = self._libraries.start_application(), self.fork_server
        try:
            fork_server.receive_description()
            description = fork_server.receive_description()
            fork_server.watch(self._before_end)
        except BaseException:
            fork_server.close()
            raise
        grants.add_functions(description)
        host.use(fork_server, description["functions"])
        if api is not None:
            api.use(fork_server, api_spec(description))
        self.fork_server, sentences = fork_server, _left_to_restart(self.description, description)
        self.description = description
        before.end_when_unused()
        return sentences

    def stop(self) -> None:
        """End all processes."""
        self.fork_server.close()
        self._libraries.stop()


def _left_to_restart(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """What the next start will do, in sentences: functions and their triggers are resources of AWS."""
    old, new = _triggers(before), _triggers(now)
    sentences = [f"{name} is new: the next start creates it." for name in new.keys() - old.keys()]
    sentences += [f"{name} is gone: the next start removes it." for name in old.keys() - new.keys()]
    changed = [name for name in old.keys() & new.keys() if old[name] != new[name]]
    return sorted(sentences + [f"{name} has another trigger: the next start sets it." for name in changed])


def _triggers(description: Mapping[str, Any]) -> dict[str, Any]:
    return {each["name"]: each["trigger"] for each in description["functions"]}
