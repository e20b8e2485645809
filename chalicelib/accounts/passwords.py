"""The rules that a password follows."""

import re

from chalicelib.core.errors import InvalidRequestError

# The user pool's own rules (infra/resources.yaml), held here first so that a weak password
# is refused alike whether or not the address is taken.
_PASSWORD_RULES = {
    r".{12}": "at least 12 characters",
    r"[a-z]": "a small letter",
    r"[A-Z]": "a capital letter",
    r"[0-9]": "a digit",
    r"[\^$*.\[\]{}()?\"!@#%&/\\,><':;|_~`=+-]": "a symbol",
}


def check(password: str) -> None:
    lacking = [wording for pattern, wording in _PASSWORD_RULES.items() if not re.search(pattern, password)]
    if lacking:
        raise InvalidRequestError(details=[{"field": "password", "message": f"must have {', '.join(lacking)}"}])
