"""The command `darkroom`: its commands, and how each of them ends."""

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from darkroom.commands import account, actions, admin, completion, images, keys, machine, upload, usage
from darkroom.errors import DarkroomError, ExitCode
from darkroom.options import Group
from darkroom.output import printable

DEBUG_VARIABLE = "DARKROOM_DEBUG"
_SIGPIPE = 141


def _show_version(context: click.Context, option: click.Parameter, is_asked: bool) -> None:
    """The version of the checkout, or of the package that is installed."""
    if not is_asked:
        return
    # Imported here, because all commands would wait for them.
    import tomllib
    from importlib import metadata

    project = Path(__file__).resolve().parents[1] / "pyproject.toml"
    try:
        version = str(tomllib.loads(project.read_text("utf-8"))["project"]["version"])
    except OSError:
        version = metadata.version("darkroom")
    click.echo(f"darkroom {version}")
    context.exit()


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_show_version, help="Show the version."
)
def darkroom() -> None:
    """Photos in, variants out: Darkroom on the command line.

    Commands talk to the API of one stage: --url, or --stage with the name that login gave it, or DARKROOM_URL or
    DARKROOM_STAGE, or the stage of the last login, or http://127.0.0.1:8000, where `darkroom up` starts one. An API key
    in DARKROOM_KEY is used in place of what login stored.
    """


for _command in (
    machine.up,
    account.login,
    account.logout,
    upload.upload,
    images.ls,
    images.get,
    images.rm,
    images.presets,
    actions.process,
    actions.export,
    actions.report,
    actions.actions,
    keys.keys,
    usage.usage,
    admin.admin,
    completion.completion,
):
    darkroom.add_command(_command)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command; the exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = darkroom.main(given, prog_name="darkroom", standalone_mode=False)
        sys.stdout.flush()
        return int(code or 0)
    except BrokenPipeError:
        # What reads the answer has read enough. Python would complain when it closes stdout.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return _SIGPIPE
    except (KeyboardInterrupt, click.Abort) as stop:
        # click makes an Abort of Ctrl-C.
        advice = map(str, (stop.__cause__ or stop).args)
        return _fail(given, " ".join(["stopped.", *advice]), ExitCode.STOPPED, {"code": "STOPPED"})
    except click.exceptions.NoArgsIsHelpError as asked:
        asked.show()
        return ExitCode.USAGE
    except click.ClickException as error:
        return _fail(given, error.format_message(), ExitCode.USAGE, {"code": "USAGE"}, hint=_help_of(error))
    except DarkroomError as error:
        document = error.document()
        return _fail(given, error.line, error.exit_code, document.pop("error"), document=document)
    except Exception as error:
        if os.environ.get(DEBUG_VARIABLE):
            raise
        text = (
            f"This is a defect of darkroom, or the server is of another version: {type(error).__name__}: {error}. "
            f"{DEBUG_VARIABLE}=1 shows where."
        )
        return _fail(given, text, ExitCode.FAILED, {"code": "DEFECT"})


def _help_of(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    return f"\nTry: {context.command_path} --help" if isinstance(context, click.Context) else ""


def _fail(
    given: Sequence[str],
    line: str,
    code: ExitCode,
    error: dict[str, object],
    *,
    hint: str = "",
    document: dict[str, object] | None = None,
) -> int:
    if "--json" in given:
        whole = {"success": False, "message": line, **(document or {}), "error": error}
        print(json.dumps(whole, indent=2, ensure_ascii=False))
    print(f"darkroom: {printable(line)}{hint}", file=sys.stderr)
    return code
