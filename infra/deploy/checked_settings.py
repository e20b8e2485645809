"""The settings of a stage, checked before a deploy makes anything: those in .chalice/config.json, then those stored."""

from infra import function_grants
from infra.deploy.errors import RefusedError
from infra.deploy.target import Target, read_config
from infra.function_grants import NO_GRANTS
from infra.settings import CONFIG
from infra.settings_check import StageSettings, parameter_paths

# SSM takes so many names at once (GetParameters).
_MOST_PARAMETERS = 10


def check_configured(stage: str) -> None:
    """Checks .chalice/config.json, before the application is imported: it reads some settings then.

    Raises:
        RefusedError: a setting cannot be used, or a name is a slip of the hand.
    """
    config = read_config()
    if stage in config["stages"]:
        functions = [function_grants.API, *config["lambda_functions"]]
        _refuse(StageSettings(config, stage, dict.fromkeys(functions, NO_GRANTS), {}))


def check_stored(target: Target) -> StageSettings:
    """Checks what Parameter Store holds too; the settings of the stage.

    Raises:
        RefusedError: a setting cannot be used.
    """
    settings = StageSettings(target.config, target.stage, target.grants, _stored(target))
    _refuse(settings)
    return settings


def _stored(target: Target) -> dict[str, str]:
    """The settings of the stage in Parameter Store that are no secrets, by name."""
    names = parameter_paths(target.config, target.stage, target.grants)
    paths = sorted(names)
    stored = {}
    for start in range(0, len(paths), _MOST_PARAMETERS):
        some = paths[start : start + _MOST_PARAMETERS]
        for each in target.client("ssm").get_parameters(Names=some)["Parameters"]:
            # A SecureString comes encrypted.
            if each["Type"] != "SecureString":
                stored[names[each["Name"]]] = each["Value"]
    return stored


def _refuse(settings: StageSettings) -> None:
    if problems := settings.problems():
        lines = "\n".join(f"  {each}" for each in problems)
        raise RefusedError(
            f"{settings.stage} has settings that cannot be used:\n{lines}\nCorrect them in {CONFIG}, or in Parameter "
            "Store where that is said. docs/settings.md says what each may be."
        )
