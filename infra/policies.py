"""Each function's IAM policy, generated from its grants and its stage's settings.

    python -m infra policies

Pure: the same grants and the same .chalice/config.json give the same documents.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from infra import stages
from infra.function_grants import FunctionGrants
from infra.policy_statements import Statement, StatementBuilder
from infra.settings import CONFIG, environment_of, settings_of_function

Document = dict[str, Any]

FOLDER = CONFIG.parent / "policies"
# Stands for the user pool's id until the first deploy. No pool matches it.
NO_POOL = "not-deployed-yet"


def documents(grants: Mapping[str, FunctionGrants], config: Mapping[str, Any], stage: str) -> dict[str, Document]:
    """The policies of a stage, by function."""
    return {
        name: document(name, each, environment_of(config, stage, name), settings_of_function(config, stage, name))
        for name, each in grants.items()
    }


def document(
    function: str,
    grants: FunctionGrants,
    environment: Mapping[str, str],
    config: Mapping[str, Any],
    pool: str = NO_POOL,
) -> Document:
    """The policy of one function. `environment` is the function's, `config` holds its other settings.

    `pool` is the user pool's id, for an environment without one.

    Raises:
        ValueError: a setting that an operation needs has no value.
    """
    builder = StatementBuilder(function, {"COGNITO_USER_POOL_ID": pool, **environment}, str(environment["STAGE"]))
    for_lambda = list(builder.for_lambda(grants, config))
    own = (each for name, operations in grants["operations"].items() for each in builder.for_variable(name, operations))
    parameters = builder.parameters(name for name in grants["operations"] if name not in environment)
    statements = [*for_lambda, *_without(for_lambda, own), *parameters]
    if key := config.get("kms_key_arn"):
        statements += builder.for_key(str(key), statements)
    return {"Version": "2012-10-17", "Statement": statements}


def _without(granted: Iterable[Statement], statements: Iterable[Statement]) -> Iterator[Statement]:
    """The statements without what is granted already: the role that polls a queue may delete its messages anyway."""
    pairs = {(action, tuple(each["Resource"])) for each in granted for action in each["Action"]}
    for each in statements:
        actions = [action for action in each["Action"] if (action, tuple(each["Resource"])) not in pairs]
        if actions:
            yield {**each, "Action": actions}


def files(grants: Mapping[str, FunctionGrants], config: Mapping[str, Any]) -> dict[str, str]:
    """The text of every file of the folder, by file name."""
    return {
        f"{stage}-{function}.json": json.dumps(policy, indent=2) + "\n"
        for stage in stages.deployed_stages(config)
        for function, policy in documents(grants, config, stage).items()
    }


def write(grants: Mapping[str, FunctionGrants], config: Mapping[str, Any]) -> int:
    """Updates the folder; returns how many files were changed, added or removed."""
    FOLDER.mkdir(exist_ok=True)
    wanted = files(grants, config)
    current = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    for name in current.keys() - wanted.keys():
        (FOLDER / name).unlink()
    for name, text in wanted.items():
        if current.get(name) != text:
            (FOLDER / name).write_text(text)
    return len({name for name in current.keys() | wanted.keys() if current.get(name) != wanted.get(name)})
