"""The one command for what stands in AWS: `python -m infra --help`."""

import argparse
import os
import sys
from pathlib import Path

from infra import administrators, audit, function_grants, iam_report, policies, settings, stages, template, triggers


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    if asked.command == "manifest":
        triggers.main()
    elif asked.command == "template":
        template.show(asked.stage)
    elif asked.command == "configure":
        return _configure(asked)
    elif asked.command == "policies":
        _write_policies()
    elif asked.command == "iam-report":
        return iam_report.report(iam_report.granted(_declared(), stages.read()), asked.record)
    elif asked.command in ("deploy", "destroy"):
        return _deploy(asked)
    elif asked.command == "admin":
        return administrators.run(asked)
    else:
        try:
            settings.apply(asked.stage)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2
        return audit.verify(dict(asked.known))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra", description="What stands in AWS.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("manifest", help="one line a trigger: who may call it, and what it may touch")
    whole = commands.add_parser("template", help="resources, alarms and dashboard as one CloudFormation document")
    whole.add_argument("--stage", default=template.DEFAULT_STAGE, help="whose timeouts and schedules are watched")
    place = commands.add_parser("configure", help="say where a stage is; writes its settings and policies")
    place.add_argument("--stage", required=True)
    place.add_argument("--account", required=True, help="the AWS account's 12 digits")
    place.add_argument("--region", default="us-east-1")
    place.add_argument("--suffix", help="ends the names of the buckets (the account's number)")
    up = commands.add_parser("deploy", help="bring a stage to what the code says: plan, confirm, deploy, check")
    up.add_argument("--stage", required=True)
    up.add_argument("--dry-run", action="store_true", help="show the plan and its price, and change nothing")
    down = commands.add_parser("destroy", help="take a stage down; what holds data stays")
    down.add_argument("--stage", required=True)
    down.add_argument("--with-data", action="store_true", help="remove what holds data as well, for ever")
    for each in (up, down):
        each.add_argument("--yes", action="store_true", help="ask nobody")
    commands.add_parser("policies", help="each function's IAM policy, made of what it declares")
    report = commands.add_parser("iam-report", help="declared rights beside used ones; exit code 1 where they differ")
    report.add_argument("record", type=Path, nargs="?", default=iam_report.LOG, help="of which runs (make run's)")
    admin = commands.add_parser("admin", help="who administers a stage: grant, revoke, list; each change is audited")
    wishes = admin.add_subparsers(dest="admin", required=True)
    for wish, meaning in (
        ("grant", "make an account an administrator, by its address"),
        ("revoke", "make it an ordinary one again"),
        ("list", "all administrators"),
    ):
        each = wishes.add_parser(wish, help=meaning)
        if wish != "list":
            each.add_argument("email")
        each.add_argument("--stage", required=True)
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


def _deploy(asked: argparse.Namespace) -> int:
    # It needs Chalice's own deployer, which takes its time to be imported.
    from infra import deploy

    try:
        with deploy.errors_of_aws():
            if asked.command == "deploy":
                deploy.deploy(asked.stage, yes=asked.yes, dry_run=asked.dry_run)
            else:
                deploy.destroy(asked.stage, yes=asked.yes, with_data=asked.with_data)
    except deploy.DeployError as error:
        print(error, file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print(f"Broken off. Run this again: `python -m infra {asked.command}` goes on from there.", file=sys.stderr)
        return 130
    return 0


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


def _declared() -> dict[str, function_grants.FunctionGrants]:
    os.environ.setdefault("STAGE", "local")
    from app import app

    return function_grants.grants_by_function(app)


def _known(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    return int(number), digest


if __name__ == "__main__":
    sys.exit(main())
