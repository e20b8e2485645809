"""The first administrator of a stage is made, and a lost authenticator reset, on the command line; both are audited."""

import os
import subprocess
import sys
from pathlib import Path

from local.machine import Machine
from tests.journeys.audit_trail import audit_entries
from tests.journeys.authenticator import challenge, enrol
from tests.journeys.user import User

ROOT = Path(__file__).resolve().parents[2]


def admin(machine: Machine, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "infra", "admin", *arguments, "--stage", "local"],
        cwd=ROOT,
        env={**os.environ, "AWS_ENDPOINT_URL": machine.aws_url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


def test_an_account_becomes_an_administrator_and_an_ordinary_user_again(machine: Machine) -> None:
    ann = User.new(machine.api_url)
    assert ann.get("/admin/users").status_code == 403
    code, said = admin(machine, "grant", ann.email.upper())
    assert (code, "is an administrator of local" in said) == (0, True), said
    assert ann.get("/admin/users").status_code == 200
    assert f"{ann.email}  {ann.id}" in admin(machine, "list")[1]
    code, said = admin(machine, "revoke", ann.email)
    assert (code, "is no longer an administrator of local" in said) == (0, True), said
    assert ann.get("/admin/users").status_code == 403
    noted = [
        (entry["operation"], entry["target"]["role"], entry["outcome"])
        for entry in audit_entries(machine)
        if entry.get("target", {}).get("userId") == ann.id and entry["operation"].startswith("admin_")
    ]
    assert sorted(noted) == [("admin_grant", "ADMIN", "ok"), ("admin_revoke", "USER", "ok")]


def test_the_second_factor_of_an_account_is_reset(machine: Machine) -> None:
    ann = User.new(machine.api_url)
    enrol(machine, ann)
    challenge(ann)
    code, said = admin(machine, "reset-mfa", ann.email)
    assert (code, said) == (0, f"Signing in to local asks {ann.email} for no code any more.\n")
    ann.sign_in()
    noted = [entry["target"] for entry in audit_entries(machine) if entry["operation"] == "admin_reset_mfa"]
    assert {"userId": ann.id} in noted


def test_an_address_without_an_account_is_refused(machine: Machine) -> None:
    code, said = admin(machine, "grant", "nobody@example.com")
    assert (code, said.count("\n")) == (2, 1)
    assert "No account has the address nobody@example.com" in said
