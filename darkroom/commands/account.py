"""login and logout."""

import os
import sys
import time
from typing import Any

import click

from darkroom import options, stages
from darkroom.api import Answer, Api
from darkroom.errors import ApiError, DarkroomError, NotSignedInError
from darkroom.output import Output
from darkroom.stages import Session

_CHALLENGES = {
    "SOFTWARE_TOKEN_MFA": "Code of your authenticator",
    "NEW_PASSWORD_REQUIRED": "New password",
}
# The API counts wrong codes; after these the sign-in begins anew.
_TRIES = 3


@click.command()
@click.option("--email", help="The account's address; asked for if it is left out.")
@click.option("--api-key", is_flag=True, help="Store an API key, which is asked for, in place of signing in.")
@options.URL
@click.option("--stage", help="A name for the stage of --url, for --stage of later commands; or the name that it has.")
@options.terminal
def login(email: str | None, api_key: bool, url: str | None, stage: str | None, out: Output) -> None:
    """Sign in at a stage, and store its tokens for later commands.

    The password is asked for, then the code of the second factor or a new password where the account needs one. Without
    a terminal, each is read from a line of stdin. Only tokens are stored, in a file that nobody else may read.
    """
    given = url or os.environ.get(stages.URL_VARIABLE)
    address = stages.choose(given, None if given else stage)
    session = _with_key(address) if api_key else _with_password(address, email)
    session.name = stage or ""
    stages.store(address, session)
    kind = "an API key" if session.api_key else session.who
    out.answer(
        {"success": True, "url": address, "stage": session.name or None, "email": session.who or None},
        f"Signed in at {address} as {kind}." if session.who else f"The API key is stored for {address}.",
    )


@click.command()
@click.option("--everywhere", is_flag=True, help="End all sessions of the account, on other machines too.")
@options.URL
@options.STAGE
@options.terminal
def logout(everywhere: bool, url: str | None, stage: str | None, out: Output) -> None:
    """Remove what login stored for a stage."""
    address = stages.choose(url, stage)
    if everywhere:
        Api(address, stages.find(address) or Session()).call("sign_out")
    was_there = stages.forget(address)
    text = f"Signed out at {address}." if was_there else f"You were not signed in at {address}."
    out.answer({"success": True, "url": address, "wasSignedIn": was_there}, text)


def _with_key(address: str) -> Session:
    session = Session(api_key=_ask("API key"))
    # Every kind of key may see its owner's usage.
    Api(address, session).call("get_usage")
    return session


def _with_password(address: str, email: str | None) -> Session:
    api = Api(address, Session())
    email = email or _ask("E-mail address", hidden=False)
    answer = api.call("sign_in", anonymous=True, email=email, password=_ask("Password"))
    while "challenge" in answer:
        answer = _answer_challenge(api, answer)
    return Session(
        who=email.lower(),
        access_token=answer["accessToken"],
        refresh_token=answer["refreshToken"],
        expires_at=time.time() + answer["expiresIn"],
    )


def _answer_challenge(api: Api, asked: Answer) -> Answer:
    if asked["challenge"] not in _CHALLENGES:
        raise DarkroomError(f"The stage asks for {asked['challenge']}, which this version of darkroom cannot answer.")
    question = _CHALLENGES[asked["challenge"]]
    for tries_left in reversed(range(_TRIES)):
        try:
            return api.call(
                "answer_challenge",
                anonymous=True,
                challenge=asked["challenge"],
                session=asked["session"],
                answer=_ask(question),
            )
        except ApiError as error:
            # A code was mistyped, or the new password is too weak: the session takes another one.
            may_try_again = error.status in (400, 403) and error.code != "PERMISSION_DENIED"
            if not (tries_left and may_try_again and sys.stdin.isatty()):
                raise
            click.echo(f"darkroom: {error.line}", err=True)
    raise AssertionError("the last try returns or raises")


def _ask(question: str, *, hidden: bool = True) -> str:
    """A line from the terminal, or from stdin.

    Raises:
        NotSignedInError: stdin has no more lines.
    """
    if sys.stdin.isatty():
        answer: Any = click.prompt(question, hide_input=hidden, err=True)
        return str(answer)
    line = sys.stdin.readline()
    if not line.strip():
        raise NotSignedInError(f"{question}: stdin has no such line.")
    return line.rstrip("\r\n")
