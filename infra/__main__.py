"""The one command for what stands in AWS: `python -m infra --help`."""

import argparse
import os
import sys
from pathlib import Path

from infra import audit, iam_report, manifest, policies, rights, stages, template


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    if asked.command == "manifest":
        manifest.main()
    elif asked.command == "template":
        template.main()
    elif asked.command == "configure":
        return _configure(asked)
    elif asked.command == "policies":
        _write_policies()
    elif asked.command == "iam-report":
        return iam_report.report(_declared(), stages.read(), asked.record)
    else:
        try:
            audit.use_stage(asked.stage)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2
        return audit.verify(dict(asked.known))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra", description="What stands in AWS.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("manifest", help="one line a trigger: who may call it, and what it may touch")
    commands.add_parser("template", help="the resources as one plain CloudFormation document")
    place = commands.add_parser("configure", help="say where a stage is; writes its settings and policies")
    place.add_argument("--stage", required=True)
    place.add_argument("--account", required=True, help="the AWS account's 12 digits")
    place.add_argument("--region", default="us-east-1")
    place.add_argument("--suffix", help="ends the names of the buckets (the account's number)")
    commands.add_parser("policies", help="each function's IAM policy, made of what it declares")
    report = commands.add_parser("iam-report", help="declared rights beside used ones; exit code 1 where they differ")
    report.add_argument("record", type=Path, nargs="?", default=iam_report.RECORD, help="of which runs (make run's)")
    trail = commands.add_parser("audit", help="the audit trail").add_subparsers(dest="audit", required=True)
    verify = trail.add_parser("verify", help="read all of it and name each break; exit code 1 if there is one")
    verify.add_argument("--stage", default="local", help="whose settings of .chalice/config.json to take (local)")
    verify.add_argument(
        "--known",
        action="append",
        type=_known,
        default=[],
        metavar="NUMBER:HASH",
        help="an entry that is known to stand there, as this command or the log line AUDIT_APPENDED told it",
    )
    return parser


def _configure(asked: argparse.Namespace) -> int:
    try:
        place = stages.place(asked.stage, asked.region, asked.account, asked.suffix)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    stages.write(stages.configured(stages.read(), place))
    _write_policies()
    return 0


def _write_policies() -> None:
    print(f"{policies.write(_declared(), stages.read())} files of {policies.FOLDER.name} changed")


def _declared() -> dict[str, rights.Declared]:
    os.environ.setdefault("STAGE", "local")
    from app import app

    return rights.declared(app)


def _known(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    return int(number), digest


if __name__ == "__main__":
    sys.exit(main())
