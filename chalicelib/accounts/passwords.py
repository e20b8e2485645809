"""The rules for passwords."""

import re

from chalicelib.core.errors import InvalidRequestError

# The rules of the user pool (infra/resources.yaml). Checked here first, so that a weak password gets the same
# response whether or not the address is registered.
_PASSWORD_RULES = {
    r".{12}": "at least 12 characters",
    r"[a-z]": "a small letter",
    r"[A-Z]": "a capital letter",
    r"[0-9]": "a digit",
    r"[\^$*.\[\]{}()?\"!@#%&/\\,><':;|_~`=+-]": "a symbol",
}


def check(password: str) -> None:
    """Raises InvalidRequestError if the password breaks a rule."""
    missing = [wording for pattern, wording in _PASSWORD_RULES.items() if not re.search(pattern, password)]
    if missing:
        raise InvalidRequestError(details=[{"field": "password", "message": f"must have {', '.join(missing)}"}])
