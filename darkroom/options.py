"""Options of the commands. Words, choices and ranges of an operation's inputs come from the contract."""

import functools
import re
import sys
from collections.abc import Callable
from typing import Any

import click

from darkroom import stages
from darkroom.api import Api
from darkroom.contract import operation
from darkroom.output import Output

Command = Callable[..., Any]
Decorator = Callable[[Command], Command]

REPEAT = "Repeat it for several."
_NUMBERS = {"integer": click.IntRange, "number": click.FloatRange}


class Group(click.Group):
    """Lists its commands in their order here, which is that in which a newcomer needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class Day(click.ParamType[str]):
    """A day, as the API takes it."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not re.fullmatch(r"\d{4}-\d\d-\d\d", str(value)):
            self.fail(f"{value} is not a day, such as 2026-11-28.", param, ctx)
        return str(value)


def limit(default: int) -> Decorator:
    """How many items of a list are wanted, newest first."""
    return click.option(
        "--limit",
        type=click.IntRange(1),
        default=default,
        show_default=True,
        metavar="N",
        help="How many, newest first.",
    )


def of_input(name: str, field: str, *flags: str, **more: Any) -> Decorator:
    """An option for an input of an operation: `--` and the last part of its name, unless `flags` say otherwise."""
    said = operation(name).inputs[field]
    last = field.rpartition(".")[2]
    flag = "--" + re.sub(r"[A-Z]", lambda letter: f"-{letter[0].lower()}", last)
    settings = {"type": _type(said), "help": _in_plain_text(said.get("description", ""))}
    if said.get("type") == "array":
        settings |= {"multiple": True, "help": f"{settings['help']} {REPEAT}"}
    if said.get("type") in _NUMBERS and "enum" not in said:
        settings["metavar"] = "N"
    if said.get("type") == "boolean":
        settings |= {"is_flag": True, "default": None}
    return click.option(*(flags or (flag, variable(last))), **{**settings, **more})


def variable(name: str) -> str:
    """Python's name of an option; `from` is a word of Python's."""
    snake = re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", name)
    return f"{snake}_" if snake in ("from", "format") else snake


def choices(name: str, field: str) -> list[str]:
    """What an input may be."""
    return list(operation(name).inputs[field]["enum"])


def _type(said: Any) -> Any:
    if "enum" in said:
        return click.Choice([each for each in said["enum"] if each is not None], case_sensitive=False)
    if said.get("format") == "date":
        return Day()
    if said.get("type") in _NUMBERS:
        return _NUMBERS[said["type"]](said.get("minimum"), said.get("maximum"))
    return click.BOOL if said.get("type") == "boolean" else click.STRING


def _in_plain_text(text: str) -> str:
    return text.replace("`", "")


def id_argument(name: str, *, many: bool = False) -> Decorator:
    """The id, or with `many` the ids, that a command is about."""
    metavar = f"{name.removesuffix('s').upper()}..." if many else name.upper()
    return click.argument(name, nargs=-1 if many else 1, required=True, metavar=metavar)


JSON = click.option(
    "--json", "as_json", is_flag=True, help="The answer as one JSON document on stdout; messages go to stderr."
)
URL = click.option("--url", help="The stage's address. Default: that of the last login, or this machine's.")
STAGE = click.option("--stage", help="The stage by the name that login gave it.")
TO = click.option(
    "--to",
    type=click.Path(file_okay=False),
    default=".",
    show_default=True,
    help="The folder for the files.",
)
YES = click.option("--yes", is_flag=True, help="Do not ask.")
NO_WAIT = click.option("--no-wait", is_flag=True, help="Do not wait for the result.")


def terminal(command: Command) -> Command:
    """A command that gets `out`, and has the option --json."""

    @JSON
    @functools.wraps(command)
    def run(as_json: bool, **values: Any) -> Any:
        return command(out=Output(as_json=as_json), **values)

    return run


def connected(command: Command) -> Command:
    """A command that gets `api` and `out`, and has the options --url, --stage and --json."""

    @URL
    @STAGE
    @terminal
    @functools.wraps(command)
    def run(url: str | None, stage: str | None, out: Output, **values: Any) -> Any:
        def pause(reason: str, seconds: float) -> None:
            if seconds >= 1:
                out.status(f"Waiting {seconds:.0f} s: {reason}")

        return command(api=Api(stages.choose(url, stage), on_pause=pause), out=out, **values)

    return run


def confirm(question: str, yes: bool) -> None:
    """Ask, unless `yes`.

    Raises:
        click.UsageError: nobody is there to answer.
        click.Abort: the answer is no.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("Nobody can be asked here: add --yes.")
    click.confirm(question, abort=True, err=True)
