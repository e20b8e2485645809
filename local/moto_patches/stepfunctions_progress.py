"""How far each execution has come, so that the next run of the machine goes on with it where this one stopped.

An execution goes on with the state that it was in, as if that state had just been entered. Its Lambda task runs again,
as after a retry. Any other task may not: a conditional write would find what it wrote itself. So each request of such
a task carries the name of its state, and the answer to it is noted in the same moment as its effect. If the machine
stops before the execution has seen the answer, the request is answered from the note. A retry within a run of the
machine is a request of its own, as on AWS: whatever the one before has done.
"""

import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.patching import patch
from local.state.changes import CHANGES

# The header of a task's request: the execution's ARN, how many states it had entered, and which try of that one it is.
TASK_HEADER = "X-Darkroom-Task"
# Status, headers and body of a response.
Answer = tuple[str, list[tuple[str, str]], str]


@dataclass
class Progress:
    """An execution that has not ended. `entered` counts its states; without a `state` it has not begun.

    `tries` counts the requests of the state, in this run of the machine.
    """

    machine: str
    name: str
    input: str
    entered: int = 0
    state: str | None = None
    state_input: Any = None
    # To the last request that the state has made.
    answer: Answer | None = None
    tries: int = 0

    def enter(self, state: str, state_input: Any) -> None:
        """Note that a state is entered."""
        self.entered, self.state, self.state_input = self.entered + 1, state, state_input
        self.answer, self.tries = None, 0

    def begin_try(self) -> str:
        """Note that the state makes a request; its name."""
        if self.tries:
            self.answer = None
        self.tries += 1
        return self.name_of_try()

    def name_of_try(self) -> str:
        """The name of the state's last request."""
        return f"{self.entered}.{self.tries}"


# By the execution's ARN.
PROGRESS: dict[str, Progress] = {}
# Those that an earlier run of the machine has left; each is taken when it goes on.
_LEFT: dict[str, Progress] = {}
_task = threading.local()


def resume(left: Mapping[str, Progress]) -> None:
    """Go on with executions that an earlier run has left. Those of a state machine that is gone are skipped."""
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    for arn, progress in left.items():
        backend = stepfunctions_parser_backends[arn.split(":")[4]][arn.split(":")[3]]
        if any(machine.arn == progress.machine for machine in backend.state_machines):
            progress.tries = 0
            if progress.state is not None:
                _LEFT[arn] = progress
            _task.resumed_arn = arn
            try:
                backend.start_execution(progress.machine, progress.name, progress.input)
            finally:
                _task.resumed_arn = None


def resumed_arn() -> str | None:
    """The ARN of the execution that `resume` starts in this thread: it is the same one."""
    return getattr(_task, "resumed_arn", None)


def noted_answer(task: str) -> Answer | None:
    """The answer to this request if it was answered before."""
    progress = _of_task(task)
    return None if progress is None else progress.answer


def note_answer(task: str, answer: Answer) -> None:
    """Note the answer to a request of a task. To be called within `CHANGES.making` with the request itself."""
    if (progress := _of_task(task)) is not None and answer[0].startswith("200"):
        progress.answer = answer
        CHANGES.mark("work")


def _of_task(task: str) -> Progress | None:
    arn, _, name = task.rpartition("/")
    progress = PROGRESS.get(arn)
    return progress if progress is not None and progress.name_of_try() == name else None


def follow_executions() -> None:
    """Note when executions begin, enter a state and end, and name the state in their tasks' requests."""
    _note_begin_and_end()
    _note_states()
    _name_states_in_requests()


def add_task_header(request: Any, **_: Any) -> None:
    """A botocore handler of "before-send"; the header is not signed."""
    if (task := getattr(_task, "name", None)) is not None:
        request.headers[TASK_HEADER] = task


def _note_begin_and_end() -> None:
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution, SyncExecution

    start, end = Execution.start, BaseExecutionWorkerCommunication.terminated

    def start_execution(self: Any) -> None:
        if not isinstance(self, SyncExecution):
            new = Progress(self.state_machine.arn, self.name, self.execution_input)
            PROGRESS[self.exec_arn] = _LEFT.get(self.exec_arn, new)
            CHANGES.mark("work")
        with CHANGES.waiting():
            start(self)

    def terminated(self: Any) -> None:
        PROGRESS.pop(self.execution.exec_arn, None)
        CHANGES.mark("work")
        end(self)

    patch(Execution, "start", start_execution)
    patch(BaseExecutionWorkerCommunication, "terminated", terminated)


def _note_states() -> None:
    from moto.stepfunctions.parser.asl.component.program.program import Program
    from moto.stepfunctions.parser.asl.component.state.state import CommonStateField

    run, enter = Program._eval_body, CommonStateField._eval_body

    def run_program(self: Any, env: Any) -> None:
        arn = _arn(env)
        left = None if env.is_frame() else _LEFT.pop(arn, None)
        if left is not None and left.state in self.states.states:
            env.next_state_name = left.state
            env.states.reset(left.state_input)
            # It was entered and counted before.
            _task.is_resumed = True
        run(self, env)

    def enter_state(self: Any, env: Any) -> None:
        progress = None if env.is_frame() else PROGRESS.get(_arn(env))
        if progress is not None and not _task.__dict__.pop("is_resumed", False):
            progress.enter(self.name, env.states.get_input())
            CHANGES.mark("work")
        enter(self, env)

    patch(Program, "_eval_body", run_program)
    patch(CommonStateField, "_eval_body", enter_state)


def _name_states_in_requests() -> None:
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import (
        StateTaskService,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
        StateTaskServiceLambda,
    )

    original = StateTaskService._eval_execution

    def eval_execution(self: Any, env: Any) -> None:
        arn = _arn(env)
        progress = None if isinstance(self, StateTaskServiceLambda) else PROGRESS.get(arn)
        if progress is not None:
            _task.name = f"{arn}/{progress.begin_try()}"
        try:
            original(self, env)
        finally:
            _task.name = None

    patch(StateTaskService, "_eval_execution", eval_execution)


def _arn(env: Any) -> str:
    return str(env.states.context_object.context_object_data["Execution"]["Id"])


def as_documents() -> dict[str, Any]:
    """All executions that have not ended."""
    return {
        arn: vars(progress) | {"state_input": json.dumps(progress.state_input)}
        for arn, progress in list(PROGRESS.items())
    }


def of_documents(documents: Mapping[str, Any]) -> dict[str, Progress]:
    """The executions of such documents."""
    return {
        arn: Progress(**{**document, "state_input": json.loads(document["state_input"])})
        for arn, document in documents.items()
    }
