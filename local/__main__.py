"""python -m local: run | aws | invoke | demo | sample."""

import argparse
import compileall
import contextlib
import importlib
import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

from infra.settings import LOCAL_ENDPOINT, LOCAL_PORT, ROOT
from local import background
from local.accounts import ADMIN, PASSWORD, USER
from local.errors import MachineError
from local.machine import LOGS, Machine
from local.reloading import Reloader
from local.shell_settings import not_taken, settings_from_shell
from local.state.folder import DEFAULT, StateFolder

API_PORT = 8000


class _StoppedEarlyError(BaseException):
    """Ctrl-C or SIGTERM while the machine still starts. Libraries would wrap an `Exception` in errors of their own."""


class _StopSignal(threading.Event):
    """Set by Ctrl-C or SIGTERM, which raise _StoppedEarlyError before `wait` is called, and if the machine fails."""

    is_waited_for = False
    failure: MachineError | None = None

    def wait(self, timeout: float | None = None) -> bool:
        self.is_waited_for = True
        return super().wait(timeout)

    def look_at_thread(self, ended: threading.ExceptHookArgs) -> None:
        """Note the error that has ended a thread. The machine has failed if it cannot do without that thread."""
        error = ended.exc_value
        if not isinstance(error, MachineError):
            threading.__excepthook__(ended)
        if isinstance(ended.thread, background.Loop) and self.failure is None:
            name = ended.thread.name
            self.failure = error if isinstance(error, MachineError) else MachineError(f"The thread {name} has ended.")
            self.set()


@contextlib.contextmanager
def _stop_signal() -> Iterator[_StopSignal]:
    """The block ends quietly if it is stopped early."""
    stop = _StopSignal()

    def handle(number: int, frame: object) -> None:
        if stop.is_set():
            return
        stop.set()
        if not stop.is_waited_for:
            raise _StoppedEarlyError

    before = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    threading.excepthook = stop.look_at_thread
    try:
        yield stop
    except _StoppedEarlyError:
        return
    finally:
        threading.excepthook = threading.__excepthook__
        for number, handler in before.items():
            signal.signal(number, handler)


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["demo"]:
        # The demo parses its own options.
        status: int = importlib.import_module("local.demo").run_demo(arguments[1:])
        return status
    options = _parser().parse_args(arguments)
    try:
        code: int = options.command(options)
    except MachineError as error:
        print(error, file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="Darkroom and its AWS on this machine.")
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser("run", help="everything: embedded AWS, resources, workers, API, two accounts")
    run.add_argument("--port", type=_port, default=API_PORT, help="the API's port; 0 for any free one")
    _add_aws_options(run)
    run.set_defaults(command=_run)
    aws = commands.add_parser("aws", help="the same without the API, which `chalice local` then serves")
    _add_aws_options(aws)
    aws.set_defaults(command=_aws)
    invoke = commands.add_parser("invoke", help="call a function through the Lambda API at AWS_ENDPOINT_URL")
    invoke.add_argument("name", help="a function of app.py, such as validation")
    invoke.add_argument("event", nargs="?", default="{}", help="the event, as JSON")
    invoke.set_defaults(command=_invoke)
    sample = commands.add_parser("sample", help="draw a sample picture of 12 megapixels")
    sample.add_argument("file", type=Path, help="the JPEG file to write")
    sample.set_defaults(command=_draw_sample)
    commands.add_parser("demo", help="send photos through a running Darkroom", add_help=False)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: 0 to 65535")
    return int(text)


def _add_aws_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--aws-port", type=_port, default=LOCAL_PORT, help="the embedded AWS's port; 0 for any free")
    parser.add_argument("--no-fake-api", action="store_true", help="without the fake of the external API")
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--state", type=Path, metavar="DIR", default=DEFAULT, help=f"where all data is kept ({DEFAULT})")
    where.add_argument("--ephemeral", action="store_true", help="keep nothing when it stops")
    parser.add_argument("--fresh", action="store_true", help="begin anew; what is kept is moved to DIR/previous")
    parser.add_argument("--no-reload", action="store_true", help="run the code as it is now, whatever changes")
    parser.add_argument("--verbose", action="store_true", help=f"print the functions' logs instead of writing {LOGS}")


def _run(options: argparse.Namespace) -> int:
    with _stop_signal() as stop, _machine(options, port=options.port) as machine:
        print(f"Darkroom is ready: {machine.api_url}")
        _print_addresses(machine)
        print(f"Documentation of the API: {machine.api_url}/docs")
        print("Locally any verification code works. Ctrl-C stops everything.", flush=True)
        _serve(options, machine, stop)
    return 0


