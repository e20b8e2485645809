"""Parameters of Parameter Store, and secrets.

The machine makes its own in each run. What somebody has changed since then has a later version, and wins.
"""

from collections.abc import Collection, Mapping
from typing import Any

from moto.secretsmanager.models import FakeSecret, secretsmanager_backends
from moto.ssm.models import Parameter as MotoParameter
from moto.ssm.models import ssm_backends

from local.aws import ACCOUNT, REGION
from local.state.part import Documents, Kept

# moto has it as a class that CloudFormation makes, with methods that nothing calls.
_Parameter: Any = MotoParameter
_PARAMETERS, _SECRETS = "parameters", "secrets"
_OF_PARAMETER = ("name", "parameter_type", "description", "allowed_pattern", "keyid", "version", "data_type")
_OF_SECRET = ("default_version_id", "versions", "secret_string", "secret_binary", "deleted_date", "last_changed_date")


class Parameters:
    """One document a parameter, of its last version."""

    service = "ssm"
    kinds: tuple[str, ...] = (_PARAMETERS,)
    is_whole = True

    def restore(self, documents: Mapping[str, Documents]) -> None:
        """Put parameters back that the machine has not made itself in at least this version."""
        parameters = ssm_backends[ACCOUNT][REGION]._parameters
        for name, document in documents[_PARAMETERS].items():
            if name not in parameters or parameters[name][-1].version < document["version"]:
                about: dict[str, Any] = {each: document[each] for each in _OF_PARAMETER}
                changed_at = document["last_modified_date"]
                parameter = _Parameter(ACCOUNT, value=document["value"], last_modified_date=changed_at, **about)
                parameters[name] = [parameter]

    def changed(self, names: Collection[Any]) -> Kept:
        """All parameters."""
        parameters = ssm_backends[ACCOUNT][REGION]._parameters
        return {_PARAMETERS: {name: _parameter(versions[-1]) for name, versions in dict.items(parameters) if versions}}


def _parameter(parameter: Any) -> dict[str, Any]:
    about = {name: getattr(parameter, name) for name in _OF_PARAMETER}
    return {
        **about,
        "value": parameter.decrypt(parameter.value),
        "last_modified_date": parameter.last_modified_date,
    }


class Secrets:
    """One document a secret, with all its versions."""

    service = "secretsmanager"
    kinds: tuple[str, ...] = (_SECRETS,)
    is_whole = True

    def restore(self, documents: Mapping[str, Documents]) -> None:
        """Put secrets back that have more versions than the machine has made itself."""
        secrets = secretsmanager_backends[ACCOUNT][REGION].secrets
        for name, document in documents[_SECRETS].items():
            made = secrets.get(name)
            if made is None:
                made = secrets[name] = FakeSecret(ACCOUNT, REGION, name, {}, "")
            if len(made.versions) < len(document["versions"]):
                made.__dict__ |= {each: document[each] for each in _OF_SECRET}

    def changed(self, names: Collection[Any]) -> Kept:
        """All secrets."""
        secrets = dict.values(secretsmanager_backends[ACCOUNT][REGION].secrets)
        return {_SECRETS: {each.name: {name: getattr(each, name) for name in _OF_SECRET} for each in secrets}}
