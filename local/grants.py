"""The grants of every function and of the state machine: what a deploy would give them, and what a test takes away."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra import policies
from infra.pipeline_policy import PIPELINE
from infra.pipeline_policy import ROLE as PIPELINE_ROLE
from local import iam_enforcement
from local.aws import ACCOUNT, REGION
from local.cloudformation.properties import Resource
from local.iam_enforcement import ROLES, Role


class Grants:
    """Grants by function name, as `iam_enforcement.enforce` takes them.

    `log` is the file for used and refused grants, which infra.iam_report reads.
    """

    def __init__(self, resources: Mapping[str, Resource], log: Path | None) -> None:
        self._log = None if log is None else str(log)
        self._pool = resources["UserPool"].ref if "UserPool" in resources else policies.NO_POOL
        self._role = resources.get(PIPELINE_ROLE)
        self._grants: dict[str, dict[str, Any]] = {}

    def add_functions(self, description: Mapping[str, Any]) -> None:
        """Add each function's generated policy, and put the grants into the function's description.

        A function without declared grants gets None: it may do everything.
        """
        for spec in description["functions"]:
            declared = description["declared"].get(spec["name"])
            if declared is not None:
                self._add(spec["name"], policies.document(spec["name"], declared, spec["environment"], {}, self._pool))
            spec["grants"] = self._grants.get(spec["name"])

    def add_state_machine(self, iam: Any) -> None:
        """Enforce the role that the template gives the state machine, if it has one."""
        if self._role is not None:
            self._add(PIPELINE, iam_enforcement.inline_policy(iam, self._role.ref))
            self.set_state_machine(self._grants[PIPELINE])

    def remove_state_machine(self) -> None:
        if self._role is not None:
            ROLES.pop(self._role.attributes["Arn"], None)

    def set_state_machine(self, grants: Mapping[str, Any]) -> None:
        """Enforce these grants on the state machine from now on."""
        assert self._role is not None
        ROLES[self._role.attributes["Arn"]] = Role.of(grants)

    def of(self, function: str) -> dict[str, Any]:
        return self._grants[function]

    def _add(self, function: str, policy: dict[str, Any]) -> None:
        place = {"region": REGION, "account": ACCOUNT}
        self._grants[function] = {"function": function, "policy": policy, "log": self._log, **place}
