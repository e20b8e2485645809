"""`python -m infra deploy` and `destroy`: from code to a running stage, and back.

The steps, each of which can be run again: checks (target) → plan → resources by CloudFormation (stack) → what AWS named
is recorded (record) → Chalice's own deploy (functions) → what Chalice cannot set (finish) → the smoke test (smoke).
"""

from infra.deploy.destroy import destroy
from infra.deploy.errors import DeployError, errors_of_aws
from infra.deploy.steps import deploy

__all__ = ["DeployError", "deploy", "destroy", "errors_of_aws"]
