"""The manual, made of the commands themselves: docs/command-line.md. `python -m infra policies` writes it."""

import inspect
from collections.abc import Iterator

import click

from darkroom.api import KEY_VARIABLE
from darkroom.errors import MEANINGS
from darkroom.main import DEBUG_VARIABLE, darkroom
from darkroom.stages import DEFAULT_URL, FOLDER_VARIABLE, HTTP_VARIABLE, STAGE_VARIABLE, URL_VARIABLE

_COMMON = {"--json", "--help", "--url", "--stage"}

_BEFORE = f"""# The command line

<!-- made by `python -m infra policies` from the commands' own help -->

`darkroom` is a client of the API of any stage. From a checkout, with [uv](https://docs.astral.sh/uv/) or pipx:

```
uvx --from . darkroom --help
pipx run --spec . darkroom --help
```

`uv tool install .` puts `darkroom` on the path. It needs Python 3.11 and two packages, click and requests. Where
`make run` has installed its packages, `.venv/bin/python -m darkroom` is the same.

**Which stage.** A command talks to the stage of `--url` or `--stage`, else of `{URL_VARIABLE}` or `{STAGE_VARIABLE}`,
else of the last `darkroom login`, else to `{DEFAULT_URL}`. `--stage` takes the name that
`darkroom login --url … --stage NAME` gave. An address must be https, except for this machine's own;
`{HTTP_VARIABLE}=1` allows others.

**Who.** `darkroom login` stores a user's tokens, or with `--api-key` an API key, for each stage. Tokens are renewed
while the session lasts. An API key in `{KEY_VARIABLE}` comes before what is stored, for machines that nobody signs in
on.

**Files.** `sessions.json` holds tokens and keys, and nobody but its owner may read it (mode 600). `uploads/` holds the
SHA-256 and the image of each file that was sent from this machine. Both are in the folder of the user's applications
(`~/.config/darkroom`, on a Mac `~/Library/Application Support/darkroom`), or in `{FOLDER_VARIABLE}`.

**For programs.** With `--json` a command prints one JSON document on stdout, also when it fails: then `success` is
false, and `error.code` says why. Messages and progress go to stderr. `{DEBUG_VARIABLE}=1` shows where a defect is.

**Completion.** `eval "$(darkroom completion bash)"`, or `zsh`; for fish, `darkroom completion fish` is the script.

## Exit codes

"""

_OPTIONS = """
## Options of every command

| option | meaning |
|---|---|
| `--url URL` | the stage's address |
| `--stage NAME` | the stage by the name that `login` gave it |
| `--json` | the answer as one JSON document on stdout; messages go to stderr |
| `-h`, `--help` | the command's help |

`up` and `completion` talk to no stage, and have the last one alone.
"""


def text() -> str:
    """The whole manual in Markdown."""
    codes = "".join(f"| {code.value} | {meaning} |\n" for code, meaning in MEANINGS.items())
    context = click.Context(darkroom, info_name="darkroom")
    commands = "".join(_section(each) for each in _leaves(context))
    return f"{_BEFORE}| code | meaning |\n|---|---|\n{codes}{_OPTIONS}{commands}"


def _leaves(context: click.Context) -> Iterator[click.Context]:
    """The contexts of all commands that are no groups, in the order of the help."""
    if not isinstance(context.command, click.Group):
        yield context
        return
    for name in context.command.list_commands(context):
        command = context.command.get_command(context, name)
        if command is not None:
            yield from _leaves(click.Context(command, info_name=name, parent=context))


def _section(context: click.Context) -> str:
    command = context.command
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    rows = [
        f"| {_flags(each)} | {_meaning(each, context)} |\n"
        for each in command.params
        if isinstance(each, click.Option) and not _is_common(each, command)
    ]
    options = "\n| option | meaning |\n|---|---|\n" + "".join(rows) if rows else ""
    return f"\n## {context.command_path}\n\n```\n{usage}\n```\n\n{inspect.cleandoc(command.help or '')}\n{options}"


def _is_common(option: click.Option, command: click.Command) -> bool:
    # login gives a stage its name.
    return not _COMMON.isdisjoint(option.opts) and not (command.name == "login" and "--stage" in option.opts)


def _flags(option: click.Option) -> str:
    value = "" if option.is_flag else f" {_value(option)}"
    return ", ".join(f"`{flag}{value}`" for flag in option.opts)


def _value(option: click.Option) -> str:
    if isinstance(option.type, click.Choice):
        return "\\|".join(str(each).lower() for each in option.type.choices)
    return option.metavar or option.type.name.upper().replace("DIRECTORY", "FOLDER")


def _meaning(option: click.Option, context: click.Context) -> str:
    parts = [option.help or ""]
    if isinstance(option.type, click.IntRange | click.FloatRange):
        limits = (option.type.min, option.type.max)
        parts.append(f"{limits[0]} to {limits[1]:,}." if limits[1] is not None else f"{limits[0]} or more.")
    if option.required:
        parts.append("Required.")
    elif option.show_default and option.default is not None:
        parts.append(f"Default: `{option.get_default(context)}`.")
    return " ".join(part for part in parts if part).replace("|", "\\|")
