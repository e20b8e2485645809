"""An authenticator app: it holds the secret of one account and shows codes by the machine's clock."""

from dataclasses import dataclass
from typing import Any

import requests

from local import totp
from local.machine import Machine
from tests.journeys.user import User


@dataclass
class Authenticator:
    """Its codes are used once each: `code` moves the clock on to a code that was not shown before."""

    machine: Machine
    secret: str
    _shown: int = 0

    def code(self) -> str:
        while (step := totp.step_of(self.machine.clock.now())) <= self._shown:
            self.machine.clock.advance(totp.STEP_SECONDS)
        self._shown = step
        return totp.code_at(self.secret, step)

    def wrong_code(self) -> str:
        """A code that is not right within five minutes."""
        present = totp.step_of(self.machine.clock.now())
        right = {totp.code_at(self.secret, step) for step in range(present - 10, present + 11)}
        return next(code for number in range(100) if (code := f"{number:06}") not in right)


def enrol(machine: Machine, user: User) -> Authenticator:
    """A new authenticator of the user, whose second factor is on from now on."""
    enrolled = user.post("/auth/mfa/enrol")
    assert enrolled.status_code == 200, enrolled.text
    made = Authenticator(machine, enrolled.json()["secret"])
    confirmed = user.post("/auth/mfa/confirm", code=made.code())
    assert confirmed.status_code == 200, confirmed.text
    return made


def challenge(user: User) -> dict[str, Any]:
    """The challenge that follows the user's password."""
    asked = user.post("/auth/signin", email=user.email, password=user.password)
    assert asked.status_code == 200, asked.text
    assert asked.json()["challenge"] == "SOFTWARE_TOKEN_MFA"
    assert "accessToken" not in asked.json()
    return {"challenge": asked.json()["challenge"], "session": asked.json()["session"]}


def answer(user: User, asked: dict[str, Any], code: str) -> requests.Response:
    return user.post("/auth/challenge", **asked, answer=code)
