"""`python -m infra deploy` and `destroy`: deploy a stage, or remove it.

The steps, which can all be repeated: checks (target, account) → plan → resources by CloudFormation (stack) → record the
names that AWS chose (stack_outputs) → Chalice's deploy (chalice_command) → settings that Chalice does not support
(remaining_settings) → smoke test (smoke).
"""

from infra.deploy.destroy import destroy
from infra.deploy.errors import DeployError, errors_of_aws
from infra.deploy.steps import deploy
