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
from local.accounts import ADMIN, PASSWORD, USER
from local.errors import MachineError
from local.machine import LOGS, Machine

API_PORT = 8000


class _AskedEarlyError(Exception):
    """Ctrl-C while the machine still starts."""


class _Asked(threading.Event):
    """Set by Ctrl-C or SIGTERM; before anybody waits for it, starting is broken off instead."""

    waited_for = False

    def wait(self, timeout: float | None = None) -> bool:
        self.waited_for = True
        return super().wait(timeout)


@contextlib.contextmanager
def _stop_asked_for() -> Iterator[_Asked]:
    asked = _Asked()

    def ask(number: int, frame: object) -> None:
        if asked.is_set():
            return
        asked.set()
        if not asked.waited_for:
            raise _AskedEarlyError

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit status."""
    given = list(sys.argv[1:] if argv is None else argv)
    if given[:1] == ["demo"]:
        # The demonstration has options of its own.
        status: int = importlib.import_module("local.demo").run_demo(given[1:])
        return status
    options = _parser().parse_args(given)
    try:
        code: int = options.command(options)
    except MachineError as fault:
        print(fault, file=sys.stderr)
        return 1
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m local", description="Darkroom and its AWS on this machine.")
    commands = parser.add_subparsers(required=True, metavar="command")
    run = commands.add_parser("run", help="everything: embedded AWS, resources, workers, API, two accounts")
    run.add_argument("--port", type=_port, default=API_PORT, help="the API's port; 0 for any free one")
    _embedded(run)
    run.set_defaults(command=_run)
    aws = commands.add_parser("aws", help="all of it but the API, for `chalice local` by hand")
    _embedded(aws)
    aws.set_defaults(command=_aws)
    invoke = commands.add_parser("invoke", help="call a function through the Lambda API at AWS_ENDPOINT_URL")
    invoke.add_argument("name", help="a function of app.py, such as validation")
    invoke.add_argument("event", nargs="?", default="{}", help="the event, as JSON")
    invoke.set_defaults(command=_invoke)
    drawn = commands.add_parser("sample", help="draw a picture of 12 megapixels to try things with")
    drawn.add_argument("file", type=Path, help="where to write it, as a JPEG")
    drawn.set_defaults(command=_draw)
    commands.add_parser("demo", help="send photos through a running Darkroom", add_help=False)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not a port: 0 to 65535")
    return int(text)


def _embedded(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--aws-port", type=_port, default=LOCAL_PORT, help="the embedded AWS's port; 0 for any free")
    parser.add_argument("--no-partner", action="store_true", help="without the stand-in for the external API")
    parser.add_argument(
        "--verbose", action="store_true", help=f"print what the functions log, instead of writing it to {LOGS}"
    )


def _run(options: argparse.Namespace) -> int:
    with _stop_asked_for() as asked:
        try:
            with Machine(
                port=options.port,
                aws_port=options.aws_port,
                partner=not options.no_partner,
                logs=_logs(options),
            ) as machine:
                print(f"Darkroom is ready: {machine.api_url}")
                _say_where(machine)
                print("Locally any verification code works. Ctrl-C stops everything.", flush=True)
                asked.wait()
        except _AskedEarlyError:
            pass
    return 0


def _aws(options: argparse.Namespace) -> int:
    _compile()
    with _stop_asked_for() as asked:
        try:
            with Machine(
                aws_port=options.aws_port, api=False, partner=not options.no_partner, logs=_logs(options)
            ) as machine:
                _say_where(machine)
                print("Next, in another terminal:")
                print(f"  AWS_ENDPOINT_URL={machine.aws_url} .venv/bin/chalice local --stage local", flush=True)
                asked.wait()
        except _AskedEarlyError:
            pass
    return 0


def _compile() -> None:
    """Has all bytecode written now: Chalice's reloader restarts at every file that is written in the project later."""
    for folder in ("chalicelib", "infra", "local"):
        compileall.compile_dir(ROOT / folder, quiet=2)
    compileall.compile_file(ROOT / "app.py", quiet=2)


def _say_where(machine: Machine) -> None:
    print(f"Embedded AWS: {machine.aws_url}")
    print(f"Accounts: {USER} and {ADMIN}, password {PASSWORD}")
    if machine.partner_url:
        print(f"Stand-in partner: {machine.partner_url}")


def _invoke(options: argparse.Namespace) -> int:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    endpoint = os.environ.get("AWS_ENDPOINT_URL", LOCAL_ENDPOINT)
    environment = json.loads((ROOT / ".chalice" / "config.json").read_text())
    local = environment["stages"]["local"]["environment_variables"]
    client = boto3.client(
        "lambda",
        endpoint_url=endpoint,
        region_name=local["AWS_DEFAULT_REGION"],
        aws_access_key_id=local["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=local["AWS_SECRET_ACCESS_KEY"],
        # A function may take five minutes, and asking again would run it again.
        config=Config(read_timeout=900, retries={"max_attempts": 0}),
    )
    try:
        event = json.dumps(json.loads(options.event))
        answer = client.invoke(FunctionName=f"{environment['app_name']}-local-{options.name}", Payload=event)
    except ValueError as fault:
        raise MachineError(f"The event is not JSON: {fault}") from None
    except (BotoCoreError, ClientError) as fault:
        raise MachineError(f"{endpoint} cannot invoke {options.name}: {fault}") from None
    print(json.dumps(json.loads(answer["Payload"].read() or b"null")))
    return 1 if "FunctionError" in answer else 0


def _draw(options: argparse.Namespace) -> int:
    sample = importlib.import_module("local.sample")
    try:
        options.file.write_bytes(sample.jpeg())
    except OSError as fault:
        raise MachineError(f"{options.file} cannot be written: {fault.strerror}") from None
    return 0


def _logs(options: argparse.Namespace) -> Path | None:
    return None if options.verbose else LOGS


if __name__ == "__main__":
    sys.exit(main())