def _aws(options: argparse.Namespace) -> int:
    _write_bytecode()
    with _stop_signal() as stop, _machine(options, api=False) as machine:
        _print_addresses(machine)
        print("Next, in another terminal:")
        print(f"  AWS_ENDPOINT_URL={machine.aws_url} .venv/bin/chalice local --stage local", flush=True)
        _serve(options, machine, stop)
    return 0


def _serve(options: argparse.Namespace, machine: Machine, stop: _StopSignal) -> None:
    """Returns once the machine is to stop. Raises MachineError if it cannot go on."""
    with _reloading(options, machine):
        stop.wait()
    if stop.failure is not None:
        kept = "" if machine.state is None else f" All data is kept in {machine.state.path}."
        raise MachineError(f"{stop.failure} The machine stops.{kept} Start it again.")


def _machine(options: argparse.Namespace, *, port: int = 0, api: bool = True) -> Machine:
    settings = settings_from_shell(os.environ)
    state = None if options.ephemeral else StateFolder(options.state, fresh=options.fresh)
    logs = None if options.verbose else _logs(options)
    return Machine(
        port=port,
        aws_port=options.aws_port,
        api=api,
        fake_api=not options.no_fake_api,
        settings=settings,
        logs=logs,
        state=state,
    )


def _logs(options: argparse.Namespace) -> Path:
    """Two machines must not write the same logs."""
    if options.ephemeral:
        return LOGS / "ephemeral"
    return LOGS if options.state == DEFAULT else options.state.absolute() / "logs"


@contextlib.contextmanager
def _reloading(options: argparse.Namespace, machine: Machine) -> Iterator[None]:
    """Serve changed code while the block runs."""
    if options.no_reload:
        yield
        return
    reloader = Reloader(ROOT, machine.reload, lambda sentence: print(sentence, flush=True))
    machine.code.load_libraries()
    reloader.start()
    try:
        yield
    finally:
        reloader.stop()


def _write_bytecode() -> None:
    """Write all bytecode now: Chalice's reloader restarts at every file that is written later."""
    for folder in ("chalicelib", "infra", "local"):
        compileall.compile_dir(ROOT / folder, quiet=2)
    compileall.compile_file(ROOT / "app.py", quiet=2)


def _print_addresses(machine: Machine) -> None:
    print(f"Embedded AWS: {machine.aws_url}")
    print(f"Accounts: {USER} and {ADMIN}, password {PASSWORD}")
    if machine.state is not None:
        print(f"All data is kept in {machine.state.path}; --fresh begins anew.")
        if machine.state.had_previous:
            print(f"What was kept before is in {machine.state.previous}, until the next --fresh.")
    if machine.fake_api_url:
        print(f"Fake external API: {machine.fake_api_url}")
    if machine.settings:
        given = " ".join(f"{name}={value}" for name, value in machine.settings.items())
        print(f"Settings from the environment: {given}")
    for sentence in not_taken(os.environ):
        print(sentence)


def _invoke(options: argparse.Namespace) -> int:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    endpoint = os.environ.get("AWS_ENDPOINT_URL", LOCAL_ENDPOINT)
    config = json.loads((ROOT / ".chalice" / "config.json").read_text())
    environment = config["stages"]["local"]["environment_variables"]
    client = boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name=environment["AWS_DEFAULT_REGION"],
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        # A function may take five minutes, and a retry would run it again.
        config=Config(read_timeout=900, retries={"max_attempts": 0}),
    )
    try:
        event = json.dumps(json.loads(options.event))
        response = client.invoke(FunctionName=f"{config['app_name']}-local-{options.name}", Payload=event)
    except ValueError as error:
        raise MachineError(f"The event is not JSON: {error}") from None
    except (BotoCoreError, ClientError) as error:
        raise MachineError(f"{endpoint} cannot invoke {options.name}: {error}") from None
    print(json.dumps(json.loads(response["Payload"].read() or b"null")))
    return 1 if "FunctionError" in response else 0


def _draw_sample(options: argparse.Namespace) -> int:
    sample = importlib.import_module("local.sample")
    try:
        options.file.write_bytes(sample.jpeg())
    except OSError as error:
        raise MachineError(f"{options.file} cannot be written: {error.strerror}") from None
    return 0


if __name__ == "__main__":
    sys.exit(main())
