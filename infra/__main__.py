"""The command line for everything in AWS: `python -m infra --help`."""

import argparse
import sys
from pathlib import Path

from infra import (
    administrators,
    audit,
    command_line,
    function_grants,
    iam_report,
    openapi_document,
    policies,
    settings,
    settings_docs,
    stages,
    template,
    triggers,
)
from infra.restore import arguments as restoring


def main(arguments: list[str] | None = None) -> int:
    args = _parser().parse_args(arguments)
    if args.command == "manifest":
        triggers.main()
    elif args.command == "template":
        template.show(args.stage)
    elif args.command == "configure":
        return _configure(args)
    elif args.command == "policies":
        _write_policies()
        _write_documents()
        _write_contract()
        _write_command_line()
    elif args.command == "settings":
        _write_documents()
    elif args.command == "openapi":
        _write_contract(released=args.released)
    elif args.command == "iam-report":
        return iam_report.report(iam_report.granted(_grants(), stages.read()), args.log)
    elif args.command in ("deploy", "destroy", "restore"):
        return _run_on_stage(args)
    elif args.command == "admin":
        return administrators.run(args)
    else:
        try:
            settings.apply(args.stage)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2
        return audit.verify(dict(args.known))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra", description="Manage what Darkroom has in AWS.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("manifest", help="one line for each trigger: who may call it, and what it may access")
    document = commands.add_parser("template", help="resources, alarms and dashboard as one CloudFormation document")
    document.add_argument("--stage", default=template.DEFAULT_STAGE, help="the stage whose settings are used")
    place = commands.add_parser("configure", help="set account and region of a stage; writes its settings and policies")
    place.add_argument("--stage", required=True)
    place.add_argument("--account", required=True, help="the AWS account's 12 digits")
    place.add_argument("--region", default="us-east-1")
    place.add_argument("--suffix", help="the end of the buckets' names (default: the account)")
    up = commands.add_parser("deploy", help="deploy a stage: plan, confirm, deploy, check")
    up.add_argument("--stage", required=True)
    up.add_argument("--dry-run", action="store_true", help="show the plan and its price, change nothing")
    down = commands.add_parser("destroy", help="remove a stage; resources with data stay")
    down.add_argument("--stage", required=True)
    down.add_argument("--with-data", action="store_true", help="remove resources with data too; cannot be undone")
    for each in (up, down):
        each.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser("policies", help="all that is generated: names of resources, each function's policy, documents")
    commands.add_parser("settings", help="generate docs/settings.md from the settings")
    contract = commands.add_parser("openapi", help="generate docs/openapi.json, the API's contract, from the manifest")
    contract.add_argument(
        "--released", action="store_true", help="with a release: changes are compared with it from now"
    )
    report = commands.add_parser("iam-report", help="compare declared and used grants; exit code 1 if they differ")
    report.add_argument("log", type=Path, nargs="?", default=iam_report.LOG, help="default: the log of make run")
    admin = commands.add_parser("admin", help="administrators of a stage, lost authenticators; each change is audited")
    actions = admin.add_subparsers(dest="admin", required=True)
    for action, meaning in (
        ("grant", "make an account an administrator, by its e-mail address"),
        ("revoke", "make an administrator an ordinary user again"),
        ("reset-mfa", "turn off the second factor of an account whose authenticator is lost"),
        ("list", "list all administrators"),
    ):
        each = actions.add_parser(action, help=meaning)
        if action != "list":
            each.add_argument("email")
        each.add_argument("--stage", required=True)
    trail = commands.add_parser("audit", help="the audit trail").add_subparsers(dest="audit", required=True)
    verify = trail.add_parser("verify", help="check the whole trail and report each error; exit code 1 if there is one")
    verify.add_argument("--stage", default="local", help="the stage (default: local)")
    verify.add_argument(
        "--known",
        action="append",
        type=_known,
        default=[],
        metavar="NUMBER:HASH",
        help="an entry that must exist, from an earlier run or from a log line AUDIT_APPENDED",
    )
    back = commands.add_parser(
        "restore", help="bring rows and objects back that were lost; find what is left of erased"
    )
    restoring.add_arguments(back)
    return parser


def _run_on_stage(args: argparse.Namespace) -> int:
    # Imported here, because Chalice's deployer takes long to import.
    from infra import deploy
    from infra.restore import command

    try:
        with deploy.errors_of_aws():
            if args.command == "restore":
                command.run(args)
            elif args.command == "deploy":
                deploy.deploy(args.stage, yes=args.yes, dry_run=args.dry_run)
            else:
                deploy.destroy(args.stage, yes=args.yes, with_data=args.with_data)
    except deploy.DeployError as error:
        print(error, file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        print(f"Interrupted. Run `python -m infra {args.command}` again: it continues from there.", file=sys.stderr)
        return 130
    return 0


def _configure(args: argparse.Namespace) -> int:
    try:
        place = stages.place(args.stage, args.region, args.account, args.suffix)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    stages.write(stages.configured(stages.read(), place))
    _write_policies()
    return 0


def _write_policies() -> None:
    stages.write(stages.updated(stages.read()))
    print(f"{policies.write(_grants(), stages.read())} files of {policies.FOLDER.name} changed")


def _write_documents() -> None:
    print(f"{settings_docs.write(_grants())} documents of settings changed")


def _write_contract(*, released: bool = False) -> None:
    app = triggers.application()
    changed = [openapi_document.write(app), *([openapi_document.write_released(app)] if released else [])]
    print(f"{sum(changed)} documents of the contract changed")


def _write_command_line() -> None:
    print(f"{command_line.write(triggers.application())} files of the command line changed")


def _grants() -> dict[str, function_grants.FunctionGrants]:
    return function_grants.grants_by_function(triggers.application())


def _known(text: str) -> tuple[int, str]:
    number, _, digest = text.partition(":")
    return int(number), digest


if __name__ == "__main__":
    sys.exit(main())
